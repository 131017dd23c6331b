"""What the rewards in a replay buffer were predicted on, kept beside it.

The agent's own layers may scale, stack, flip or filter what the wrapper saw before SB3 stores it.
What is kept here comes from the wrapper itself: whatever lies above it, the rewards computed anew
are of the very numbers that were paid for.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.imports import named_extras
from gym_rated.segments.encoding import ActionEncoder, ObservationEncoder
from gym_rated.segments.sizes import announce_memory
from gym_rated.wrappers.recording import spaces_of
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards

with named_extras():
    from stable_baselines3.common.buffers import ReplayBuffer

CHUNK = 65_536  # transitions of which the rewards are predicted at once


class PaidRows:
    """Encoded observations and actions, a row for each row of a replay buffer.

    Args:
        buffer: The agent's.
        wrappers: The learned wrappers that pay: one of N environments, or N of one each.

    Raises:
        ValueError: If these are not the N environments of the buffer, or memory does not suffice.
    """

    def __init__(self, buffer: ReplayBuffer, wrappers: list[Any]) -> None:
        spaces = [spaces_of(wrapper) for wrapper in wrappers]
        num_envs = sum(space.num_envs or 1 for space in spaces)
        if num_envs != buffer.n_envs:
            raise ValueError(
                f"`env` must hold LearnedRewardWrapper around each of {buffer.n_envs} environments "
                f"of the replay buffer, got {num_envs}"
            )
        paying = [wrapper._learned.reward_fn for wrapper in wrappers]
        if any(reward_fn != paying[0] for reward_fn in paying):
            raise ValueError(
                "`env` must pay all environments of a replay buffer with one reward function, got "
                f"{paying}"
            )
        self.reward_fn: RewardFn = paying[0]
        encoder = ObservationEncoder(spaces[0].observation, wrappers[0].features)
        action_dim = ActionEncoder(spaces[0].action).dim
        shape = buffer.buffer_size, num_envs
        num_bytes = (encoder.dim * encoder.dtype.itemsize + 4 * action_dim) * shape[0] * num_envs
        announce_memory(
            "buffer_size", num_bytes, "for what its rewards were paid for; use a smaller one"
        )
        self.buffer = buffer
        self._wrappers = wrappers
        self._obs = np.zeros((*shape, encoder.dim), encoder.dtype)
        self._actions = np.zeros((*shape, action_dim), np.float32)
        self._next_row = 0
        self._noted: Any = None

    @property
    def covers_buffer(self) -> bool:
        """Whether each row of the buffer is known."""
        return bool(self._next_row == self.buffer.pos)

    def take_over(self, start: int, obs: NDArray[Any], actions: NDArray[np.float32]) -> None:
        """Keep rows that the buffer holds already, shapes (B * N, D) and (B * N, A)."""
        rows = slice(start, start + len(obs) // self.buffer.n_envs)
        self._obs[rows] = obs.reshape(-1, *self._obs.shape[1:])
        self._actions[rows] = actions.reshape(-1, *self._actions.shape[1:])
        self._next_row = self.buffer.pos

    def note(self) -> None:
        """Take note of the step just taken, which SB3 is about to store."""
        self.settle()
        paid = [wrapper._learned.paid for wrapper in self._wrappers]
        self._noted = [np.concatenate(columns) for columns in zip(*paid, strict=True)]

    def settle(self) -> None:
        """Keep the step noted last, now that it is stored; one that was not is forgotten.

        Raises:
            RuntimeError: If something else was stored than was paid.
        """
        if self._noted is None:
            return
        (obs, actions, rewards), self._noted = self._noted, None
        row, buffer = self._next_row, self.buffer
        if buffer.pos == row and buffer.buffer_size > 1:
            return  # training was stopped before it was stored
        stored = buffer.rewards[row]
        if buffer.pos != (row + 1) % buffer.buffer_size or (stored != np.float32(rewards)).any():
            raise RuntimeError(
                f"`replay_buffer` must store the rewards that LearnedRewardWrapper paid, {rewards} "
                f"in row {row}, got {stored} with {buffer.pos} as the next row; is there something "
                "that changes rewards above it, or FitCallback not called at every step?"
            )
        self._obs[row], self._actions[row] = obs, actions
        self._next_row = buffer.pos

    def relabel(self, reward_fn: RewardFn) -> None:
        """Compute all rewards in the buffer anew."""
        self.settle()
        length, num_envs = self.buffer.size(), self.buffer.n_envs
        for rows in chunks(length, num_envs):
            obs = self._obs[rows].reshape(-1, self._obs.shape[-1])
            actions = self._actions[rows].reshape(-1, self._actions.shape[-1])
            rewards = predict_rewards(reward_fn, obs, actions)
            self.buffer.rewards[rows] = rewards.reshape(-1, num_envs)


def chunks(length: int, num_envs: int) -> list[slice]:
    """Return slices of rows of N transitions that are predicted at once."""
    at_once = max(1, CHUNK // num_envs)
    return [slice(i, min(length, i + at_once)) for i in range(0, length, at_once)]
