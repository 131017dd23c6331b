"""How often the reward agreed with each rater's newest ratings, before it learned from them.

Only ratings of one rater and one round share a scale, and only predictions of one reward do. So
pairs are of one round, and both were predicted before the same fit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.agreeing import ENOUGH_PAIRS, Agreeing
from gym_rated.checks import check_text, checked_table, whole_number

NEWEST = 30
"""Ratings of a rater that count, the newest."""
_COLUMNS = 4  # predicted return, class, group, fit


class FreshPairs:
    """By rater, the newest ratings beside what was predicted while they were new."""

    def __init__(self) -> None:
        self._rows: dict[str, NDArray[np.float64]] = {}
        self._looks = 0

    def look(
        self,
        raters: Sequence[str],
        values: NDArray[Any],
        ratings: NDArray[np.int64],
        groups: NDArray[np.int64],
    ) -> None:
        """Take in ratings that a reward was not fitted to.

        Args:
            raters: Who gave each rating, B names.
            values: Predicted return of each rating's segment, shape (B,).
            ratings: Rating classes, shape (B,).
            groups: One integer per (rater, round), shape (B,).
        """
        names = np.array(raters, object)
        look = np.full(len(names), self._looks)
        new = np.column_stack([values, ratings, groups, look]).astype(np.float64)
        for name in dict.fromkeys(raters):
            before = self._rows.get(name, np.zeros((0, _COLUMNS)))
            self._rows[name] = np.concatenate([before, new[names == name]])[-NEWEST:]
        self._looks += 1

    def agreeing(self) -> dict[str, Agreeing]:
        """Return how often the reward agrees with each rater of whom there are enough pairs."""
        judged = {name: _judge(rows) for name, rows in self._rows.items()}
        return {name: found for name, found in judged.items() if found.pairs >= ENOUGH_PAIRS}

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` remembers."""
        rows = [rows.copy() for rows in self._rows.values()]
        return {"raters": list(self._rows), "rows": rows, "looks": self._looks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            TypeError: If a count is none.
            ValueError: If it holds anything else.
        """
        pairs = zip(state["raters"], state["rows"], strict=True)
        rows = {
            check_text("raters", name): checked_table("rows", rows, _COLUMNS)
            for name, rows in pairs
        }
        self._looks, self._rows = whole_number("looks", state["looks"], minimum=0), rows


def _judge(rows: NDArray[np.float64]) -> Agreeing:
    values, ratings, groups, looks = rows.T
    comparable = (groups[:, None] == groups) & (looks[:, None] == looks)
    better = comparable & (ratings[:, None] > ratings)
    pairs = int(better.sum())
    in_order = 0.5 + 0.5 * np.sign(values[:, None] - values)  # equal predictions count a half
    return Agreeing(len(rows), pairs, float(in_order[better].mean()) if pairs else float("nan"))
