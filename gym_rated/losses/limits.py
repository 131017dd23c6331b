"""Where one class ends and the next begins, on the scale of predicted returns from 0 to 1.

The limits leave as many predicted as rated segments in every class, as in the authors' code of
White et al. 2024 (AAAI), or are the shares of the ratings [our inference].
"""

import torch
from torch import Tensor
from torch.nn import functional

from gym_rated.choices import LimitForm
from gym_rated.losses.checks import check_ratings


def class_limits(returns: Tensor, ratings: Tensor, num_classes: int) -> Tensor:
    """Find the class limits that leave as many predicted as rated segments in every class.

    Args:
        returns: Predicted returns, shape (*batch, B); rescaled to [0, 1] first.
        ratings: Rating classes, shape (B,), int64 in 0..C-1, or -1 for a row to be left out.
        num_classes: Number of classes C, at least 2.

    Returns:
        Interior limits b_1..b_{C-1} on the rescaled scale, shape (*batch, C-1), without gradient.
        The limit above an empty class equals the one below it, so that the class owns nothing.

    Raises:
        ValueError: If shapes differ, no row is rated, or a rating lies outside -1..C-1.
    """
    check_ratings(returns, ratings, num_classes)
    rated = _some_rated(ratings)
    returns = returns.detach()[..., rated]
    return find_limits(rescale(returns), ratings[rated], num_classes, "batch")


def share_limits(ratings: Tensor, num_classes: int) -> Tensor:
    """Take as limit below a class the share of the ratings that are lower [our inference].

    These limits do not depend on the predictions: they say where on [0, 1] a class lies if returns
    are evenly spread, and so pull the returns towards an even spread.

    Args:
        ratings: Rating classes, shape (B,), int64 in 0..C-1, or -1 for a row to be left out.
        num_classes: Number of classes C, at least 2.

    Returns:
        Interior limits b_1..b_{C-1}, shape (C-1,), of the default float type; an empty class has
        equal limits and owns nothing.

    Raises:
        ValueError: If no row is rated, or a rating lies outside -1..C-1.
    """
    check_ratings(ratings, ratings, num_classes)
    rated = ratings[_some_rated(ratings)]
    return _num_below(rated, num_classes).sum(0) / len(rated)


def rescale(returns: Tensor, reference: Tensor | None = None) -> Tensor:
    """Map the smallest return to 0 and the largest to 1; all to 0 where there is no difference.

    Args:
        returns: Predicted returns, shape (*batch, B).
        reference: Returns whose smallest and largest count, shape (*batch, R); `returns` by
            default.

    Returns:
        Rescaled returns, shape (*batch, B). Where the reference returns differ by no more than
        rounding, all are zero and without gradient.
    """
    return rescale_between(returns, *return_range(returns if reference is None else reference))[0]


def return_range(returns: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest return, (*batch, B) -> twice (*batch, 1)."""
    return returns.amin(-1, keepdim=True), returns.amax(-1, keepdim=True)


def rescale_between(returns: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Map `low` to 0 and `high` to 1; also says where the two differ by no more than rounding."""
    precision = torch.finfo(returns.dtype)
    span = high - low
    rounding = 8 * precision.eps * torch.maximum(low.abs(), high.abs()) + precision.tiny**0.5
    flat = (span < rounding).detach()  # false for NaN and inf: those must not pass as harmless
    zeros = torch.zeros_like(span)
    return torch.where(flat, zeros, (returns - low) / torch.where(flat, zeros + 1, span)), flat


def find_limits(rescaled: Tensor, ratings: Tensor, num_classes: int, limits: LimitForm) -> Tensor:
    """Find the interior limits of rows that are all rated, shape (*batch or none, C-1)."""
    num_below = _num_below(ratings, num_classes).sum(0)  # (C-1,)
    if limits == "share":
        return (num_below / len(ratings)).to(rescaled.dtype)
    ordered = functional.pad(rescaled.sort(dim=-1).values, (1, 0))  # nothing below: limit 0
    return ordered[..., num_below]


def limits_in_groups(
    rescaled: Tensor,
    ratings: Tensor,
    numbers: Tensor,
    num_groups: int,
    num_classes: int,
    limits: LimitForm,
) -> Tensor:
    """Find the limits of each row's group, shape (*batch or none, B, C-1)."""
    below = _num_below(ratings, num_classes)
    num_below = below.new_zeros(num_groups, num_classes - 1).index_add(0, numbers, below)
    sizes = numbers.bincount(minlength=num_groups)
    if limits == "share":
        return (num_below / sizes.unsqueeze(-1)).to(rescaled.dtype)[numbers]
    # Sorted by group, and within a group by p: stable sorts, the first key last.
    by_return = rescaled.argsort(dim=-1, stable=True)
    by_group = by_return.gather(-1, numbers[by_return].argsort(dim=-1, stable=True))
    ordered = functional.pad(rescaled.gather(-1, by_group), (1, 0))  # nothing below: limit 0
    first = (sizes.cumsum(0) - sizes).unsqueeze(-1)
    return ordered[..., torch.where(num_below > 0, first + num_below, 0)][..., numbers, :]


def _num_below(ratings: Tensor, num_classes: int) -> Tensor:
    """Mark for each row the interior limits that it lies below, (B, C-1) of 0 and 1."""
    classes = torch.arange(num_classes - 1, device=ratings.device)
    return (ratings.unsqueeze(-1) <= classes).long()


def _some_rated(ratings: Tensor) -> Tensor:
    rated = ratings >= 0
    if not rated.any():
        raise ValueError("`ratings` must hold at least one rating, got -1 in every row")
    return rated
