"""The rewards in a replay buffer, computed anew after a fit."""

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gym_rated.imports import named_extras
from gym_rated.segments.encoding import Features, ObservationEncoder, encode_actions
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards

with named_extras():
    from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

_CHUNK = 65_536  # stored transitions of which the rewards are predicted at once


def relabel(
    replay_buffer: ReplayBuffer, reward_fn: RewardFn, *, features: Features | None = None
) -> int:
    """Compute the rewards of all stored transitions anew (PEBBLE, Lee et al. 2021, section 4.2).

    SB3 stores the reward of the day; after a fit it is stale, and the critic learns from old and
    new reward functions at once. SB3 stores raw observations also under `VecNormalize`, and Box
    actions scaled to [-1, 1]: they are scaled back. Images it stores channels first, and so does
    `features` get them.

    Args:
        replay_buffer: `agent.replay_buffer` of SAC, TD3, DDPG or DQN.
        reward_fn: What the `LearnedRewardWrapper` predicts with.
        features: As in the wrapper.

    Returns:
        How many rewards were computed.

    Raises:
        TypeError: If the buffer stores observations of a Dict space.
        ValueError: If `reward_fn` returns another shape or a value that is not finite.
    """
    if isinstance(replay_buffer, DictReplayBuffer):
        raise TypeError(
            "`replay_buffer` must store observations in one array, got DictReplayBuffer; "
            "flatten them with FlattenObservation above LearnedRewardWrapper"
        )
    length = replay_buffer.size()
    rows_at_once = max(1, _CHUNK // replay_buffer.n_envs)
    for start in range(0, length, rows_at_once):
        rows = slice(start, min(length, start + rows_at_once))
        obs, actions = _encoded(replay_buffer, rows, features)
        rewards = predict_rewards(reward_fn, obs, actions)
        replay_buffer.rewards[rows] = rewards.reshape(-1, replay_buffer.n_envs)
    return length * replay_buffer.n_envs


def _encoded(
    buffer: ReplayBuffer, rows: slice, features: Features | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return stored observations and actions as the reward function gets them from the wrapper."""
    space, action_space = buffer.observation_space, buffer.action_space
    obs = buffer.observations[rows].reshape(-1, *(space.shape or ()))
    actions = buffer.actions[rows].reshape(-1, *(action_space.shape or ()))
    if isinstance(action_space, spaces.Box):
        low, high = action_space.low, action_space.high
        actions = low + 0.5 * (actions + 1.0) * (high - low)  # undoes SB3's scale_action
    encoder = ObservationEncoder(space, features, len(obs))
    return encoder(obs), encode_actions(action_space, actions)
