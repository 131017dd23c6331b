"""Classification of the rating from the predicted return: White et al., AAAI 2024 (Q and L).

The class limits come from the mini-batch as in the authors' code, from the shares of the ratings,
or from outside. With `groups`, returns and limits are those of each group [our inference].
"""

from math import log
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from gym_rated.losses.checks import check_choice, check_positive, check_ratings, check_rows
from gym_rated.losses.groups import group_range, number_groups, with_contrast

LimitForm = Literal["batch", "share"]


def classification_loss(
    returns: Tensor,
    ratings: Tensor,
    num_classes: int,
    sharpness: float = 30.0,
    boundaries: Tensor | None = None,
    groups: Tensor | None = None,
    *,
    limits: LimitForm = "batch",
) -> Tensor:
    """Cross-entropy of the rating classes given predicted segment returns.

    White et al. 2024: with returns p rescaled to [0, 1] over the batch and class limits b, the
    logit of class i is `Q_i = -k (p - b_i)(p - b_{i+1})`. The loss does not change when returns are
    scaled by a positive factor or shifted. The gradient flows through the smallest and the largest
    return, not through the limits. Where all returns of a batch are equal they say nothing: the
    loss is ln C and its gradient is zero.

    With `groups`, p and b are found in each group alone, and the loss does not change when the
    returns of one group are scaled or shifted [our inference]. Rows of a group with a single class
    are left out. The smallest and the largest return of a group are at 0 and 1 whatever they are,
    so a group of two has no gradient, and one of three only by its middle row: use `pairwise_loss`
    where groups are so small, and the limits `share`, which do not follow the few rows there are.

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        ratings: Rating classes, shape (B,), int64 in 0..C-1; 0 is the worst. A row with -1, no
            rating, is left out.
        num_classes: Number of classes C, at least 2.
        sharpness: Steepness k of the class borders, no unit, > 0. With 30, for every C, a perfect
            order cannot reach zero loss; see `scaled_sharpness`.
        boundaries: Interior limits b_1..b_{C-1} on the rescaled scale, non-decreasing, shape (...,
            C-1), such as `share_limits`; not together with groups.
        groups: One integer per (rater, round), shape (B,); None takes all segments as one group.
        limits: Without `boundaries`: `batch` takes those of `class_limits`, as the authors' code
            does, `share` those of `share_limits`.

    Returns:
        Mean loss over the segments, shape (*batch), in nats; 0 where no segment takes part.

    Raises:
        ValueError: If shapes differ, the batch is empty, a rating lies outside -1..C-1, or both
        boundaries and groups are given.
    """
    check_ratings(returns, ratings, num_classes)
    check_positive("sharpness", sharpness)
    check_choice("limits", limits, get_args(LimitForm))
    rated = ratings >= 0
    if groups is None:
        returns, ratings = returns[..., rated], ratings[rated]
        if not len(ratings):
            return returns.sum(-1)
        rescaled, flat = _rescale(returns, *_range(returns))
        if boundaries is None:
            boundaries = _find_limits(rescaled.detach(), ratings, num_classes, limits)
        elif boundaries.shape[-1] != num_classes - 1:
            raise ValueError(
                f"`boundaries` must hold the {num_classes - 1} interior limits of "
                f"{num_classes} classes, got shape {tuple(boundaries.shape)}"
            )
        boundaries = boundaries.unsqueeze(-2)
    else:
        check_rows(returns, groups, "groups")
        if boundaries is not None:
            raise ValueError("`boundaries` must be None with `groups`, which have their own limits")
        rated[rated.clone()] = with_contrast(ratings[rated], groups[rated])
        returns, ratings = returns[..., rated], ratings[rated]
        if not len(ratings):
            return returns.sum(-1)
        numbers, num_groups = number_groups(groups[rated])
        low, high = group_range(returns, numbers, num_groups)
        rescaled, flat = _rescale(returns, low[..., numbers], high[..., numbers])
        p = rescaled.detach()
        boundaries = _limits_in_groups(p, ratings, numbers, num_groups, num_classes, limits)
    log_probabilities = _logits(rescaled, boundaries, sharpness).log_softmax(-1)  # (*batch, B, C)
    index = ratings.expand(returns.shape).unsqueeze(-1)
    losses = -log_probabilities.gather(-1, index).squeeze(-1)
    return torch.where(flat, log(num_classes), losses).mean(-1)


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
    return _find_limits(rescale(returns), ratings[rated], num_classes, "batch")


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


def class_probabilities(rescaled: Tensor, boundaries: Tensor, sharpness: float = 30.0) -> Tensor:
    """Return the probability of every class; the most probable one is the interval that holds p.

    Args:
        rescaled: Returns p from `rescale`, shape (*batch, B); may leave [0, 1] for unseen segments.
        boundaries: Interior limits, shape (*batch, C-1).
        sharpness: Steepness k of the class borders, > 0.

    Returns:
        Probabilities, shape (*batch, B, C).
    """
    return _logits(rescaled, boundaries.unsqueeze(-2), sharpness).softmax(-1)


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
    return _rescale(returns, *_range(returns if reference is None else reference))[0]


def scaled_sharpness(num_classes: int) -> float:
    """Return the sharpness `30 (C/2)^2`, which suits narrower classes.

    The logits shrink with the square of a class's width: with 30 for every C, a perfect order of
    2 to 6 equally common classes still costs 0.055, 0.164, 0.314, 0.471 and 0.619 nats; with this
    it costs 0.055 to 0.091 [our inference].
    """
    return 30.0 * (num_classes / 2) ** 2


def _range(returns: Tensor) -> tuple[Tensor, Tensor]:
    return returns.amin(-1, keepdim=True), returns.amax(-1, keepdim=True)


def _rescale(returns: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Map `low` to 0 and `high` to 1; also says where the two differ by no more than rounding."""
    precision = torch.finfo(returns.dtype)
    span = high - low
    rounding = 8 * precision.eps * torch.maximum(low.abs(), high.abs()) + precision.tiny**0.5
    flat = (span < rounding).detach()  # false for NaN and inf: those must not pass as harmless
    zeros = torch.zeros_like(span)
    return torch.where(flat, zeros, (returns - low) / torch.where(flat, zeros + 1, span)), flat


def _find_limits(rescaled: Tensor, ratings: Tensor, num_classes: int, limits: LimitForm) -> Tensor:
    num_below = _num_below(ratings, num_classes).sum(0)  # (C-1,)
    if limits == "share":
        return (num_below / len(ratings)).to(rescaled.dtype)
    ordered = functional.pad(rescaled.sort(dim=-1).values, (1, 0))  # nothing below: limit 0
    return ordered[..., num_below]


def _limits_in_groups(
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


def _logits(rescaled: Tensor, boundaries: Tensor, sharpness: float) -> Tensor:
    """Return Q for limits of each row, (*batch, B) and (*batch, B or 1, C-1)."""
    lower = functional.pad(boundaries, (1, 0), value=0.0)
    upper = functional.pad(boundaries, (0, 1), value=1.0)
    p = rescaled.unsqueeze(-1)
    return -sharpness * (p - lower) * (p - upper)  # (*batch, B, C)


def _some_rated(ratings: Tensor) -> Tensor:
    rated = ratings >= 0
    if not rated.any():
        raise ValueError("`ratings` must hold at least one rating, got -1 in every row")
    return rated
