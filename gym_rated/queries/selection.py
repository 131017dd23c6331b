"""What a query strategy is, and the two plainest: by chance, and by the highest score."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.segments import Segment

Select = Callable[[Sequence[Segment], int, np.random.Generator], Sequence[int] | NDArray[np.int64]]
"""Chooses `num` of the candidates; returns their indices."""


def uniform(candidates: Sequence[Segment], num: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose uniformly: the default of `RatingFeedbackWrapper`.

    Args:
        candidates: Segments to choose from, B of them.
        num: How many to choose.
        rng: Source of the choice.

    Returns:
        Indices of min(num, B) candidates, each at most once.
    """
    return rng.permutation(len(candidates))[:num]


def highest(scores: NDArray[Any], num: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the indices of the `num` highest scores, shape (B,); equal ones by chance."""
    order = rng.permutation(len(scores))
    return order[np.argsort(-scores[order], kind="stable")][:num]
