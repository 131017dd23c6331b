"""What a synthetic rater remembers of each segment: a row of numbers, and its last answers."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.ratings.answer import SKIPPED, Answer, Rating, Score, answer_from_row, answer_to_row


class Memory:
    """Rows of all segments seen, in the order of submission.

    Args:
        num_draws: Random numbers kept of each segment.

    Attributes:
        rows: Segment id -> row.
        returns: True return as the rater perceives it, shape (rows,).
        off: Classes by which the answer is mistaken, or 0, shape (rows,).
        draws: The segment's luck, uniform in [0, 1), shape (rows, num_draws).
        answers: Answers not collected yet.
    """

    def __init__(self, num_draws: int) -> None:
        self.rows: dict[str, int] = {}
        self.returns = np.zeros(0)
        self.off = np.zeros(0, np.int64)
        self.draws = np.zeros((0, num_draws))
        self.answers: list[Answer] = []
        self._given = np.zeros(0)  # the last rating or score, or SKIPPED; NaN before the first
        self._beside = np.zeros(0)  # the last score beside a rating; NaN for none
        self._revisions = np.zeros(0, np.int64)  # of those answers; -1 before the first

    def __len__(self) -> int:
        """Return the number of segments seen."""
        return len(self.rows)

    def add(
        self, returns: dict[str, float], off: Sequence[int], draws: NDArray[np.float64]
    ) -> None:
        """Remember new segments: id -> return, and the columns of the same name."""
        first, num = len(self), len(returns)
        self.rows |= {segment_id: first + i for i, segment_id in enumerate(returns)}
        self.returns = np.append(self.returns, list(returns.values()))
        self.off = np.append(self.off, off).astype(np.int64)
        self.draws = np.append(self.draws, draws, axis=0)
        self._given = np.append(self._given, np.full(num, np.nan))
        self._beside = np.append(self._beside, np.full(num, np.nan))
        self._revisions = np.append(self._revisions, np.full(num, -1, np.int64))

    def answer(
        self,
        rows: NDArray[np.int64],
        values: NDArray[np.float64],
        is_score: NDArray[np.bool_],
        rater: str,
        beside: NDArray[np.float64] | None = None,
    ) -> None:
        """Answer where a value differs from the last one.

        A row with a score beside its rating gives both again, under one revision, where either
        changed: a rating that became a skip takes back the score before it.

        Args:
            rows: Which segments, shape (B,).
            values: Their ratings or scores, or `SKIPPED`, shape (B,).
            is_score: Which of them are scores, shape (B,).
            rater: Name of the rater.
            beside: Scores beside the ratings, shape (B,), NaN for none; None for none at all.
        """
        changed = values != self._given[rows]
        if beside is not None:
            changed |= ~np.isclose(beside, self._beside[rows], rtol=0, atol=0, equal_nan=True)
            self._beside[rows] = beside
        rows, values, is_score = rows[changed], values[changed], is_score[changed]
        self._given[rows] = values
        self._revisions[rows] += 1
        ids, revisions = list(self.rows), self._revisions[rows].tolist()
        columns = (rows.tolist(), values.tolist(), is_score.tolist(), revisions)
        for row, value, score, revision in zip(*columns, strict=True):
            if score and value != SKIPPED:
                self.answers.append(Score(ids[row], value, rater, revision))
                continue
            self.answers.append(Rating(ids[row], int(value), rater, revision))
            if beside is not None and not isnan(other := float(self._beside[row])):
                self.answers.append(Score(ids[row], other, rater, revision))

    _COLUMNS = ("returns", "off", "draws", "_given", "_beside", "_revisions")

    def state_dict(self) -> dict[str, Any]:
        """Return everything remembered, for a checkpoint."""
        return {
            "ids": list(self.rows),
            "answers": [answer_to_row(answer) for answer in self.answers],
        } | {name: getattr(self, name).copy() for name in self._COLUMNS}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.rows = {segment_id: row for row, segment_id in enumerate(state["ids"])}
        self.answers = [answer_from_row(row) for row in state["answers"]]
        nothing = np.full(len(self), np.nan)  # what was saved before has no scores beside ratings
        for name in self._COLUMNS:
            setattr(self, name, state.get(name, nothing).copy())
