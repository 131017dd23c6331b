"""What a discrete action chooses: K values at once, each from a few whole numbers."""

from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

DISCRETE = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
"""Spaces of actions that are choices."""


def choices_of(space: Space[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many values each choice has, shape (K,), and the first of each, shape (K,).

    Args:
        space: One of `DISCRETE`; Discrete has K = 1.

    Raises:
        TypeError: If the space is of another kind.

    Example:
        >>> counts, first = choices_of(spaces.MultiDiscrete([3, 2], start=[0, 5]))
        >>> counts.tolist(), first.tolist()
        ([3, 2], [0, 5])
    """
    if isinstance(space, spaces.Discrete):
        return np.array([space.n], np.int64), np.array([space.start], np.int64)
    if isinstance(space, spaces.MultiDiscrete):
        return space.nvec.ravel().astype(np.int64), space.start.ravel().astype(np.int64)
    if isinstance(space, spaces.MultiBinary):
        counts = np.full(int(np.prod(space.shape)), 2, np.int64)
        return counts, np.zeros_like(counts)
    raise TypeError(f"`space` must be Discrete, MultiDiscrete or MultiBinary, got {space}")
