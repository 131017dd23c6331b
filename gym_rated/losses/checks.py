"""Checks of arguments that several losses share."""

from torch import Tensor

from gym_rated.checks import check_num_classes, check_number

MISTAKE_RATE = 0.1
"""Share of ratings that the tasks quantile and ordinal take as chance [our inference, measured]."""


def check_pair_options(adjacent_weight: float, trim: float) -> None:
    """Refuse options of `pairwise_loss` that are no numbers, or out of range."""
    weight = check_number("adjacent_weight", adjacent_weight)
    if not (weight >= 0 and 0 <= check_number("trim", trim) < 1):
        raise ValueError(
            "`adjacent_weight` must be at least 0 and `trim` in [0, 1), "
            f"got {adjacent_weight} and {trim}"
        )


def check_mistake_rate(mistake_rate: float) -> None:
    """Refuse a share of ratings that are taken as chance outside of [0, 1)."""
    if not 0 <= check_number("mistake_rate", mistake_rate) < 1:
        raise ValueError(f"`mistake_rate` must lie in [0, 1), got {mistake_rate}")


def check_rows(returns: Tensor, other: Tensor, name: str) -> None:
    """Refuse an `other` without one entry for each of B > 0 segments with a ValueError."""
    if returns.ndim == 0 or returns.shape[-1] == 0 or other.shape != returns.shape[-1:]:
        raise ValueError(
            f"`{name}` must have one entry for each of B > 0 segments, got shape "
            f"{tuple(other.shape)} for segments of shape {tuple(returns.shape)}"
        )


def check_ratings(returns: Tensor, ratings: Tensor, num_classes: int) -> None:
    """Refuse ratings that are neither a class nor -1, for no rating, with a ValueError."""
    check_rows(returns, ratings, "ratings")
    check_num_classes(num_classes)
    low, high = ratings.aminmax()
    if low < -1 or high >= num_classes:
        raise ValueError(
            f"`ratings` must lie in 0..{num_classes - 1} for {num_classes} classes, or be -1 "
            f"where there is none, got {int(low)}..{int(high)}"
        )
