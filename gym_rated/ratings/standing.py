"""What stands of all that raters said: revisions, skips, and what overtakes what.

Knows segments by their id only. `RatingDataset` adds what was seen in them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gym_rated.ratings.answer import SKIPPED, Answer, Comparison, Rating, Score
from gym_rated.ratings.columns import AnswerColumns, Row


class Answers:
    """The answers that count: the last rating and score of each rater, and all comparisons.

    Attributes:
        columns: The same as arrays.
    """

    def __init__(self) -> None:
        self.columns = AnswerColumns()
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

    def take(self, answer: Answer) -> bool:
        """Store a checked answer; returns whether it says anything new."""
        if isinstance(answer, Comparison):
            if answer in self._comparisons:
                return False
            self._comparisons[answer] = None
            self.columns.compare((answer.better_id, answer.rater), (answer.worse_id, answer.rater))
            return True
        row = (answer.segment_id, answer.rater)
        if isinstance(answer, Rating) and answer.rating == SKIPPED:
            return self._skip(row, answer)
        known = self._given.get((row, type(answer)))
        last = known or self._skipped.get(row)
        if last is not None and answer.revision < last.revision:
            return False  # overtaken on its way
        self._skipped.pop(row, None)
        self._given[row, type(answer)] = answer
        if isinstance(answer, Rating):
            self.columns.judge(row, rating=answer.rating)
        else:
            self.columns.judge(row, score=answer.score)
        return known is None or replace(known, revision=answer.revision) != answer

    def _skip(self, row: Row, skip: Rating) -> bool:
        known = [self._given.get((row, kind)) for kind in (Rating, Score)]
        known += [self._skipped.get(row)]
        if any(answer is not None and skip.revision < answer.revision for answer in known):
            return False
        self._skipped[row] = skip
        removed = [self._given.pop((row, kind), None) for kind in (Rating, Score)]
        if not any(answer is not None for answer in removed):
            return False
        self.columns.withdraw(row)
        return True

    def meta(self) -> dict[str, Any]:
        """Return all answers as JSON keeps them."""
        ratings = (*self.ratings.values(), *self._skipped.values())
        return {
            "ratings": [[a.segment_id, a.rating, a.rater, a.revision] for a in ratings],
            "scores": [[a.segment_id, a.score, a.rater, a.revision] for a in self.scores.values()],
            "order": [[*row, kind.__name__] for row, kind in self._given],
            "comparisons": [[c.better_id, c.worse_id, c.rater] for c in self._comparisons],
        }


def stored_answers(meta: Mapping[str, Any]) -> Iterator[Answer]:
    """Yield the answers that `Answers.meta` wrote, in the order in which to take them again.

    What was written before there were scores has neither scores nor an order.
    """
    given: Iterable[Rating | Score] = (
        *(Rating(*fields) for fields in meta["ratings"]),
        *(Score(*fields) for fields in meta.get("scores", ())),
    )
    order = {tuple(key): i for i, key in enumerate(meta.get("order", ()))}

    def place(answer: Rating | Score) -> int:
        key = (answer.segment_id, answer.rater, type(answer).__name__)
        return order.get(key, len(order))

    yield from sorted(given, key=place)
    for fields in meta["comparisons"]:
        yield Comparison(*fields)
