"""The rewards in a replay buffer, computed anew after a fit."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gym_rated.agents.sb3.above import Above, above, refuse_changes, stored_through
from gym_rated.agents.sb3.paid import chunks
from gym_rated.imports import named_extras
from gym_rated.segments.encoding import Features, ObservationEncoder, encode_actions
from gym_rated.wrappers.encoded import agreed_features
from gym_rated.wrappers.recording import spaces_of
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards, resolve_reward_fn
from gym_rated.wrappers.stacking import PaysLearned, RatingWrapper

with named_extras():
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.vec_env import VecEnv, VecTransposeImage
    from stable_baselines3.her.her_replay_buffer import HerReplayBuffer


def relabel(
    replay_buffer: ReplayBuffer,
    reward_fn: RewardFn,
    *,
    env: Any,
    features: Features | str | None = None,
) -> int:
    """Compute the rewards of all stored transitions anew (PEBBLE, Lee et al. 2021, section 4.2).

    SB3 stores the reward of the day; after a fit it is stale, and the critic learns from old and
    new reward functions at once. What was paid for is brought back from what is stored: SB3 stores
    raw observations also under `VecNormalize`, images channels first, and Box actions scaled to
    [-1, 1]. Other layers that change what the wrappers saw are refused; `FitCallback` has no need
    to, because it remembers what was paid for.

    Args:
        replay_buffer: `agent.replay_buffer` of SAC, TD3, DDPG or DQN.
        reward_fn: What the `LearnedRewardWrapper` predicts with.
        env: The agent's environment, `agent.get_env()`: it says what lies above the wrappers, and
            has their `features`. One of the rating wrappers will do while the newest stored
            transition is its newest step.
        features: Those of the wrappers are taken; given, they must be the same.

    Returns:
        How many rewards were computed.

    Raises:
        TypeError: If the buffer is no replay buffer, or computes rewards of its own (hindsight).
        ValueError: If `features` are not those of the wrappers in `env`, or what is stored is not,
            and cannot be brought back to, what these saw; if `reward_fn` returns another shape or a
            value that is not finite. No reward is changed then.
    """
    reward_fn = resolve_reward_fn(reward_fn)
    if not isinstance(replay_buffer, ReplayBuffer):
        raise TypeError(
            "`replay_buffer` must be the ReplayBuffer of an off-policy agent, got "
            f"{type(replay_buffer).__name__}; rollouts are paid anew each time and need no relabel"
        )
    refuse_hindsight(replay_buffer)
    stored = Stored(replay_buffer, env, features)
    rewards = np.empty_like(replay_buffer.rewards[: replay_buffer.size()])
    for rows in chunks(len(rewards), replay_buffer.n_envs):
        predicted = predict_rewards(reward_fn, *stored.rows(rows))
        rewards[rows] = predicted.reshape(-1, replay_buffer.n_envs)
    replay_buffer.rewards[: len(rewards)] = rewards
    return int(rewards.size)


def refuse_hindsight(buffer: ReplayBuffer) -> None:
    """Raise TypeError for a buffer that asks the environment for rewards of other goals."""
    if isinstance(buffer, HerReplayBuffer):
        raise TypeError(
            "`replay_buffer` must keep the rewards that were paid, got HerReplayBuffer, which has "
            "the environment compute those of other goals; use ReplayBuffer or DictReplayBuffer"
        )


class Stored:
    """What a replay buffer stores, as the reward function got it from the wrappers.

    Args:
        buffer: The agent's.
        env: As in `relabel`, like `features`.
        features: See there.
    """

    def __init__(self, buffer: ReplayBuffer, env: Any, features: Any) -> None:
        if env is None:
            raise ValueError(
                "`env` must be the agent's environment, agent.get_env(), got None: what is stored "
                "does not say what lay above the rating wrappers"
            )
        self._buffer = buffer
        if isinstance(env, VecEnv):
            _check_spaces(buffer, env)
        found = above(env, RatingWrapper)
        self.features = agreed_features(found.wrappers, features)
        refuse_changes(found.layers)
        self._seen = spaces_of(found.wrappers[0]).observation
        transposing = [x for x in stored_through(found.layers) if isinstance(x, VecTransposeImage)]
        self._is_transposed = any(not layer.skip for layer in transposing)
        if not isinstance(env, VecEnv):  # nobody knows what lies above
            self._is_transposed = self._find_out(found)

    def rows(self, rows: slice) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return encoded observations and actions, shapes (B * N, D) and (B * N, A)."""
        stored = self._buffer.observations
        if isinstance(stored, dict):
            return self._encode({k: x[rows] for k, x in stored.items()}), self._actions(rows)
        return self._encode(stored[rows]), self._actions(rows)

    def _find_out(self, found: Above) -> bool:
        """Return whether images were turned, by the newest step of a wrapper."""
        known = _newest_of(found.wrappers[0])
        row = (self._buffer.pos - 1) % self._buffer.buffer_size
        for self._is_transposed in (False, True):
            try:
                obs, actions = self.rows(slice(row, row + 1))
            except ValueError:
                if self._is_transposed:
                    raise
                continue
            if known is not None and np.array_equal(obs, known[0]):
                if np.allclose(actions, known[1], atol=1e-5):
                    return self._is_transposed
        raise ValueError(
            "`env` must be the agent's environment, agent.get_env(), got "
            f"{type(found.wrappers[0]).__name__}, whose newest step is not the newest that is "
            "stored: something above changed it, or stepped the environment since"
        )

    def _encode(self, obs: Any) -> NDArray[Any]:
        """Encode stored observations, shape (B, N, ...) or a dict of them."""
        seen = self._seen
        if isinstance(obs, dict) and isinstance(seen, spaces.Dict):
            shaped: Any = {key: self._shaped(obs[key], space) for key, space in seen.items()}
            length = len(next(iter(shaped.values())))
            return ObservationEncoder(seen, self.features, length)(shaped)
        flat = obs.reshape(-1, *obs.shape[2:])
        if seen.shape is None or not self._has_shape(flat, seen):
            return self._unflattened(flat)
        shaped = self._shaped(obs, seen)
        return ObservationEncoder(seen, self.features, len(shaped))(shaped)

    def _has_shape(self, flat: NDArray[Any], space: Any) -> bool:
        shape = (*space.shape[-1:], *space.shape[:-1]) if self._turns(space) else space.shape
        return bool(flat[0].size == int(np.prod(shape)) and flat.shape[1:] in (shape, (1, *shape)))

    def _turns(self, space: Any) -> bool:
        return bool(self._is_transposed and len(space.shape) == 3)

    def _shaped(self, obs: NDArray[Any], space: Any) -> NDArray[Any]:
        """Return stored observations of one space in its own shape, (B * N, ...)."""
        if self._turns(space):  # undoes SB3's VecTransposeImage
            height, width, depth = space.shape
            return np.moveaxis(obs.reshape(-1, depth, height, width), 1, -1)
        return obs.reshape(-1, *space.shape)

    def _unflattened(self, flat: NDArray[Any]) -> NDArray[Any]:
        seen = self._seen
        if not seen.is_np_flattenable or flat.shape[1:] != (spaces.flatdim(seen),):
            raise ValueError(
                f"`replay_buffer` must store what the rating wrappers saw, {seen}, got "
                f"observations of shape {flat.shape[1:]}; change observations below the rating "
                "wrappers"
            )
        encode = ObservationEncoder(seen, self.features)
        return np.concatenate([encode(spaces.unflatten(seen, row)) for row in flat])

    def _actions(self, rows: slice) -> NDArray[np.float32]:
        space = self._buffer.action_space
        actions = self._buffer.actions[rows].reshape(-1, *(space.shape or ()))
        if isinstance(space, spaces.Box):
            low, high = space.low, space.high
            actions = low + 0.5 * (actions + 1.0) * (high - low)  # undoes SB3's scale_action
        return encode_actions(space, actions)


def _check_spaces(buffer: ReplayBuffer, env: VecEnv) -> None:
    """Raise ValueError for a buffer of another agent, whose actions are scaled otherwise."""
    for name in ("observation_space", "action_space"):
        stored, here = getattr(buffer, name), getattr(env, name)
        if stored != here:
            raise ValueError(
                "`env` must be the environment of the agent that filled `replay_buffer`, got one "
                f"with {name} {here}, where the buffer has {stored}; pass agent.get_env()"
            )


def _newest_of(wrapper: Any) -> tuple[NDArray[Any], NDArray[np.float32]] | None:
    """Return what the newest step of a rating wrapper began with, and its actions."""
    if isinstance(wrapper, PaysLearned):
        paid = wrapper._learned.paid
        return None if paid is None else (paid.obs, paid.actions)
    buffer = wrapper._feedback.buffer
    return (buffer.obs_before, buffer.newest_actions) if buffer.num_rows else None
