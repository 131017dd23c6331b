"""Curves of single runs: rows of (steps, values), made comparable."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Series = tuple[NDArray[Any], NDArray[Any]]  # (steps, values), both of shape (rows,)
Metrics = Mapping[str, Series]


def finite_rows(steps: ArrayLike, values: ArrayLike) -> Series:
    """Return the rows whose value is finite, ordered by step."""
    steps, values = np.asarray(steps), np.asarray(values, float)
    order = np.argsort(steps, kind="stable")
    keep = order[np.isfinite(values[order])]
    return steps[keep], values[keep]


def smooth(
    steps: NDArray[Any], values: NDArray[Any], grid: NDArray[Any], bandwidth: float
) -> NDArray[np.float64]:
    """Average the values around each grid point, weighted by a Gaussian of their distance."""
    averages = np.empty(len(grid))
    for i, at in enumerate(grid):
        exponents = ((steps - at) / bandwidth) ** 2 / 2
        averages[i] = np.average(values, weights=np.exp(exponents.min() - exponents))
    return averages


def last_known(at: NDArray[Any], steps: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the last value logged at or before each step of `at`; before the first, 0."""
    known: NDArray[np.float64] = np.concatenate([[0.0], values])
    return known[np.searchsorted(steps, at, "right")]
