"""Where a reward places ratings before it is fitted to them: what tells mistakes of raters.

A rating that was fitted to is memorised in part, mistakes too, and then contradicts less: of 40 %
mistakes in-sample predictions find half [measured]. So each rating is placed once, by the reward as
it was before the fit that first learned from its segment; those of the first fit never are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import check_text, checked_table
from gym_rated.contradictions import contradicting_shares, place

MOST_KEPT = 500
"""Ratings of a rater that are kept, the newest."""
_COLUMNS = 4  # the class, and what `place` returns


class PlacedRatings:
    """By rater, the newest ratings beside their places; see `contradicting_shares`."""

    def __init__(self) -> None:
        self._rows: dict[str, NDArray[np.float64]] = {}

    def look(
        self,
        raters: Sequence[str],
        values: NDArray[Any],
        ratings: NDArray[np.int64],
        fresh: NDArray[np.bool_],
    ) -> None:
        """Place the fresh ratings among some, each among those of its rater.

        Args:
            raters: Who gave each rating, B names.
            values: Predicted return of each rating's segment, shape (B,), by a reward that was not
                fitted to the fresh ones.
            ratings: Rating classes, shape (B,).
            fresh: Which of them to place, shape (B,): the others are what they stand among.
        """
        names = np.array(raters, object)
        for name in dict.fromkeys(names[fresh]):
            mine = names == name
            rows = np.column_stack([ratings[mine], place(values[mine], ratings[mine])])
            before = self._rows.get(name, np.zeros((0, _COLUMNS)))
            self._rows[name] = np.concatenate([before, rows[fresh[mine]]])[-MOST_KEPT:]

    def shares(self, num_classes: int) -> dict[str, float]:
        """Return the share of each rater's ratings that contradict the rest, where one can tell."""
        return contradicting_shares(self._rows, num_classes)

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` remembers."""
        return {"raters": list(self._rows), "rows": [rows.copy() for rows in self._rows.values()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it holds anything else.
        """
        pairs = zip(state["raters"], state["rows"], strict=True)
        self._rows = {
            check_text("raters", name): checked_table("rows", rows, _COLUMNS)
            for name, rows in pairs
        }
