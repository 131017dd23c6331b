"""The two sides of a comparison: of one length, and each with something to say."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def same_length(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Return both sides as float64, shape (B,) each, or raise ValueError."""
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"both sides must have the same shape (B,), got {x.shape} and {y.shape}")
    return x, y


def is_constant(values: NDArray[np.float64]) -> bool:
    """Say whether values, shape (B,), are all the same, or fewer than two."""
    return len(values) < 2 or bool(values.min() == values.max())


def is_flat(values: NDArray[np.float64]) -> bool:
    """Say whether finite values, shape (B,), differ by no more than sums are rounded."""
    return len(values) < 2 or bool(in_unit(values).std() <= 1e-9)


def in_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return finite values divided by the largest of them, so that no square is infinite or 0."""
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest > 0 else values
