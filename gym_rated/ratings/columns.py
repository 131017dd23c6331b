"""Answers as columns that grow with them, so that no fit goes through all of them in Python.

An entry is one (segment, rater) of whom something was said. Entries are never removed: one whose
answers were withdrawn is no row until there is another answer.
"""

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = tuple[str, str]
"""A segment's id and the rater who said something about it."""

_NEVER = -1


class AnswerColumns:
    """What stands of the answers, one number of each entry in each column.

    Attributes:
        rows: Segment id and rater of each entry.
        num_judged: Entries with a rating or a score.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.num_judged = 0
        self._entries: dict[Row, int] = {}
        self._ratings, self._scores = array("q"), array("f")
        self._judged, self._compared = array("q"), array("q")  # when first, by our own clock
        self._comparisons = array("q")  # entries: better, worse, better, worse…
        self._clock = 0

    def judge(self, row: Row, rating: int | None = None, score: float | None = None) -> None:
        """Take over a rating or a score."""
        entry = self._entry(row)
        if rating is not None:
            self._ratings[entry] = rating
        if score is not None:
            self._scores[entry] = score
        if self._judged[entry] == _NEVER:
            self._judged[entry] = self._tick()
            self.num_judged += 1

    def withdraw(self, row: Row) -> None:
        """Forget rating and score of a judged row."""
        entry = self._entries[row]
        self._ratings[entry], self._scores[entry], self._judged[entry] = -1, np.nan, _NEVER
        self.num_judged -= 1

    def compare(self, better: Row, worse: Row) -> None:
        """Take over a comparison."""
        for row in (better, worse):
            entry = self._entry(row)
            self._comparisons.append(entry)
            if self._compared[entry] == _NEVER:
                self._compared[entry] = self._tick()

    def order(self) -> NDArray[np.int64]:
        """Return the entries of the judged rows, then of those only compared, each since when."""
        judged, compared = np.array(self._judged), np.array(self._compared)
        said = np.flatnonzero(judged != _NEVER)
        only = np.flatnonzero((judged == _NEVER) & (compared != _NEVER))
        return np.concatenate([said[judged[said].argsort()], only[compared[only].argsort()]])

    def answers(self, entries: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the columns `ratings`, `scores` and `comparisons` of some entries, as rows.

        Comparisons are those between two of them.
        """
        place = np.full(len(self.rows), -1)
        place[entries] = np.arange(len(entries))
        pairs = place[np.array(self._comparisons).reshape(-1, 2)]
        return {
            "ratings": np.array(self._ratings)[entries],
            "scores": np.array(self._scores)[entries],
            "comparisons": pairs[(pairs >= 0).all(1)],
        }

    def _entry(self, row: Row) -> int:
        entry = self._entries.setdefault(row, len(self.rows))
        if entry == len(self.rows):
            self.rows.append(row)
            self._ratings.append(-1)
            self._scores.append(np.nan)
            self._judged.append(_NEVER)
            self._compared.append(_NEVER)
        return entry

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
