"""The rewards in a replay buffer, computed anew after a fit."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gym_rated.agents.sb3.vec_env import SB3VecEnv
from gym_rated.imports import named_extras
from gym_rated.segments.encoding import Features, ObservationEncoder, encode_actions
from gym_rated.wrappers.encoded import agreed_features
from gym_rated.wrappers.recording import spaces_of
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards
from gym_rated.wrappers.stacking import RatingWrapper, outermost

with named_extras():
    from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
    from stable_baselines3.common.vec_env import VecEnvWrapper

_CHUNK = 65_536  # stored transitions of which the rewards are predicted at once


def relabel(
    replay_buffer: ReplayBuffer,
    reward_fn: RewardFn,
    *,
    env: Any = None,
    features: Features | str | None = None,
) -> int:
    """Compute the rewards of all stored transitions anew (PEBBLE, Lee et al. 2021, section 4.2).

    SB3 stores the reward of the day; after a fit it is stale, and the critic learns from old and
    new reward functions at once. SB3 stores raw observations also under `VecNormalize`, and Box
    actions scaled to [-1, 1]: they are scaled back.

    Args:
        replay_buffer: `agent.replay_buffer` of SAC, TD3, DDPG or DQN.
        reward_fn: What the `LearnedRewardWrapper` predicts with.
        env: The agent's environment, `agent.get_env()`, or one of its rating wrappers: from there
            `features` are taken. They get images as the wrappers do, though SB3 stores them
            channels first, and a structure that FlattenObservation made flat as it was.
        features: As in the wrappers, and the same. Without `env` they get what is stored as it is.

    Returns:
        How many rewards were computed.

    Raises:
        TypeError: If the buffer stores observations of a Dict space.
        ValueError: If `features` are not those of the wrappers in `env`, or what is stored cannot
            be what these saw; if `reward_fn` returns another shape or a value that is not finite.
    """
    if isinstance(replay_buffer, DictReplayBuffer):
        raise TypeError(
            "`replay_buffer` must store observations in one array, got DictReplayBuffer; "
            "flatten them with FlattenObservation above LearnedRewardWrapper"
        )
    rating_wrappers = _rating_wrappers(env)
    features = agreed_features(rating_wrappers, features)
    stored = replay_buffer.observation_space
    has_seen = features is not None and rating_wrappers  # without features, flat is flat
    seen = spaces_of(rating_wrappers[0]).observation if has_seen else stored
    length = replay_buffer.size()
    rows_at_once = max(1, _CHUNK // replay_buffer.n_envs)
    for start in range(0, length, rows_at_once):
        rows = slice(start, min(length, start + rows_at_once))
        obs = replay_buffer.observations[rows].reshape(-1, *(stored.shape or ()))
        encoded = _encode_stored(obs, seen, features)
        rewards = predict_rewards(reward_fn, encoded, _actions(replay_buffer, rows))
        replay_buffer.rewards[rows] = rewards.reshape(-1, replay_buffer.n_envs)
    return length * replay_buffer.n_envs


def _rating_wrappers(env: Any) -> list[RatingWrapper]:
    """Return the outermost rating wrapper of an environment, or of each of those inside it."""
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    return outermost(env.gymnasium_envs if isinstance(env, SB3VecEnv) else env, RatingWrapper)


def _encode_stored(
    obs: NDArray[Any], seen: spaces.Space[Any], features: Features | str | None
) -> NDArray[Any]:
    """Encode stored observations, shape (B, ...), of what were observations of the space `seen`."""
    shape = seen.shape
    if shape is not None and obs.shape[1:] == (shape[-1:] + shape[:-1]) != shape:
        obs = np.moveaxis(obs, 1, -1)  # undoes SB3's VecTransposeImage
    if obs.shape[1:] == shape:
        return ObservationEncoder(seen, features, len(obs))(obs)
    if not seen.is_np_flattenable or obs.shape[1:] != (spaces.flatdim(seen),):
        raise ValueError(
            f"`replay_buffer` must store what the rating wrappers saw, {seen}, got observations of "
            f"shape {obs.shape[1:]}; change observations below the rating wrappers"
        )
    encode = ObservationEncoder(seen, features)
    return np.concatenate([encode(spaces.unflatten(seen, row)) for row in obs])


def _actions(buffer: ReplayBuffer, rows: slice) -> NDArray[np.float32]:
    """Return stored actions as the reward function gets them from the wrapper."""
    space = buffer.action_space
    actions = buffer.actions[rows].reshape(-1, *(space.shape or ()))
    if isinstance(space, spaces.Box):
        low, high = space.low, space.high
        actions = low + 0.5 * (actions + 1.0) * (high - low)  # undoes SB3's scale_action
    return encode_actions(space, actions)
