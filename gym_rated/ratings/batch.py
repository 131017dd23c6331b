"""Rated segments as the arrays that a loss computes with."""

import zlib
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

    @property
    def checksums(self) -> NDArray[np.int64]:
        """The CRC-32 of each row's id, shape (B,)."""
        return np.array([zlib.crc32(id.encode()) for id in self.ids], np.int64)


@dataclass(frozen=True, eq=False)
class RatedTable:
    """What was said, a row for each segment and rater as in a `RatedBatch`, without the steps.

    Attributes:
        ids: Segment id of each row, B of them.
        segments: Number of each row's segment, shape (B,), from 0 in the order in which the
            dataset was given them.
        lengths: Steps of each row's segment, shape (B,).
        checksums: The CRC-32 of each row's id, shape (B,).
        ratings: As of `RatedBatch`, and so are the following.
        groups: Shape (B,).
        scores: Shape (B,).
        comparisons: Shape (K, 2).
    """

    ids: tuple[str, ...]
    segments: NDArray[np.int64]
    lengths: NDArray[np.int64]
    checksums: NDArray[np.int64]
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
