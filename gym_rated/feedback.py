"""Steps in, ratings out: what the single and the vector feedback wrapper share.

Both wrappers hand their steps over with a leading environment axis N; here they are buffered, cut
into segments on schedule, rated, and collected into the dataset.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from gym_rated.encoding import ActionEncoder, Features, ObservationEncoder
from gym_rated.queries import Select, uniform
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import SegmentBuffer

OnRatings = Callable[[RatingDataset], object]
"""Called with the dataset when enough new ratings are in; usually `learner.fit`."""


class Feedback:
    """Record steps, ask a rater about segments of them, keep the answers.

    The arguments are those of `gym_rated.wrappers.RatingFeedbackWrapper`; `num_envs` is N.
    """

    def __init__(
        self,
        observation_space: Space[Any],
        action_space: Space[Any],
        num_envs: int,
        rater: Rater,
        *,
        segment_length: int = 50,
        schedule: Mapping[int, int] | None = None,
        select: Select | None = None,
        on_ratings: OnRatings | None = None,
        collect_every: int = 1_000,
        min_new: int = 10,
        features: Features | None = None,
        capacity: int = 200_000,
        seed: int = 0,
        env_id: str | None = None,
    ) -> None:
        for name, value in (("collect_every", collect_every), ("min_new", min_new)):
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1, got {value}")
        for name, function in (("select", select), ("on_ratings", on_ratings)):
            if function is not None and not callable(function):
                raise TypeError(f"`{name}` must be callable, got {function!r}")
        self.rater = rater
        self.encode_obs = ObservationEncoder(observation_space, features)
        self.encode_actions = ActionEncoder(action_space)
        self.buffer = SegmentBuffer(
            num_envs,
            self.encode_obs.dim,
            self.encode_actions.dim,
            segment_length=segment_length,
            capacity=capacity,
        )
        self.ratings = RatingDataset(
            self.encode_obs.dim, self.encode_actions.dim, rater.num_classes, env_id=env_id
        )
        self._schedule = _checked_schedule(schedule)
        self._select = uniform if select is None else select
        self._on_ratings = on_ratings
        self._collect_every = collect_every
        self._min_new = min_new
        self._rng = np.random.default_rng(seed)
        self._round = 0
        self._owed = 0  # scheduled segments that were not found yet
        self._unseen = 0  # ratings collected since the last call of on_ratings
        self._next_event = self._find_next_event(0)

    def begin(self, obs: NDArray[np.float32], which: NDArray[np.bool_] | None = None) -> None:
        """Start episodes; see `SegmentBuffer.begin`."""
        self.buffer.begin(obs, which)

    def record(
        self,
        actions: NDArray[np.float32],
        rewards: Any,
        terminated: Any,
        done: Any,
        next_obs: NDArray[np.float32],
        valid: NDArray[np.bool_] | bool = True,
    ) -> None:
        """Record a step (see `SegmentBuffer.record`), then do what is due."""
        self.buffer.record(actions, rewards, terminated, done, next_obs, valid)
        if self.buffer.steps >= self._next_event:
            self._do_what_is_due()

    def query(self, num_segments: int) -> int:
        """Choose segments, submit them, collect what is answered; returns how many were asked."""
        if num_segments < 1:
            raise ValueError(f"`num_segments` must be at least 1, got {num_segments}")
        candidates = self.buffer.cut(10 * num_segments, self._rng, self._round)
        if not candidates:
            warnings.warn(
                f"a query for {num_segments} segments found none at step {self.buffer.steps}: since "
                f"the last one no stretch of {self.buffer.segment_length} steps was recorded, nor a "
                "termination",
                stacklevel=2,
            )
            return 0
        chosen = [candidates[i] for i in self._chosen_indices(candidates, num_segments)]
        self.rater.submit(chosen)
        self.ratings.add(chosen)
        self.buffer.mark_asked()
        self._round += 1
        self.collect()
        self._warn_of_one_class()
        return len(chosen)

    def collect(self) -> int:
        """Fetch answers into `ratings`; returns how many are new or revised."""
        changed = self.ratings.update(self.rater.collect())
        self._unseen += changed
        return changed

    def _chosen_indices(self, candidates: list[Any], num: int) -> list[int]:
        indices = [int(i) for i in self._select(candidates, num, self._rng)]
        in_range = all(0 <= i < len(candidates) for i in indices)
        if not in_range or len(set(indices)) < len(indices) or len(indices) > num:
            raise ValueError(
                f"`select` must return at most {num} different indices below {len(candidates)}, "
                f"got {indices}"
            )
        return indices

    def _do_what_is_due(self) -> None:
        steps = self.buffer.steps
        due = [step for step in self._schedule if step <= steps]
        wanted = self._owed + sum(self._schedule.pop(step) for step in due)
        if due:
            self._owed = wanted - self.query(wanted)
        elif self._on_ratings is not None:
            self.collect()
        self._next_event = self._find_next_event(steps)
        self._notify()

    def _find_next_event(self, steps: int) -> float:
        collect = steps + self._collect_every if self._on_ratings is not None else np.inf
        return min([collect, *self._schedule])

    def _notify(self) -> None:
        enough = self._unseen >= self._min_new or (self._unseen and not self.rater.pending)
        if self._on_ratings is not None and enough:
            self._unseen = 0
            self._on_ratings(self.ratings)

    def _warn_of_one_class(self) -> None:
        counts = self.ratings.round_counts(self._round - 1)
        if not self.rater.pending and np.count_nonzero(counts) < 2:
            warnings.warn(
                f"round {self._round - 1} has fewer than two rating classes (counts per class "
                f"{counts.tolist()}): its ratings alone say nothing about what is better",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        """Return buffer, ratings, rater and cursors, for a checkpoint. It holds true rewards."""
        return {
            "buffer": self.buffer.state_dict(),
            "ratings": self.ratings.state_dict(),
            "rater": self.rater.state_dict() if hasattr(self.rater, "state_dict") else None,
            "schedule": self._schedule,
            "rng": self._rng.bit_generator.state,
            "cursors": [self._round, self._owed, self._unseen, self._next_event],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.buffer.load_state_dict(state["buffer"])
        self.ratings.load_state_dict(state["ratings"])
        if state["rater"] is not None:
            self.rater.load_state_dict(state["rater"])  # type: ignore[attr-defined]  # it gave the state
        self._schedule = dict(state["schedule"])
        self._rng.bit_generator.state = state["rng"]
        self._round, self._owed, self._unseen, self._next_event = state["cursors"]


def _checked_schedule(schedule: Mapping[int, int] | None) -> dict[int, int]:
    checked = dict(schedule or {})
    for step, num in checked.items():
        if int(step) != step or int(num) != num or step < 1 or num < 1:
            raise ValueError(
                f"`schedule` must map steps >= 1 to numbers of segments >= 1, got {step}: {num}; "
                "query_schedule makes one"
            )
    return {int(step): int(num) for step, num in sorted(checked.items())}
