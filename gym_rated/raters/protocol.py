"""What a rater is, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gym_rated.checks import whole_number
from gym_rated.segments import Segment

SKIPPED = -1
"""The rating of a segment about which the rater cannot tell."""


@dataclass(frozen=True)
class Rating:
    """One answer of one rater about one segment.

    Attributes:
        segment_id: The segment's `id`.
        rating: 0 (worst) to C - 1 (best), or `SKIPPED`.
        rater: Who answered; ratings of one rater and one round share a scale.
        revision: 0 for a first answer, higher for each correction of it.
    """

    segment_id: str
    rating: int
    rater: str
    revision: int = 0


@dataclass(frozen=True)
class Score:
    """One answer of one rater about one segment, on a continuous scale.

    Attributes:
        segment_id: The segment's `id`.
        score: 0.0 (worst) to 1.0 (best).
        rater: Who answered; scores of one rater and one round share a scale.
        revision: 0 for a first answer, higher for each correction of it.
    """

    segment_id: str
    score: float
    rater: str
    revision: int = 0


@dataclass(frozen=True)
class Comparison:
    """One answer of one rater about two segments: which is better."""

    better_id: str
    worse_id: str
    rater: str


Answer = Rating | Score | Comparison
"""What a rater may answer; one rater may mix all three."""

_ANSWERS: dict[str, type[Answer]] = {kind.__name__: kind for kind in (Rating, Score, Comparison)}


def answer_to_row(answer: Answer) -> list[Any]:
    """Return an answer as plain values, for a checkpoint."""
    return [type(answer).__name__, *vars(answer).values()]


def answer_from_row(row: Sequence[Any]) -> Answer:
    """Return the answer that `answer_to_row` wrote down."""
    kind, *fields = row
    return _ANSWERS[kind](*fields)


@runtime_checkable
class Rater(Protocol):
    """Anything that rates segments.

    Attributes:
        num_classes: Number of rating classes C, at least 2.
        pending: Segments asked about and not yet answered.
    """

    num_classes: int

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered."""
        ...

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask about segments; returns at once."""
        ...

    def collect(self) -> list[Answer]:
        """Return the answers, new and revised, since the last call; never blocks."""
        ...


def check_num_classes(num_classes: int) -> int:
    """Return `num_classes` if it is a whole number of at least 2, else raise."""
    return whole_number("num_classes", num_classes, minimum=2)


def check_number(name: str, value: Any, low: float = -inf, high: float = inf) -> float:
    """Return `value` if it is a finite number from `low` to `high`, else raise."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not (isfinite(value) and low <= value <= high):
        bounds = "be finite" if low == -inf else f"be finite and at least {low:g}"
        rule = bounds if high == inf else f"lie in [{low:g}, {high:g}]"
        raise ValueError(f"`{name}` must {rule}, got {value}")
    return float(value)
