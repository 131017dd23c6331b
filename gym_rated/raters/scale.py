"""Where a return lies on a rater's scale, in units of class width.

A position is a number from 0 (worst) to C (best); class i holds the positions in [i, i + 1). Noise
and bias are defined on positions, so that they do not depend on the scale of the reward.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_choice
from gym_rated.choices import Reference

_FAR = 1e9  # class widths, beyond which a position says no more
_NEARLY_ONE = 1 - 1e-9  # keeps a return just below a boundary in its class when numbers are rounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """What a rater judges a return by.

    Attributes:
        num_classes: Number of classes C.
        boundaries: Fixed cut points of the return, shape (C - 1,), or None.
        relative_to: Without boundaries, what a return is compared with: the rank among
            "everything" seen so far or in the "round", or the "range" of everything seen so far.
    """

    num_classes: int
    boundaries: Floats | None
    relative_to: Reference

    def __post_init__(self) -> None:
        """Check that the options fit together."""
        check_choice("relative_to", self.relative_to, get_args(Reference))
        if self.relative_to != "everything" and self.boundaries is not None:
            raise ValueError(
                f"`relative_to={self.relative_to!r}` finds its own scale; it needs no "
                f"`boundaries`, got {self.boundaries}"
            )

    def __call__(self, returns: Floats, start: int, first: int) -> Floats:
        """Return positions.

        Args:
            returns: Returns of everything seen so far, in order.
            start: The first of those to place.
            first: The first of the round.

        Returns:
            Positions in class widths, one for each return from `start` on; those by boundaries go
            on beyond 0 and C.
        """
        placed = returns[start:]
        if self.boundaries is not None:
            return positions_by_boundaries(placed, self.boundaries)
        if self.relative_to == "range":
            return positions_in_range(placed, returns, self.num_classes)
        reference = returns[first:] if self.relative_to == "round" else returns
        return positions_by_rank(placed, reference, self.num_classes)


def perceived_return(rewards: Floats, myopia: float) -> float:
    """Return the sum of a segment's rewards as a rater remembers it.

    B-Pref's myopic teacher (Lee et al. 2021, NeurIPS) weighs step t of T by gamma^(T - t), with
    gamma = 1 - myopia: late steps count more. We scale the weights to sum to T, so that fixed
    boundaries keep their meaning and a longer segment still counts as longer [our inference].

    Args:
        rewards: True rewards, shape (T,).
        myopia: 0 weighs all steps alike; below 1.
    """
    if myopia == 0 or len(rewards) == 0:
        return float(rewards.sum())
    weights = (1 - myopia) ** np.arange(len(rewards) - 1, -1, -1)
    return float(rewards @ weights * len(rewards) / weights.sum())


def positions_by_rank(returns: Floats, reference: Floats, num_classes: int) -> Floats:
    """Return C times the mid-rank of each return among those of a reference.

    The mid-rank is the share of the reference below a return, plus half of the share equal to it.

    Args:
        returns: Returns to place, shape (B,).
        reference: Returns to compare with, any number.
        num_classes: Number of classes C.
    """
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, returns, side="left")
    up_to = np.searchsorted(ordered, returns, side="right")
    # one division of whole numbers: no rounding can lift a position over a class boundary
    return np.asarray(num_classes * (below + up_to) / max(2 * len(ordered), 1), np.float64)


def positions_in_range(returns: Floats, reference: Floats, num_classes: int) -> Floats:
    """Return where each return lies between the lowest (0) and the highest (C) of a reference.

    Where all are equal there is no range, and they lie in the middle.

    Args:
        returns: Returns to place, shape (B,).
        reference: Returns to compare with, any number.
        num_classes: Number of classes C.
    """
    low, high = (reference.min(), reference.max()) if len(reference) else (0.0, 0.0)
    if low == high:
        return np.full(len(returns), num_classes / 2)
    return np.asarray(num_classes * ((returns - low) / (high - low)), np.float64)


def positions_by_boundaries(returns: Floats, boundaries: Floats) -> Floats:
    """Return the class of each return, plus how far into its class it lies.

    The first and the last class have no end; there one class width is that of the neighbour, and
    positions go on below 0 and above C. With a single boundary there is no width: a position is the
    middle of its class [our inference].

    Args:
        returns: Returns to place, shape (B,), in reward units.
        boundaries: Increasing cut points, shape (C - 1,), in reward units.
    """
    classes = np.searchsorted(boundaries, returns, side="right")
    if len(boundaries) == 1:
        return np.asarray(classes + 0.5, np.float64)
    first = np.clip(classes - 1, 0, len(boundaries) - 2)  # the interval whose width is used
    width = boundaries[first + 1] - boundaries[first]
    with np.errstate(over="ignore"):  # boundaries may be next to each other
        inside = (returns - boundaries[first]) / width + (first + 1 - classes)
    inside = np.clip(inside, -_FAR, _FAR)
    is_last = classes == len(boundaries)
    inside = np.where(classes > 0, np.maximum(inside, 0), inside)
    inside = np.where(is_last, inside, np.minimum(inside, _NEARLY_ONE))
    return np.asarray(classes + inside, np.float64)


def classes_of(positions: Floats, num_classes: int) -> NDArray[np.int64]:
    """Return the class that each position lies in."""
    return np.clip(np.floor(positions), 0, num_classes - 1).astype(np.int64)


def checked_boundaries(boundaries: ArrayLike, num_classes: int) -> Floats:
    """Return boundaries as an array.

    Raises:
        ValueError: If they are not C - 1 finite numbers that increase.
    """
    cuts = np.asarray(boundaries, np.float64)
    if cuts.shape != (num_classes - 1,):
        raise ValueError(
            f"`boundaries` must hold num_classes - 1 = {num_classes - 1} cut points, "
            f"got shape {cuts.shape}"
        )
    if not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"`boundaries` must be finite and increasing, got {cuts.tolist()}")
    return cuts
