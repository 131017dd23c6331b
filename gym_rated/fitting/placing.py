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
from gym_rated.contradictions import FEWEST, contradicting_shares, place

MOST_KEPT = 500
"""Ratings of a rater that are kept, the newest."""
MOST_DOUBTFUL = 4
"""Ratings of a rater that are shown as the ones to look at again."""
_COLUMNS = 4  # the class, and what `place` returns


class PlacedRatings:
    """By rater, the newest ratings beside their places; see `contradicting_shares`."""

    def __init__(self) -> None:
        self._rows: dict[str, NDArray[np.float64]] = {}
        self._ids: dict[str, list[str]] = {}  # of their segments, as many; "": not known

    def look(
        self,
        raters: Sequence[str],
        values: NDArray[Any],
        ratings: NDArray[np.int64],
        fresh: NDArray[np.bool_],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Place the fresh ratings among some, each among those of its rater.

        Args:
            raters: Who gave each rating, B names.
            values: Predicted return of each rating's segment, shape (B,), by a reward that was not
                fitted to the fresh ones.
            ratings: Rating classes, shape (B,).
            fresh: Which of them to place, shape (B,): the others are what they stand among.
            ids: Segment of each rating, B names, to find it again.
        """
        segments = np.array([""] * len(raters) if ids is None else ids, object)
        names = np.array(raters, object)
        for name in dict.fromkeys(names[fresh]):
            mine = names == name
            rows = np.column_stack([ratings[mine], place(values[mine], ratings[mine])])
            before = self._rows.get(name, np.zeros((0, _COLUMNS)))
            self._rows[name] = np.concatenate([before, rows[fresh[mine]]])[-MOST_KEPT:]
            known = self._ids.get(name, [""] * len(before))
            self._ids[name] = [*known, *segments[fresh & mine]][-MOST_KEPT:]

    def shares(self, num_classes: int) -> dict[str, float]:
        """Return the share of each rater's ratings that contradict the rest, where one can tell."""
        return contradicting_shares(self._rows, num_classes)

    def doubtful(self, num_classes: int) -> dict[str, list[str]]:
        """Return the segments whose ratings contradict the rest most, those furthest off first.

        Of each rater of whom something can be said, as many as contradict, `MOST_DOUBTFUL` at most.
        """
        found = {}
        for name, share in self.shares(num_classes).items():
            _, places, low, high = self._rows[name].T
            distances = np.maximum(low - places, places - high)
            num = min(MOST_DOUBTFUL, round(share * len(places)) if share >= FEWEST else 0)
            ids = self._ids[name]
            furthest = np.argsort(-distances, kind="stable")[:num].tolist()
            found[name] = [ids[k] for k in furthest if distances[k] > 0 and ids[k]]
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` remembers."""
        rows = [rows.copy() for rows in self._rows.values()]
        ids = [list(self._ids[name]) for name in self._rows]
        return {"raters": list(self._rows), "rows": rows, "ids": ids}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, also of versions without ids.

        Raises:
            ValueError: If it holds anything else.
        """
        pairs = zip(state["raters"], state["rows"], strict=True)
        self._rows = {
            check_text("raters", name): checked_table("rows", rows, _COLUMNS)
            for name, rows in pairs
        }
        unknown = [[""] * len(rows) for rows in self._rows.values()]
        kept = zip(self._rows.items(), state.get("ids", unknown), strict=True)
        self._ids = {name: _checked_ids(ids, len(rows)) for (name, rows), ids in kept}


def _checked_ids(ids: Any, num: int) -> list[str]:
    if len(ids) != num:
        raise ValueError(f"`ids` must name {num} segments, as many as `rows` has, got {len(ids)}")
    return [check_text("ids", name) for name in ids]
