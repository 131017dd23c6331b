"""The bounded buffer of steps that segments are cut from.

Rules of cutting:

* A segment never spans a reset, and two segments of one run never overlap.
* A segment has `segment_length` steps, or one of several lengths. It is shorter only where the
  episode *terminated*: a fall is a matter of quality. What a time limit or a reset by the user cuts
  short is short for no reason of quality, and is not rated (measured: with it, Pendulum does not
  learn at all).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import truth, whole_number, whole_numbers
from gym_rated.segments.episodes import Episode, Episodes
from gym_rated.segments.frames import pack_frames, unpack_frames
from gym_rated.segments.recent import RecentSteps
from gym_rated.segments.segment import Origin, Segment
from gym_rated.segments.sizes import announce_memory

_CAPACITY = 200_000  # steps kept by default
_SEGMENTS_OF_EACH = 4  # and at least room for these


@dataclass(frozen=True)
class _Window:
    env_index: int
    episode: Episode
    first_row: int
    length: int


class SegmentBuffer:
    """The last `capacity` steps of N environments, as a ring of rows with one step of each.

    Args:
        num_envs: Number of environments N.
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        segment_length: Steps of a full segment, at least 1; or several lengths, of which each
            window gets one at random.
        capacity: Steps kept, summed over environments; each needs room for the longest segment.
            None keeps 200,000, or four of the longest segments of each environment if that is more.
        record_replay: Keep the raw actions of each episode in the ring from its first step on,
            even those of steps that the ring has lost.
        record_frames: Keep the pictures of steps until a rater was offered them, and cut segments
            only where every step has one.
        obs_dtype: Type of an encoded observation. The ring takes `capacity` * (D * its size + 4 A
            + 8) bytes.

    Raises:
        TypeError: If a size is no int.
        ValueError: If a size is out of range, or a segment does not fit.
    """

    def __init__(
        self,
        num_envs: int,
        obs_dim: int,
        action_dim: int,
        *,
        segment_length: int | Sequence[int] = 10,
        capacity: int | None = None,
        record_replay: bool = False,
        record_frames: bool = False,
        obs_dtype: np.typing.DTypeLike = np.float32,
    ) -> None:
        self.num_envs = num_envs
        self.segment_lengths = whole_numbers("segment_length", segment_length)
        longest = self.segment_lengths[-1]
        self.record_replay = truth("record_replay", record_replay)
        self.record_frames = truth("record_frames", record_frames)
        self._capacity_is_default = capacity is None
        if capacity is None:
            capacity = max(_CAPACITY, _SEGMENTS_OF_EACH * longest * num_envs)
        self._rows_kept = whole_number("capacity", capacity) // num_envs
        if self._rows_kept < longest:
            raise ValueError(
                f"`capacity` must hold a segment of {longest} steps for each of {num_envs} "
                f"environments, got {capacity} steps; use at least {num_envs * longest}"
            )
        self._rows = self._rows_kept + 1  # one row is always being filled
        step_bytes = obs_dim * np.dtype(obs_dtype).itemsize + 4 * action_dim + 8
        announce_memory(
            "capacity",
            self._rows * num_envs * step_bytes,
            f"for {self._rows_kept * num_envs} steps of {step_bytes} bytes; use a smaller one, "
            "`features` that make a shorter vector of an observation, or uint8 images",
        )
        self._obs = np.zeros((self._rows, num_envs, obs_dim), obs_dtype)
        self._actions = np.zeros((self._rows, num_envs, action_dim), np.float32)
        self._rewards = np.zeros((self._rows, num_envs), np.float64)
        self._frames = np.full((self._rows if record_frames else 0, num_envs), None)
        self._row = 0  # rows ever filled
        self._first_unasked = 0  # rows before this one have been offered to a rater
        self._episodes = Episodes(num_envs)

    def __len__(self) -> int:
        """Return the number of steps kept, summed over environments."""
        return min(self._row, self._rows_kept) * self.num_envs

    @property
    def steps(self) -> int:
        """Environment steps ever recorded, summed over environments (reset steps included)."""
        return self._row * self.num_envs

    @property
    def num_rows(self) -> int:
        """Rows ever recorded: steps of each environment."""
        return self._row

    @property
    def newest_actions(self) -> NDArray[np.float32]:
        """Encoded actions of the newest step, shape (N, A); they lie in the ring too."""
        return self._actions[(self._row - 1) % self._rows]  # type: ignore[no-any-return]  # a row

    @property
    def obs_before(self) -> NDArray[Any]:
        """Encoded observations that the newest step started from, shape (N, D)."""
        return self._obs[(self._row - 1) % self._rows]  # type: ignore[no-any-return]  # a row

    @property
    def newest_obs(self) -> NDArray[Any]:
        """Encoded observations that the next step starts from, shape (N, D).

        They lie in the ring: copy what is to outlast the next reset or step.
        """
        return self._obs[self._row % self._rows]  # type: ignore[no-any-return]  # a row of it

    @property
    def _oldest(self) -> int:
        return max(0, self._row - self._rows_kept)

    def begin(self, obs: NDArray[Any], which: NDArray[np.bool_] | None = None) -> None:
        """Start an episode from the observations of a reset.

        Args:
            obs: First observations, shape (N, D).
            which: Environments that were reset, shape (N,); all by default.
        """
        which = np.ones(self.num_envs, np.bool_) if which is None else which
        self._obs[self._row % self._rows, which] = obs[which]
        for env_index in np.flatnonzero(which).tolist():
            self._episodes.end(env_index, self._row, terminated=False)
            self._episodes.begin(env_index, self._row, self._oldest)

    def record(
        self,
        actions: NDArray[np.float32],
        rewards: Any,
        terminated: Any,
        done: Any,
        next_obs: NDArray[Any],
        begun: Any = False,
        raw_actions: NDArray[Any] | None = None,
        frames: Sequence[bytes | None] | None = None,
    ) -> None:
        """Record one step of every environment.

        A row is a transition of the environments whose episode goes on, and of no others.

        Args:
            actions: Encoded actions, shape (N, A).
            rewards: True rewards, shape (N,) or a number.
            terminated: Episode ended in a terminal state, shape (N,) or a bool.
            done: Episode ended, for whatever reason, shape (N,) or a bool.
            next_obs: Encoded observations that the step returned, shape (N, D).
            begun: Whether `next_obs` is the first of a new episode, because the environment reset
                itself in this step, shape (N,) or a bool.
            raw_actions: Actions as the environments got them, where replay is recorded; N of them,
                not to be changed afterwards.
            frames: The picture after the step of each environment, or None, where frames are
                recorded; N of them. None alone if there is none of any.
        """
        row = self._row % self._rows
        self._actions[row] = actions
        self._rewards[row] = rewards
        if raw_actions is not None:
            self._episodes.keep_raw(raw_actions)
        if self.record_frames:
            self._frames[row] = frames
        self._row += 1
        self._obs[self._row % self._rows] = next_obs
        for env_index in _indices(done):
            is_terminal = bool(np.ravel(terminated)[env_index])
            self._episodes.end(env_index, self._row, terminated=is_terminal)
        for env_index in _indices(begun):
            self._episodes.begin(env_index, self._row, self._oldest)

    def cut(self, num: int, rng: np.random.Generator, round: int) -> list[Segment]:
        """Cut up to `num` segments at random from the steps recorded since `mark_asked`.

        The windows tile each stretch of an episode, so that none overlap: from its beginning up
        to a termination, so that no fall is missed, otherwise at a random offset. Of several
        segment lengths each window has one at random, among those that still fit.

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

    def recent(self, most: int) -> RecentSteps:
        """Return the newest steps, one environment after the other, each from old to new.

        As many of each environment; where that would be too few to hold some segments, more steps
        of fewer environments.

        Args:
            most: Most steps in all, at least 1.
        """
        most = whole_number("most", most)
        least = min(most, _SEGMENTS_OF_EACH * self.segment_lengths[-1])
        num_rows = max(most // self.num_envs, least)
        first_row = max(self._oldest, self._row - num_rows)
        stretches = [
            (env_index, first, stop)
            for env_index in range(min(self.num_envs, most // num_rows))
            for first, stop in self._episodes.since(env_index, first_row, self._row)
        ]
        rows = [np.arange(first, stop) % self._rows for _, first, stop in stretches]
        lengths = [len(part) for part in rows]
        slots = np.concatenate([np.zeros(0, np.int64), *rows])
        env_indices = np.repeat([env_index for env_index, *_ in stretches], lengths).astype(int)
        return RecentSteps(
            obs=self._obs[slots, env_indices],
            actions=self._actions[slots, env_indices],
            true_rewards=self._rewards[slots, env_indices],
            episodes=np.repeat(np.arange(len(stretches)), lengths),
        )

    def mark_asked(self) -> None:
        """Offer the steps recorded so far to no later `cut`."""
        self._first_unasked = self._row
        self._frames[:] = None

    def with_replay(self, segments: Sequence[Segment]) -> list[Segment]:
        """Return segments with their raw actions, where replay is recorded; see `replay`."""
        if not self.record_replay:
            return list(segments)
        return [replace(segment, raw_actions=self.replay(segment)) for segment in segments]

    def replay(self, segment: Segment) -> NDArray[Any]:
        """Return the raw actions from the first step of a segment's episode to its own last.

        Raises:
            RuntimeError: If replay is not recorded.
            ValueError: If nothing of the episode is left in the ring.
        """
        if not self.record_replay:
            raise RuntimeError("`replay` needs the raw actions; construct with record_replay=True")
        origin = segment.origin
        for episode in self._episodes.of(origin.env_index):
            if episode.number == origin.episode:
                return np.array(episode.raw_actions[: origin.first_step + len(segment)])
        raise ValueError(
            f"`segment` must come from an episode that is still in the buffer, got {segment.id!r}; "
            "replay earlier or enlarge `capacity`"
        )

    def _tile(self, env_index: int, rng: np.random.Generator) -> Iterator[_Window]:
        """Yield the windows of the steps not asked about yet."""
        for episode in self._episodes.of(env_index):
            first = max(episode.first_row, self._first_unasked, self._oldest)
            stop = episode.end(self._row)
            for begin, end in self._stretches(env_index, first, stop):
                at = begin
                lengths = self._lengths(end - begin, rng)
                rest = end - begin - sum(lengths)
                if episode.terminated and end == stop:
                    lengths += [rest] if rest else []
                else:
                    at += int(rng.integers(rest + 1))
                for length in lengths:
                    yield _Window(env_index, episode, at, length)
                    at += length

    def _stretches(self, env_index: int, first: int, stop: int) -> list[tuple[int, int]]:
        """Return the stretches of these rows, as (first, stop), that a person could be shown."""
        if first >= stop:
            return []
        if not self.record_frames:
            return [(first, stop)]
        frames = self._frames[np.arange(first, stop) % self._rows, env_index]
        has_frame = [False, *(frame is not None for frame in frames), False]
        borders = first + np.flatnonzero(np.diff(has_frame))
        return list(zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True))

    def _lengths(self, steps: int, rng: np.random.Generator) -> list[int]:
        """Return the lengths of full windows that follow one another within `steps` steps."""
        if len(self.segment_lengths) == 1:
            return [self.segment_lengths[0]] * (steps // self.segment_lengths[0])
        lengths = []
        while fitting := [length for length in self.segment_lengths if length <= steps]:
            lengths.append(fitting[int(rng.integers(len(fitting)))])
            steps -= lengths[-1]
        return lengths

    def _segment(self, window: _Window, round: int) -> Segment:
        slots = np.arange(window.first_row, window.first_row + window.length) % self._rows
        origin = Origin(
            env_index=window.env_index,
            episode=window.episode.number,
            first_step=window.first_row - window.episode.first_row,
            policy_step=window.first_row * self.num_envs,
        )
        return Segment(
            id=f"{origin.env_index}-{origin.episode}-{origin.first_step}",
            obs=self._obs[slots, window.env_index],
            actions=self._actions[slots, window.env_index],
            true_rewards=self._rewards[slots, window.env_index],
            round=round,
            origin=origin,
            frames=tuple(self._frames[slots, window.env_index]) if self.record_frames else None,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle has: it goes on from here, and knows no true reward.

        So the steps up to here are offered to no `cut` of the copy. A checkpoint has `state_dict`.
        """
        nothing = {"_rewards": np.full_like(self._rewards, np.nan), "_first_unasked": self._row}
        return vars(self) | nothing | {"_frames": np.full_like(self._frames, None)}

    _ARRAYS = ("_obs", "_actions", "_rewards")

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of everything recorded, for a checkpoint; unused rows are left out."""
        used = min(self._row + 1, self._rows)
        state: dict[str, Any] = {name: getattr(self, name)[:used].copy() for name in self._ARRAYS}
        if self.record_frames:
            state["frames"] = pack_frames(self._frames[:used])
        cursors = {"cursors": [self._row, self._first_unasked]}
        return state | cursors | self._episodes.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned on a buffer of the same sizes.

        A ring whose `capacity` was left to the default becomes as long as a full one of the state:
        earlier versions had other defaults.

        Raises:
            ValueError: If the sizes differ.
        """
        row, first_unasked = state["cursors"]
        rows = self._rows_restored(row, len(state["_obs"]))
        used = min(row + 1, rows)
        for name in self._ARRAYS:
            ours, theirs = getattr(self, name), state[name]
            if theirs.shape != (used, *ours.shape[1:]) or theirs.dtype != ours.dtype:
                raise ValueError(
                    f"`state` must come from a buffer of the same sizes, got `{name}` of shape "
                    f"{theirs.shape} and type {theirs.dtype} for {ours.shape} and {ours.dtype}; "
                    f"give the `capacity` that it had{self._capacity_of(row, len(theirs))}"
                )
        if rows != self._rows:
            self._rows, self._rows_kept = rows, rows - 1
            for name in (*self._ARRAYS, "_frames"):
                setattr(self, name, getattr(self, name)[:rows].copy())
        for name in self._ARRAYS:
            getattr(self, name)[:used] = state[name]
        self._row, self._first_unasked = row, first_unasked
        self._episodes.load_state_dict(state)
        if self.record_frames and "frames" in state:
            self._frames[:used] = unpack_frames(*state["frames"])

    def _rows_restored(self, row: int, stored: int) -> int:
        """Return the rows of this ring with a state of `row` rows ever, of which some are stored.

        One that has lost rows was full, so that its length is known.
        """
        was_full = self.segment_lengths[-1] < stored < min(row + 1, self._rows)
        return stored if self._capacity_is_default and was_full else self._rows

    def _capacity_of(self, row: int, stored: int) -> str:
        return f", {(stored - 1) * self.num_envs}" if stored < row + 1 else ""


def _indices(flags: Any) -> Sequence[int]:
    """Return the environments of which `flags`, shape (N,) or a bool, is True; mostly none."""
    if flags is False or not np.count_nonzero(flags):
        return ()
    return np.flatnonzero(flags).tolist()
