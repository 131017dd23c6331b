"""Mean and variance of all numbers seen so far."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class RunningMoments:
    """Mean and variance of rows that arrive in batches (Chan, Golub, LeVeque 1983).

    Args:
        shape: Shape of a row.
        horizon: Weigh no row less than one of so many: older ones fade. All count alike by default.

    Attributes:
        count: Rows so far, at most `horizon`.
        mean: Their mean, zeros before the first.
        var: Their variance, ones before the first.
    """

    def __init__(self, shape: tuple[int, ...] = (), horizon: int | None = None) -> None:
        self.horizon = horizon
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(shape)
        self.var: NDArray[np.float64] = np.ones(shape)

    def update(self, rows: NDArray[Any]) -> None:
        """Take in rows, shape (N, *shape)."""
        if not len(rows):
            return
        total = self.count + len(rows)
        shift = rows.mean(0, dtype=np.float64) - self.mean
        squares = np.square(rows - self.mean - shift).mean(0)
        share = len(rows) / total
        self.mean = self.mean + shift * share
        self.var = self.var * (1 - share) + squares * share + np.square(shift) * share * (1 - share)
        self.count = total if self.horizon is None else min(total, self.horizon)

    def divisor(self, smallest: float) -> NDArray[np.float64]:
        """Return the standard deviation, and 1 where it is below `smallest`."""
        std = np.sqrt(self.var)
        return np.where(std < smallest, 1.0, std)

    def state_dict(self) -> dict[str, Any]:
        """Return the moments, for a checkpoint."""
        return {"count": self.count, "mean": np.array(self.mean), "var": np.array(self.var)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.count, self.mean, self.var = state["count"], state["mean"], state["var"]
