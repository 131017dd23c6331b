"""How far an agent may rely on a learned reward: what it said of ratings that it had not seen.

Where nearly all segments earn the same, the first ratings differ by mistake more often than by what
is in the segments, and a reward that is fitted to them is noise, brought to the same scale as any
other. Only ratings that it has not seen tell the one from the other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import check_number, checked_table
from gym_rated.metrics import spearman

NEWEST = 60
"""New ratings that count, the newest."""
FULL = 0.4
"""Rank correlation with them from which on a reward is trusted wholly."""
_COLUMNS = 3  # prediction, answer, group
_PRIOR, _PRIOR_WEIGHT = 0.2, 10  # what is thought of a reward before it meets a new rating


class Trust:
    """A number from 0 to 1 that grows with the rank correlation with new ratings [our inference].

    Ranks are compared within one rater and one round. Of n ratings with a correlation of r, it is
    `(n r + 10 * 0.2) / (n + 10)`, divided by `FULL` and cut off at 0 and 1; before the first new
    ratings it is 1, as nothing speaks against the reward. Later it never falls: of a policy that
    does one thing only, all segments are alike, and no reward could tell them apart.

    Attributes:
        value: The number.
    """

    def __init__(self) -> None:
        self.value = 1.0
        self._rows = np.zeros((0, _COLUMNS))

    def __call__(self) -> float:
        """Return the number, for `gym_rated.exploration.UntilReady`."""
        return self.value

    def look(
        self, predictions: NDArray[Any], answers: NDArray[Any], groups: NDArray[np.int64]
    ) -> None:
        """Judge a reward by ratings that it was not fitted to.

        Args:
            predictions: Predicted return of each segment, shape (B,).
            answers: Rating classes or scores, shape (B,).
            groups: One integer per (rater, round), shape (B,).
        """
        if not len(answers):
            return
        least = self.value if len(self._rows) else 0.0
        new = np.stack([predictions, answers, groups], 1).astype(np.float64)
        self._rows = np.concatenate([self._rows, new])[-NEWEST:]
        correlation, num = spearman(*self._rows.T), len(self._rows)
        known = 0.0 if np.isnan(correlation) else num * correlation
        shrunk = (known + _PRIOR_WEIGHT * _PRIOR) / (num + _PRIOR_WEIGHT)
        self.value = float(np.clip(shrunk / FULL, least, 1))

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` remembers."""
        return {"value": self.value, "rows": self._rows.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it holds anything else.
        """
        rows = checked_table("rows", state["rows"], _COLUMNS)
        self.value, self._rows = check_number("value", state["value"], 0, 1), rows
