"""Which answers a fit learns from, in which mini-batches, and which it is judged by."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gym_rated.ratings import RatedBatch
from gym_rated.ratings.batch import RatedTable

Indices = NDArray[np.int64]


def is_held_out(segment_id: str) -> bool:
    """Return whether every fit leaves the answers about this segment out of its loss."""
    return bool(_is_held_out(zlib.crc32(segment_id.encode())))


def _is_held_out(checksums: Any) -> Any:
    return checksums % 10 == 0


@dataclass(frozen=True, eq=False)
class FitSplit:
    """Row numbers of a `RatedTable`, or of a `RatedBatch`.

    Segments are held out by `is_held_out`: in every fit the same ones. A comparison is held out
    where one of its segments is.

    Attributes:
        train: Rows with a rating or score to learn from.
        held_out: Rows with a rating or score to be judged by.
        train_pairs: Comparisons (better, worse) to learn from, shape (K, 2).
        held_out_pairs: Comparisons to be judged by, shape (K', 2).
    """

    train: Indices
    held_out: Indices
    train_pairs: Indices
    held_out_pairs: Indices

    @classmethod
    def of(cls, batch: RatedBatch | RatedTable) -> Self:
        """Split the rows and comparisons of a batch or a table, in order."""
        held = _is_held_out(batch.checksums)
        judged = (batch.ratings >= 0) | ~np.isnan(batch.scores)
        held_pairs = held[batch.comparisons].any(1)
        return cls(
            train=np.flatnonzero(judged & ~held),
            held_out=np.flatnonzero(judged & held),
            train_pairs=batch.comparisons[~held_pairs],
            held_out_pairs=batch.comparisons[held_pairs],
        )

    def shuffled(self, rng: np.random.Generator) -> Self:
        """Return the split with the rows to learn from in random order."""
        return replace(self, train=rng.permutation(self.train))

    def within(self, rows: Indices) -> Self:
        """Return the split of some rows alone, by their place among these.

        A comparison is among them where both of its rows are.
        """
        num = 1 + max(int(part.max(initial=-1)) for part in (*vars(self).values(), rows))
        place = np.full(num, -1)
        place[rows] = np.arange(len(rows))
        train_pairs, held_out_pairs = place[self.train_pairs], place[self.held_out_pairs]
        return type(self)(
            train=place[self.train][place[self.train] >= 0],
            held_out=place[self.held_out][place[self.held_out] >= 0],
            train_pairs=train_pairs[(train_pairs >= 0).all(1)],
            held_out_pairs=held_out_pairs[(held_out_pairs >= 0).all(1)],
        )

    def num_batches(self, batch_size: int) -> int:
        """Return how many mini-batches a pass has: over the rows, or over comparisons alone."""
        return max(1, -(-(len(self.train) or len(self.train_pairs)) // batch_size))

    def batches(
        self, batch_size: int, rng: np.random.Generator
    ) -> Iterator[tuple[Indices, Indices]]:
        """Yield mini-batches of rows and of comparisons for ever, each shuffled in every pass.

        The two go on side by side, at most `batch_size` of each in a mini-batch, and the batches
        of a pass differ in size by at most one. A pass over the fewer of them ends sooner.
        """
        rows = _endless(self.train, batch_size, rng)
        pairs = _endless(self.train_pairs, batch_size, rng)
        yield from zip(rows, pairs, strict=True)

    def one_pass(self, batch_size: int) -> Iterator[tuple[Indices, Indices]]:
        """Yield all rows and comparisons once, in order."""
        num = self.num_batches(batch_size)
        rows = [self.train[i * batch_size : (i + 1) * batch_size] for i in range(num)]
        yield from zip(rows, np.array_split(self.train_pairs, num), strict=True)


def _endless(items: NDArray[Any], batch_size: int, rng: np.random.Generator) -> Iterator[Indices]:
    per_pass = -(-len(items) // batch_size)
    while True:
        if not per_pass:
            yield items
        else:
            yield from (items[i] for i in np.array_split(rng.permutation(len(items)), per_pass))
