"""Steps in, ratings out: what the single and the vector feedback wrapper share.

Both wrappers hand their steps over with a leading environment axis N; here they are buffered, cut
into segments on schedule, rated, and collected into the dataset.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.queries import Select, uniform
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Segment, SegmentBuffer
from gym_rated.segments.encoding import ActionEncoder, Features, ObservationEncoder
from gym_rated.segments.frames import frames_of

OnRatings = Callable[[RatingDataset], object]
"""Called with the dataset when enough new ratings are in; usually `learner.fit`."""


class Feedback:
    """Record steps, ask a rater about segments of them, keep the answers.

    The arguments are those of `gym_rated.wrappers.RatingFeedbackWrapper`; `num_envs` is N, or None
    where observations come without the leading axis, from a single environment.
    """

    def __init__(
        self,
        observation_space: Space[Any],
        action_space: Space[Any],
        num_envs: int | None,
        rater: Rater,
        *,
        segment_length: int | Sequence[int] = 50,
        schedule: Mapping[int, int] | None = None,
        select: Select | None = None,
        on_ratings: OnRatings | None = None,
        collect_every: int = 1_000,
        min_new: int = 10,
        features: Features | str | None = None,
        record_replay: bool = False,
        record_frames: bool = False,
        capacity: int = 200_000,
        seed: int = 0,
        env_id: str | None = None,
    ) -> None:
        for name, function in (("select", select), ("on_ratings", on_ratings)):
            if function is not None and not callable(function):
                raise TypeError(f"`{name}` must be callable, got {function!r}")
        self.rater = rater
        self._is_single = num_envs is None
        self._encode_obs = ObservationEncoder(observation_space, features, num_envs)
        self._encode_actions = ActionEncoder(action_space, num_envs)
        self.buffer = SegmentBuffer(
            num_envs or 1,
            self._encode_obs.dim,
            self._encode_actions.dim,
            segment_length=segment_length,
            capacity=capacity,
            record_replay=record_replay,
            record_frames=record_frames,
            obs_dtype=self._encode_obs.dtype,
        )
        self.ratings = RatingDataset(
            self._encode_obs.dim,
            self._encode_actions.dim,
            rater.num_classes,
            env_id=env_id,
            criterion=getattr(rater, "criterion", None),
        )
        self._schedule = _checked_schedule(schedule)
        self._is_scheduled = bool(self._schedule)
        self._select = uniform if select is None else select
        self._on_ratings = on_ratings
        self._collect_every = whole_number("collect_every", collect_every)
        self._min_new = whole_number("min_new", min_new)
        self._rng = np.random.default_rng(seed)
        self._is_ready = False  # every environment was reset, and the last step was recorded
        self._raw_actions: NDArray[Any] | None = None
        self._round = 0
        self._judged = 0  # rounds before this one have all their answers
        self._owed = 0  # scheduled segments not found yet; negative if more are asked than due
        self._unseen = 0  # ratings collected since the last call of on_ratings
        self._next_event = self._find_next_event(0)

    def begin(self, obs: Any, which: NDArray[np.bool_] | None = None) -> None:
        """Start episodes from the observations of a reset; see `SegmentBuffer.begin`."""
        was_ready, self._is_ready = self._is_ready, False
        self.buffer.begin(self._encode_obs(obs), which)
        self._is_ready = was_ready or which is None or bool(which.all())

    def encode_actions(self, actions: Any) -> NDArray[np.float32]:
        """Encode the actions of a step that is about to be taken; returns shape (N, A).

        Raises:
            ResetNeeded: Before the first reset, and after a step of which no record was made.
        """
        if not self._is_ready:
            raise ResetNeeded("`reset` must be called before `step`, and after a step that failed")
        encoded = self._encode_actions(actions)
        if self.buffer.record_replay:  # copied, because an environment may change its argument
            self._raw_actions = np.array([actions] if self._is_single else actions)
        self._is_ready = False
        return encoded

    def record(
        self,
        actions: NDArray[np.float32],
        rewards: Any,
        terminated: Any,
        done: Any,
        next_obs: Any,
        begun: Any,
        info: Mapping[str, Any],
    ) -> None:
        """Record a step (see `SegmentBuffer.record`), then do what is due."""
        vectors = self._encode_obs(next_obs)
        frames = frames_of(info, self._is_single) if self.buffer.record_frames else None
        if self._is_scheduled and not self._schedule and self._owed <= 0:
            frames = None  # nobody will ask for them
        self.buffer.record(
            actions, rewards, terminated, done, vectors, begun, self._raw_actions, frames
        )
        self._is_ready = True
        if self.buffer.steps >= self._next_event:
            self._do_what_is_due()

    def query(self, num_segments: int) -> int:
        """Choose segments, submit them, collect what is answered; returns how many were asked."""
        num_segments = whole_number("num_segments", num_segments)
        num_asked = self._ask(num_segments)
        if num_asked is None:
            warnings.warn(
                f"a query for {num_segments} segments found none at step {self.buffer.steps}: "
                f"since the last one no stretch of {self.buffer.segment_lengths[0]} steps was "
                "recorded, nor a termination",
                stacklevel=2,
            )
        return num_asked or 0

    def _ask(self, num_segments: int) -> int | None:
        """Return how many segments were asked about; None where there was none to choose from."""
        candidates = self.buffer.cut(10 * num_segments, self._rng, self._round)
        if not candidates:
            return None
        indices = self._chosen_indices(candidates, num_segments)
        chosen = self.buffer.with_replay([candidates[i] for i in indices])
        self.rater.submit(chosen)
        self.ratings.add(chosen)
        self.buffer.mark_asked()
        self._round += 1
        self.collect()
        return len(chosen)

    def collect(self) -> int:
        """Fetch answers into `ratings`; returns how many are new or revised."""
        changed = self.ratings.update(self.rater.collect())
        self._unseen += changed
        if not self.rater.pending:
            self._warn_of_one_class()
        return changed

    def _chosen_indices(self, candidates: list[Segment], num: int) -> list[int]:
        shown = [_without_truth(candidate) for candidate in candidates]
        indices = list(self._select(shown, num, self._rng))
        are_indices = all(
            isinstance(i, int | np.integer) and not isinstance(i, bool) and 0 <= i < len(candidates)
            for i in indices
        )
        if not are_indices or len(set(indices)) < len(indices) or len(indices) > num:
            raise ValueError(
                f"`select` must return at most {num} different indices below {len(candidates)}, "
                f"got {indices}"
            )
        return [int(i) for i in indices]

    def _do_what_is_due(self) -> None:
        steps = self.buffer.steps
        due = [step for step in self._schedule if step <= steps]
        self._owed += sum(self._schedule.pop(step) for step in due)
        asks = bool(due) and self._owed > 0
        if asks:
            self._owed -= self.query(self._owed)
        elif self._makes_up:  # the shortfall was warned of when it arose
            self._owed -= self._ask(self._owed) or 0
        if self._on_ratings is not None and not asks:
            self.collect()
        self._next_event = self._find_next_event(steps)
        self._notify()

    @property
    def _makes_up(self) -> bool:
        """Whether segments are owed that no later scheduled query will ask for."""
        return self._owed > 0 and not self._schedule

    def _find_next_event(self, steps: int) -> float:
        looks_again = self._on_ratings is not None or self._makes_up
        return min([steps + self._collect_every if looks_again else np.inf, *self._schedule])

    def _notify(self) -> None:
        enough = self._unseen >= self._min_new or (self._unseen and not self.rater.pending)
        if self._on_ratings is not None and enough:
            self._unseen = 0
            self._on_ratings(self.ratings)

    def _warn_of_one_class(self) -> None:
        """Look at the rounds whose answers are all in."""
        for round_ in range(self._judged, self._round):
            if not self.ratings.tells_apart(round_):
                counts = self.ratings.round_counts(round_)
                warnings.warn(
                    f"round {round_} has fewer than two rating classes (counts per class "
                    f"{counts.tolist()}): its ratings alone say nothing about what is better",
                    stacklevel=2,
                )
        self._judged = self._round

    _CURSORS = ("_is_ready", "_round", "_judged", "_owed", "_unseen", "_next_event")

    def state_dict(self) -> dict[str, Any]:
        """Return buffer, ratings, rater and cursors, for a checkpoint. It holds true rewards."""
        return {
            "buffer": self.buffer.state_dict(),
            "ratings": self.ratings.state_dict(),
            "rater": self.rater.state_dict() if hasattr(self.rater, "state_dict") else None,
            "schedule": dict(self._schedule),
            "rng": self._rng.bit_generator.state,
            "cursors": [getattr(self, name) for name in self._CURSORS],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.buffer.load_state_dict(state["buffer"])
        self.ratings.load_state_dict(state["ratings"])
        if state["rater"] is not None:
            self.rater.load_state_dict(state["rater"])  # type: ignore[attr-defined]  # it gave the state
        self._schedule = dict(state["schedule"])
        self._rng.bit_generator.state = state["rng"]
        for name, value in zip(self._CURSORS, state["cursors"], strict=True):
            setattr(self, name, value)
        if hasattr(self.rater, "recover"):
            self._take_back(self.rater.recover())

    def _take_back(self, segments: list[Segment]) -> None:
        """Count segments that were asked about after the checkpoint as asked."""
        self.ratings.add(segments)
        self._owed -= len(segments)
        self._round = max([self._round, *(segment.round + 1 for segment in segments)])


def _without_truth(segment: Segment) -> Segment:
    """Return the segment as a query strategy may see it."""
    return replace(segment, true_rewards=np.full(len(segment), np.nan))


def _checked_schedule(schedule: Mapping[int, int] | None) -> dict[int, int]:
    checked = {}
    for step, num in dict(schedule or {}).items():
        from_json = isinstance(step, str) and step.isdecimal()  # JSON has no other keys than text
        try:
            at = whole_number("schedule", int(step) if from_json else step)
            checked[at] = whole_number("schedule", num)
        except (TypeError, ValueError):
            raise ValueError(
                f"`schedule` must map steps >= 1 to numbers of segments >= 1, got {step}: {num}; "
                "query_schedule makes one"
            ) from None
    return dict(sorted(checked.items()))
