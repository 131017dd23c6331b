"""When to ask about how many segments, and about which: schedule, rounds, and what is owed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gym_rated.checks import whole_number
from gym_rated.queries import Select, uniform
from gym_rated.segments import Segment, SegmentBuffer


class Questions:
    """Decide when the rater is asked, and choose what about.

    Args:
        schedule: As in `gym_rated.wrappers.RatingFeedbackWrapper`, like the others.
        select: See there.
        collect_every: See there.
        seed: See there.
        awaits_answers: Whether to look for answers every `collect_every` steps.

    Attributes:
        round: Number of the next query that finds segments.
        owed: Scheduled segments not found yet; negative if more are asked than due.
        next_event: Step at which something is due next; infinite if nothing is.
    """

    def __init__(
        self,
        schedule: Mapping[int, int] | None,
        select: Select | None,
        collect_every: int,
        seed: int,
        awaits_answers: bool,
    ) -> None:
        if select is not None and not callable(select):
            raise TypeError(f"`select` must be callable, got {select!r}")
        self.schedule = _checked_schedule(schedule)
        self._is_scheduled = bool(self.schedule)
        self._select = uniform if select is None else select
        self._collect_every = whole_number("collect_every", collect_every)
        self._awaits_answers = awaits_answers
        self.rng = np.random.default_rng(whole_number("seed", seed, minimum=0))
        self.round = 0
        self.owed = 0
        self.plan(0)

    @property
    def is_through(self) -> bool:
        """Whether all that was scheduled is asked."""
        return self._is_scheduled and not self.schedule and self.owed <= 0

    @property
    def makes_up(self) -> bool:
        """Whether segments are owed that no later scheduled query will ask for."""
        return self.owed > 0 and not self.schedule

    def fall_due(self, steps: int) -> bool:
        """Add what is scheduled up to this step to what is owed; says whether anything was."""
        due = [step for step in self.schedule if step <= steps]
        self.owed += sum(self.schedule.pop(step) for step in due)
        return bool(due)

    def plan(self, steps: int) -> None:
        """Find the next step at which something is due, after this one."""
        looks_again = self._awaits_answers or self.makes_up
        later = steps + self._collect_every if looks_again else np.inf
        self.next_event: float = min([later, *self.schedule])

    def choose(self, buffer: SegmentBuffer, num: int) -> list[Segment] | None:
        """Return up to `num` segments to ask about; None if there is none to choose from."""
        candidates = buffer.cut(10 * num, self.rng, self.round)
        if not candidates:
            return None
        indices = self._chosen_indices(candidates, num)
        return buffer.with_replay([candidates[i] for i in indices])

    def _chosen_indices(self, candidates: list[Segment], num: int) -> list[int]:
        shown = [_without_truth(candidate) for candidate in candidates]
        indices = list(self._select(shown, num, self.rng))
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

    def take_back(self, segments: list[Segment]) -> None:
        """Count segments that were asked about after a checkpoint as asked."""
        self.owed -= len(segments)
        self.round = max([self.round, *(segment.round + 1 for segment in segments)])


def _without_truth(segment: Segment) -> Segment:
    """Return the segment as a query strategy may see it."""
    return replace(segment, true_rewards=np.full(len(segment), np.nan))


def _checked_schedule(schedule: Mapping[int, int] | None) -> dict[int, int]:
    if schedule is not None and not isinstance(schedule, Mapping):
        raise TypeError(
            "`schedule` must map steps to numbers of segments, such as {1_000: 20}, got "
            f"{schedule!r}; query_schedule makes one"
        )
    checked = {}
    for step, num in (schedule or {}).items():
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
