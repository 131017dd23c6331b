"""Which of two segments is better: comparisons inside one query."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ring(draws: Floats) -> NDArray[np.int64]:
    """Return for each segment another one of the query to compare it with.

    The segments stand in a circle at random, and each is compared with the next: B comparisons of B
    segments, each segment in two of them.

    Args:
        draws: Random numbers, shape (B,), one for each segment.

    Returns:
        Index of the other segment, shape (B,); its own where it is alone.
    """
    order = np.argsort(draws, kind="stable")
    other = np.empty(len(draws), np.int64)
    other[order] = np.roll(order, -1)
    return other


def probability_better(differences: Floats, temperature: float) -> Floats:
    """Return the probability that the first of two segments is called better.

    Bradley and Terry 1952: P = 1 / (1 + exp(-d / temperature)), where d is the difference of the
    positions in class widths; at temperature 0, the sign of d.

    Args:
        differences: Position of the first minus that of the second, any shape.
        temperature: At least 0.
    """
    if temperature == 0:
        return np.asarray((np.sign(differences) + 1) / 2, np.float64)
    # tanh neither overflows nor loses the small end
    return np.asarray((1 + np.tanh(differences / (2 * temperature))) / 2, np.float64)
