"""Rated segments as the arrays that a loss computes with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RatedBatch:
    """Segments and what was said of them, as arrays: B rows, T steps of the longest segment.

    A row is one segment and one rater who rated, scored or compared it. Arrays are zero beyond a
    segment's end.

    Attributes:
        ids: Segment id of each row, B of them.
        obs: Raw observations, shape (B, T, D): float32, or uint8 for images.
        actions: Encoded actions, shape (B, T, A).
        mask: True where a step exists, shape (B, T).
        ratings: Rating classes, 0 (worst) to C - 1, or -1 where there is none, shape (B,).
        groups: Number of the (rater, round) of each row, shape (B,): equal numbers share a scale.
        scores: Scores from 0 (worst) to 1, or NaN where there is none, shape (B,).
        comparisons: Row numbers (better, worse) of each comparison, shape (K, 2).
    """

    ids: tuple[str, ...]
    obs: NDArray[Any]
    actions: NDArray[np.float32]
    mask: NDArray[np.bool_]
    ratings: NDArray[np.int64]
    groups: NDArray[np.int64]
    scores: NDArray[np.float32]
    comparisons: NDArray[np.int64]


def padded(parts: list[NDArray[Any]], longest: int, dim: int, dtype: Any) -> NDArray[Any]:
    """Return B arrays (T, D) as one, shape (B, longest, D), zero beyond the end of each."""
    out = np.zeros((len(parts), longest, dim), dtype)
    for row, part in zip(out, parts, strict=True):
        row[: len(part)] = part
    return out
