"""What raters said: ratings, scores and comparisons, with revisions, skips and what overtakes what.

Knows segments by their id only. `RatingDataset` adds what was seen in them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite
from numbers import Real
from typing import Any

from gym_rated.checks import whole_number
from gym_rated.raters import SKIPPED, Answer, Comparison, Rating, Score

Row = tuple[str, str]
"""A segment's id and the rater who said something about it."""


class Answers:
    """The answers that count: the last rating and score of each rater, and all comparisons."""

    def __init__(self) -> None:
        self._given: dict[tuple[Row, type], Rating | Score] = {}
        self._skipped: dict[Row, Rating] = {}  # the last answers that are none
        self._comparisons: dict[Comparison, None] = {}

    @property
    def ratings(self) -> dict[Row, Rating]:
        """The current ratings, in the order in which they were first given."""
        return {row: a for (row, _), a in self._given.items() if isinstance(a, Rating)}

    @property
    def scores(self) -> dict[Row, Score]:
        """The current scores, in the order in which they were first given."""
        return {row: a for (row, _), a in self._given.items() if isinstance(a, Score)}

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons, in order."""
        return tuple(self._comparisons)

    def judged(self) -> list[Row]:
        """Return the rows with a rating or a score, in the order of their first one."""
        return list(dict.fromkeys(row for row, _ in self._given))

    def rows(self) -> list[Row]:
        """Return the judged rows, then those that only a comparison speaks of."""
        compared = (
            (segment_id, comparison.rater)
            for comparison in self._comparisons
            for segment_id in (comparison.better_id, comparison.worse_id)
        )
        return list(dict.fromkeys([*self.judged(), *compared]))

    def take(self, answer: Answer) -> bool:
        """Store a checked answer; returns whether it says anything new."""
        if isinstance(answer, Comparison):
            is_new = answer not in self._comparisons
            self._comparisons[answer] = None
            return is_new
        row = (answer.segment_id, answer.rater)
        if isinstance(answer, Rating) and answer.rating == SKIPPED:
            return self._skip(row, answer)
        known = self._given.get((row, type(answer)))
        last = known or self._skipped.get(row)
        if last is not None and answer.revision < last.revision:
            return False  # overtaken on its way
        self._skipped.pop(row, None)
        self._given[row, type(answer)] = answer
        return known is None or replace(known, revision=answer.revision) != answer

    def _skip(self, row: Row, skip: Rating) -> bool:
        known = [self._given.get((row, kind)) for kind in (Rating, Score)]
        known += [self._skipped.get(row)]
        if any(answer is not None and skip.revision < answer.revision for answer in known):
            return False
        self._skipped[row] = skip
        removed = [self._given.pop((row, kind), None) for kind in (Rating, Score)]
        return any(answer is not None for answer in removed)

    def meta(self) -> dict[str, Any]:
        """Return all answers as JSON keeps them."""
        ratings = (*self.ratings.values(), *self._skipped.values())
        return {
            "ratings": [[a.segment_id, a.rating, a.rater, a.revision] for a in ratings],
            "scores": [[a.segment_id, a.score, a.rater, a.revision] for a in self.scores.values()],
            "order": [[*row, kind.__name__] for row, kind in self._given],
            "comparisons": [[c.better_id, c.worse_id, c.rater] for c in self._comparisons],
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "Answers":
        """Restore what `meta` returned, or what was written before there were scores."""
        answers = cls()
        given: Iterable[Rating | Score] = (
            *(Rating(*fields) for fields in meta["ratings"]),
            *(Score(*fields) for fields in meta.get("scores", ())),
        )
        order = {tuple(key): i for i, key in enumerate(meta.get("order", ()))}

        def place(answer: Rating | Score) -> int:
            key = (answer.segment_id, answer.rater, type(answer).__name__)
            return order.get(key, len(order))

        for answer in sorted(given, key=place):
            answers.take(answer)
        for fields in meta["comparisons"]:
            answers.take(Comparison(*fields))
        return answers


def checked_answer(answer: Answer, num_classes: int) -> Answer:
    """Return an answer with plain numbers.

    Raises:
        TypeError: If it is no answer, or a number of another type.
        ValueError: If a number is out of range, or a segment is compared with itself.
    """
    if isinstance(answer, Comparison):
        if answer.better_id == answer.worse_id:
            raise ValueError(
                f"a comparison must be of two segments, got {answer.better_id!r} twice"
            )
        return answer
    if isinstance(answer, Score):
        return replace(answer, score=_checked_score(answer), revision=_checked_revision(answer))
    if not isinstance(answer, Rating):
        raise TypeError(f"an answer must be a Rating, a Score or a Comparison, got {answer!r}")
    rating = whole_number("rating", answer.rating, minimum=None)
    if rating != SKIPPED and not 0 <= rating < num_classes:
        raise ValueError(
            f"`rating` must be 0 to {num_classes - 1} or SKIPPED ({SKIPPED}), "
            f"got {rating} for segment {answer.segment_id!r}"
        )
    return replace(answer, rating=rating, revision=_checked_revision(answer))


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
