"""The segments that a fit looks at before and after its steps: all, until there are many.

A fit takes as many steps whatever was rated before, so it must look at no more than so many
segments: normaliser, scale, class limits, losses and held-out figures come from these. Which ones
does not change but by those that are added: the sample is drawn with a fixed seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gym_rated.fitting.rows import PackedSteps, RatedRows, segment_returns
from gym_rated.fitting.split import FitSplit, Indices
from gym_rated.ratings import RatingDataset

MOST_SEGMENTS = 2_048
"""Segments that a fit looks at, at most; up to a quarter of them is held out."""
_SEED = 0
_CHUNK = 64  # segments per pass, of up to…
_CHUNK_NUMBERS = 2**22  # … this many numbers, of which an image has many


def sampled_rows(rows: RatedRows, split: FitSplit, most: int) -> Indices:
    """Return the rows that a fit looks at, in order: those of at most so many segments.

    Args:
        rows: All rows.
        split: Which of them are held out.
        most: How many segments. A quarter of them is held out if there are as many, and where
            there are comparisons, up to half of each part is compared.
    """
    segments, place = np.unique(rows.segments, return_inverse=True)
    if len(segments) <= most:
        return np.arange(len(place))
    # the numbers drawn for those that there are stay the same as others are added
    turns = np.random.default_rng(_SEED).random(segments[-1] + 1)[segments]
    held_out = _first(place[split.held_out], place[split.held_out_pairs], turns, most // 4)
    train = _first(place[split.train], place[split.train_pairs], turns, most - len(held_out))
    return np.flatnonzero(np.isin(place, [*held_out, *train]))


def _first(judged: Indices, pairs: Indices, turns: NDArray[np.float64], most: int) -> Indices:
    """Return the segments of the first pairs, and the first of those judged."""
    pair_turns = np.random.default_rng(_SEED).random(len(pairs))
    compared = np.unique(pairs[pair_turns.argsort()[: most // 4]])
    others = np.setdiff1d(judged, compared)
    left = most - len(compared)
    return np.concatenate([compared, others[turns[others].argsort()[:left]]])


@dataclass(frozen=True, eq=False)
class SampledSegments:
    """The S segments that some rows are about, each once, and their steps as they are asked for.

    Attributes:
        ratings: The dataset.
        numbers: Their numbers in it, shape (S,).
        row_places: Which of them each row is about, shape (B,).
        device: Where to compute.
    """

    ratings: RatingDataset
    numbers: Indices
    row_places: Indices
    device: torch.device

    @classmethod
    def of(cls, rows: RatedRows) -> Self:
        """Find the segments that rows are about."""
        numbers, places = np.unique(rows.segments, return_inverse=True)
        return cls(rows.dataset, numbers, places, rows.ratings.device)

    def __len__(self) -> int:
        """Return the number of segments S."""
        return len(self.numbers)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each segment, shape (S,)."""
        return self.ratings.lengths(self.numbers)

    @property
    def num_rows(self) -> NDArray[np.int64]:
        """How many rows are about each segment, shape (S,): so often do its steps count."""
        return np.bincount(self.row_places, minlength=len(self))

    def chunks(self) -> Iterator[PackedSteps]:
        """Yield the steps of all segments, some segments at a time."""
        for part in self._parts():
            yield PackedSteps.of(self.ratings, self.numbers[part], self.device)

    def returns(self, rewards: Tensor) -> Tensor:
        """Sum the rewards of all steps, shape (E, N), to the return of each row, shape (E, B)."""
        places = torch.from_numpy(self.row_places).to(rewards.device)
        return segment_returns(rewards, self.lengths)[:, places]

    def mean_and_std(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of the observations of all rows, shape (D,) each.

        In double precision, and without a second copy of all observations.
        """
        weights, mean, squares = 0.0, np.zeros(self.ratings.obs_dim), np.zeros(self.ratings.obs_dim)
        for obs, times in self._observations():
            weights += times.sum()
            mean += times @ obs
        mean /= weights
        for obs, times in self._observations():
            squares += times @ np.square(obs - mean)
        return mean, np.sqrt(squares / weights)

    def step_weights(self) -> NDArray[np.float64]:
        """Return how many rows each step belongs to, shape (N,)."""
        return np.repeat(self.num_rows, self.lengths).astype(np.float64)

    def _observations(self) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
        """Yield observations, shape (N', D), and how many rows each belongs to, shape (N',)."""
        num_rows, lengths = self.num_rows.astype(np.float64), self.lengths
        for part in self._parts():
            obs, _ = self.ratings.steps(self.numbers[part].tolist())
            yield obs, np.repeat(num_rows[part], lengths[part])

    def _parts(self) -> Iterator[slice]:
        """Yield slices of the segments, so small that their steps fit into memory."""
        longest = self.ratings.obs_dim * int(self.lengths.max(initial=1))
        size = max(1, min(_CHUNK, _CHUNK_NUMBERS // longest))
        for start in range(0, len(self), size):
            yield slice(start, start + size)


@dataclass(frozen=True, eq=False)
class Sample:
    """What a fit looks at before and after its steps: rows, how they are split, their segments."""

    rows: RatedRows
    split: FitSplit
    segments: SampledSegments

    @classmethod
    def of(cls, rows: RatedRows, split: FitSplit) -> Self:
        """Draw the sample of all rows: `sampled_rows` of at most `MOST_SEGMENTS`."""
        chosen = sampled_rows(rows, split, MOST_SEGMENTS)
        taken = rows.take(chosen)
        return cls(taken, split.within(chosen), SampledSegments.of(taken))
