"""What makes a rater answer by chance: each model with its exact distribution of labels.

A model turns a class or a position and one frozen random number into another, so that a segment
keeps its luck when it is rated again. The distributions are exact, and tests hold draws to them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_number

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Temperature:
    """Boltzmann noise on the position, in units of class width.

    A position x is seen as y in [0, C] with density proportional to exp(-|y - x| / temperature).
    So classes other than that of x have Boltzmann probabilities of their middles' distances. The
    unit is ours: B-Pref's stochastic teacher (Lee et al. 2021, NeurIPS) divides returns, and is
    louder where rewards are small.

    Attributes:
        temperature: 0 sees x itself; at least 0.
    """

    temperature: float = 0.0

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("temperature", self.temperature, 0)

    def __call__(self, positions: Floats, draws: Floats, num_classes: int) -> Floats:
        """Return noisy positions; `draws` are uniform in [0, 1), one for each position."""
        if self.temperature == 0:
            return positions
        down, up = self._masses(positions, num_classes)
        below = down / (down + up)
        with np.errstate(divide="ignore"):  # log 0 is an end of the scale
            lower = np.log(draws * (down + up) + (1 - down))
            upper = np.log1p(-(draws - below) * (down + up))
        moved = np.where(draws < below, lower, -upper) * self.temperature
        return np.asarray(np.clip(positions + moved, 0, num_classes), np.float64)

    def label_distribution(self, positions: Floats, num_classes: int) -> Floats:
        """Return the probability of each class, shape (*shape of positions, C)."""
        if self.temperature == 0:
            classes = np.clip(np.floor(positions), 0, num_classes - 1).astype(np.int64)
            return np.asarray(np.eye(num_classes)[classes], np.float64)
        x = positions[..., None]
        edges = np.arange(num_classes + 1.0)
        away = -np.expm1(-np.abs(edges - x) / self.temperature)  # mass between x and an edge
        down, up = self._masses(x, num_classes)
        return np.diff(np.where(edges < x, -away, away), axis=-1) / (down + up)

    def _masses(self, positions: Floats, num_classes: int) -> tuple[Floats, Floats]:
        """Return the mass below and above each position, not normalised."""
        down = -np.expm1(-positions / self.temperature)
        return down, -np.expm1(-(num_classes - positions) / self.temperature)


@dataclass(frozen=True)
class Slip:
    """An adjacent class by accident.

    Attributes:
        slip_rate: Probability of a slip, in [0, 1]: half to either neighbour; in the first and the
            last class all of it to the only neighbour, so that every class slips equally often.
    """

    slip_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("slip_rate", self.slip_rate, 0, 1)

    def __call__(self, classes: Classes, draws: Floats, num_classes: int) -> Classes:
        """Return classes after slips; `draws` are uniform in [0, 1), one for each class."""
        step = np.where(draws < self.slip_rate / 2, -1, 1) * (draws < self.slip_rate)
        moved = classes + step
        is_off = (moved < 0) | (moved >= num_classes)
        return np.asarray(np.where(is_off, classes - step, moved), np.int64)

    def transitions(self, num_classes: int) -> Floats:
        """Return the probability of a class (column) given the class before it (row)."""
        neighbours = np.eye(num_classes, k=1) + np.eye(num_classes, k=-1)
        neighbours /= neighbours.sum(1, keepdims=True)
        return (1 - self.slip_rate) * np.eye(num_classes) + self.slip_rate * neighbours


@dataclass(frozen=True)
class Mistakes:
    """Answers that have nothing to do with the segment, more of them as the rater tires.

    Attributes:
        mistake_rate: Probability of a mistake of a fresh rater, in [0, 1]: then uniform over the
            other C - 1 classes.
        fatigue: By how much the probability grows in 100 ratings, at least 0. It stops at
            (C - 1) / C, where answers are uniform over all classes.
    """

    mistake_rate: float = 0.0
    fatigue: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        check_number("mistake_rate", self.mistake_rate, 0, 1)
        check_number("fatigue", self.fatigue, 0)

    def rates(self, num_rated: ArrayLike, num_answers: ArrayLike) -> Floats:
        """Return the probability of a mistake.

        Args:
            num_rated: Ratings given before, any shape.
            num_answers: Answers to choose from: C, or 2 for a comparison.
        """
        most = np.maximum(1 - 1 / np.asarray(num_answers), self.mistake_rate)
        tired = self.mistake_rate + self.fatigue * np.asarray(num_rated) / 100
        return np.asarray(np.minimum(tired, most), np.float64)

    def transitions(self, num_classes: int, num_rated: int) -> Floats:
        """Return the probability of a class (column) given the right one (row)."""
        rate = float(self.rates(num_rated, num_classes))
        others = (1 - np.eye(num_classes)) / (num_classes - 1)
        return (1 - rate) * np.eye(num_classes) + rate * others


@dataclass(frozen=True)
class Skips:
    """Segments about which the rater does not answer.

    Attributes:
        skip_rate: Probability of a skip for no reason, in [0, 1].
        undecided: Class widths within which of a boundary between two classes the rater cannot
            decide, in [0, 0.5]; of a comparison, the difference at which it counts as a tie.
    """

    skip_rate: float = 0.0
    undecided: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        check_number("skip_rate", self.skip_rate, 0, 1)
        check_number("undecided", self.undecided, 0, 0.5)

    def between(self, positions: Floats, num_classes: int) -> NDArray[np.bool_]:
        """Say of each position whether it is too close to a boundary to be rated."""
        nearest = np.clip(np.rint(positions), 1, num_classes - 1)
        return np.asarray(np.abs(positions - nearest) < self.undecided, np.bool_)
