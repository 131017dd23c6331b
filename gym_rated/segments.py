"""Segments: windows of one episode, and the bounded buffer they are cut from.

A segment is what a rater judges and a reward model learns from. Rules of cutting:

* A segment never spans a reset, and two segments of one run never overlap.
* A segment has `segment_length` steps. It is shorter only where the episode *terminated*: a fall is
  a matter of quality. What a time limit or a reset by the user cuts short is short for no reason of
  quality, and is not rated (measured: with it, Pendulum does not learn at all).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Origin:
    """Where a segment was cut: enough to find, or replay, the moment."""

    env_index: int
    """Index of the sub-environment, 0 in a single environment."""
    episode: int
    """Number of the episode in that sub-environment, from 0."""
    first_step: int
    """Step of the episode at which the segment begins, from 0."""
    policy_step: int
    """Environment steps, summed over sub-environments, that the run had taken by then."""


@dataclass(frozen=True, eq=False)
class Segment:
    """A window of T steps of one episode (T <= `segment_length`).

    Attributes:
        id: Unique in the run.
        obs: Raw, flattened observation before each step, shape (T, D).
        actions: Encoded action of each step, shape (T, A): clipped Box values, or one-hot.
        true_rewards: The environment's own reward of each step, shape (T,). Read by synthetic
            raters and by evaluation only; a `RatingDataset` drops it.
        round: Number of the query that asked for it. Ratings of one rater and one round share a
            scale.
        origin: Where it was cut.
    """

    id: str
    obs: NDArray[np.float32]
    actions: NDArray[np.float32]
    true_rewards: NDArray[np.float64]
    round: int
    origin: Origin

    def __len__(self) -> int:
        """Return the number of steps T."""
        return len(self.actions)


@dataclass(frozen=True)
class _Window:
    env_index: int
    first_row: int
    length: int


class SegmentBuffer:
    """The last `capacity` steps of N environments, as a ring of rows with one step of each.

    Args:
        num_envs: Number of environments N.
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        segment_length: Steps of a full segment, at least 1.
        capacity: Steps kept, summed over environments; each needs room for one segment.

    Raises:
        ValueError: If a size is out of range, or a segment does not fit.
    """

    def __init__(
        self,
        num_envs: int,
        obs_dim: int,
        action_dim: int,
        *,
        segment_length: int = 50,
        capacity: int = 200_000,
    ) -> None:
        if segment_length < 1:
            raise ValueError(f"`segment_length` must be at least 1, got {segment_length}")
        if capacity // num_envs < segment_length:
            raise ValueError(
                f"`capacity` must hold a segment of {segment_length} steps for each of {num_envs} "
                f"environments, got {capacity} steps; use at least {num_envs * segment_length}"
            )
        self.num_envs = num_envs
        self.segment_length = segment_length
        rows = capacity // num_envs + 1  # one row is always being filled
        self._obs = np.zeros((rows, num_envs, obs_dim), np.float32)
        self._actions = np.zeros((rows, num_envs, action_dim), np.float32)
        self._rewards = np.zeros((rows, num_envs), np.float64)
        self._valid = np.zeros((rows, num_envs), np.bool_)
        self._terminated = np.zeros((rows, num_envs), np.bool_)
        self._episodes = np.zeros((rows, num_envs), np.int32)
        self._starts = np.zeros((rows, num_envs), np.int64)  # row in which the episode began
        self._row = 0  # rows ever filled
        self._first_unasked = 0  # rows before this one have been offered to a rater
        self._episode = np.full(num_envs, -1, np.int32)
        self._start = np.zeros(num_envs, np.int64)
        self._ended = np.zeros(num_envs, np.bool_)  # episodes without a successor yet
        self._any_ended = False

    def __len__(self) -> int:
        """Return the number of steps kept, summed over environments."""
        return min(self._row, len(self._obs) - 1) * self.num_envs

    def begin(self, obs: NDArray[np.float32], which: NDArray[np.bool_] | None = None) -> None:
        """Start an episode from the observations of a reset.

        Args:
            obs: First observations, shape (N, D).
            which: Environments that were reset, shape (N,); all by default.
        """
        which = np.ones(self.num_envs, np.bool_) if which is None else which
        self._obs[self._row % len(self._obs), which] = obs[which]
        self._episode += which
        self._start[which] = self._row
        self._ended &= ~which
        self._any_ended = bool(self._ended.any())

    def record(
        self,
        actions: NDArray[np.float32],
        rewards: Any,
        terminated: Any,
        done: Any,
        next_obs: NDArray[np.float32],
        valid: NDArray[np.bool_] | bool = True,
    ) -> None:
        """Record one step of every environment.

        Args:
            actions: Encoded actions, shape (N, A).
            rewards: True rewards, shape (N,) or a number.
            terminated: Episode ended in a terminal state, shape (N,) or a bool.
            done: Episode ended, for whatever reason, shape (N,) or a bool.
            next_obs: Encoded observations that the step returned, shape (N, D). After the end of
                an episode this must be what the next action answers to: what a reset returned, as
                soon as there is one.
            valid: False where the row is no transition (the reset step of next-step autoreset).
        """
        row = self._row % len(self._obs)
        if self._any_ended:
            self._start_next_episodes(valid)
        self._actions[row] = actions
        self._rewards[row] = rewards
        self._valid[row] = valid
        self._terminated[row] = terminated
        self._episodes[row] = self._episode
        self._starts[row] = self._start
        if done if isinstance(done, bool) else done.any():
            self._ended |= done
            self._any_ended = True
        self._row += 1
        self._obs[self._row % len(self._obs)] = next_obs

    def _start_next_episodes(self, valid: NDArray[np.bool_] | bool) -> None:
        begins = self._ended & valid  # a reset step belongs to no episode
        self._episode += begins
        self._start[begins] = self._row
        self._ended &= ~begins
        self._any_ended = bool(self._ended.any())

    @property
    def steps(self) -> int:
        """Environment steps ever recorded, summed over environments (reset steps included)."""
        return self._row * self.num_envs

    def cut(self, num: int, rng: np.random.Generator, round: int) -> list[Segment]:
        """Cut up to `num` segments at random from the steps recorded since `mark_asked`.

        The windows tile each stretch of an episode, so that none overlap: from its beginning up to a
        termination, so that no fall is missed, otherwise at a random offset.

        Args:
            num: Most segments to return.
            rng: Source of the choice.
            round: Number of the query, stored in the segments.

        Returns:
            Segments in random order, fewer than `num` where there are not enough steps.
        """
        windows = [w for env in range(self.num_envs) for w in self._tile(env, rng)]
        chosen = rng.permutation(len(windows))[:num]
        return [self._segment(windows[i], round) for i in chosen]

    def mark_asked(self) -> None:
        """Offer the steps recorded so far to no later `cut`."""
        self._first_unasked = self._row

    def _tile(self, env_index: int, rng: np.random.Generator) -> Iterator[_Window]:
        for first_row, length in self._stretches(env_index):
            full, rest = divmod(length, self.segment_length)
            terminated = self._terminated[(first_row + length - 1) % len(self._obs), env_index]
            offset = 0 if terminated else int(rng.integers(rest + 1))
            for i in range(full):
                start = first_row + offset + i * self.segment_length
                yield _Window(env_index, start, self.segment_length)
            if terminated and rest:
                yield _Window(env_index, first_row + length - rest, rest)

    def _stretches(self, env_index: int) -> Iterator[tuple[int, int]]:
        """Yield (first row, length) of each run of transitions of one episode not yet asked."""
        rows = np.arange(max(self._first_unasked, self._row - len(self._obs) + 1), self._row)
        slots = rows % len(self._obs)
        rows = rows[self._valid[slots, env_index]]
        if len(rows) == 0:
            return
        episodes = self._episodes[rows % len(self._obs), env_index]
        breaks = np.flatnonzero(np.diff(episodes)) + 1
        for stretch in np.split(rows, breaks):
            yield int(stretch[0]), len(stretch)

    def _segment(self, window: _Window, round: int) -> Segment:
        slots = np.arange(window.first_row, window.first_row + window.length) % len(self._obs)
        env = window.env_index
        origin = Origin(
            env_index=env,
            episode=int(self._episodes[slots[0], env]),
            first_step=window.first_row - int(self._starts[slots[0], env]),
            policy_step=window.first_row * self.num_envs,
        )
        return Segment(
            id=f"{env}-{origin.episode}-{origin.first_step}",
            obs=self._obs[slots, env],
            actions=self._actions[slots, env],
            true_rewards=self._rewards[slots, env],
            round=round,
            origin=origin,
        )

    _ARRAYS = ("_obs", "_actions", "_rewards", "_valid", "_terminated", "_episodes", "_starts")
    _CURSORS = ("_row", "_first_unasked", "_episode", "_start", "_ended", "_any_ended")

    def state_dict(self) -> dict[str, Any]:
        """Return everything recorded, for a checkpoint; unused rows are left out."""
        used = min(self._row + 1, len(self._obs))
        state: dict[str, Any] = {name: getattr(self, name)[:used] for name in self._ARRAYS}
        return state | {name: getattr(self, name) for name in self._CURSORS}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned on a buffer of the same sizes."""
        for name in self._ARRAYS:
            array = state[name]
            if array.shape[1:] != getattr(self, name).shape[1:] or len(array) > len(self._obs):
                raise ValueError(
                    f"`state` must come from a buffer of the same sizes, got `{name}` of shape "
                    f"{array.shape} for {getattr(self, name).shape}"
                )
        for name in self._ARRAYS:
            getattr(self, name)[: len(state[name])] = state[name]
        for name in self._CURSORS:
            value = state[name]
            setattr(self, name, value.copy() if isinstance(value, np.ndarray) else value)
