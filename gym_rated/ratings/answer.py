"""What a rater may answer: a rating, a score, a comparison, or that it cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import isfinite
from numbers import Real
from typing import Any

from gym_rated.checks import check_text, whole_number

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
    """Return the answer that `answer_to_row` wrote down.

    Raises:
        ValueError: If the row is of no answer.
    """
    kind, *values = row
    if kind not in _ANSWERS or len(values) != len(fields(_ANSWERS[kind])):
        raise ValueError(f"`row` must be one that `answer_to_row` wrote, got {row!r}")
    return _ANSWERS[kind](*values)


def checked_answer(answer: Answer, num_classes: int) -> Answer:
    """Return an answer with plain numbers.

    Raises:
        TypeError: If it is no answer, or a number of another type.
        ValueError: If a number is out of range, or a segment is compared with itself.
    """
    if not isinstance(answer, Answer):
        raise TypeError(f"an answer must be a Rating, a Score or a Comparison, got {answer!r}")
    for name in (*segments_of(answer), answer.rater):
        if not isinstance(name, str):
            raise TypeError(f"`segment_id` and `rater` must be texts, got {name!r} in {answer!r}")
    check_text("rater", answer.rater)
    if isinstance(answer, Comparison):
        if answer.better_id == answer.worse_id:
            raise ValueError(
                f"a comparison must be of two segments, got {answer.better_id!r} twice"
            )
        return answer
    if isinstance(answer, Score):
        score, revision = _checked_score(answer), _checked_revision(answer)
        return Score(answer.segment_id, score, answer.rater, revision)
    rating = whole_number("rating", answer.rating, minimum=None)
    if rating != SKIPPED and not 0 <= rating < num_classes:
        raise ValueError(
            f"`rating` must be 0 to {num_classes - 1} or SKIPPED ({SKIPPED}), "
            f"got {rating} for segment {answer.segment_id!r}"
        )
    return Rating(answer.segment_id, rating, answer.rater, _checked_revision(answer))


def segments_of(answer: Answer) -> tuple[str, ...]:
    """Return the ids of the segments that an answer is about."""
    if isinstance(answer, Comparison):
        return answer.better_id, answer.worse_id
    return (answer.segment_id,)


def _checked_score(answer: Score) -> float:
    if not isinstance(answer.score, Real) or isinstance(answer.score, bool):
        raise TypeError(f"`score` must be a number, got {answer.score!r}")
    if not (isfinite(answer.score) and 0 <= answer.score <= 1):
        raise ValueError(
            f"`score` must lie in [0, 1], got {answer.score} for segment {answer.segment_id!r}; "
            "a segment about which nothing can be said gets Rating(..., SKIPPED)"
        )
    return float(answer.score)


def _checked_revision(answer: Rating | Score) -> int:
    return whole_number("revision", answer.revision, minimum=0)
