"""Ordinal regression of ratings: the cumulative link model of McCullagh 1980, logit link.

A rating is at most c with probability sigmoid(theta_c - R). The thresholds theta may differ by
group: a lenient rater has low ones [our inference].
"""

import torch
from torch import Tensor
from torch.nn import functional

from gym_rated.losses.checks import check_positive, check_ratings


def ordinal_loss(returns: Tensor, ratings: Tensor, thresholds: Tensor) -> Tensor:
    """Mean negative log-likelihood of ratings under a cumulative link model.

    `P(y <= c) = sigmoid(theta_c - R)`, so `P(y = c)` is a difference of two of them, and its
    logarithm is computed without cancellation in the tails.

    Args:
        returns: Predicted returns R, shape (*batch, B), in units of the logistic noise.
        ratings: Rating classes, shape (B,), int64 in 0..C-1. A row with -1, no rating, is left out.
        thresholds: Increasing thresholds of each row, shape (B, C-1) or (*batch, B, C-1), such as
            those of `ordered_thresholds`; C - 1 may also be all there is, for a common scale.

    Returns:
        Mean loss over the segments, shape (*batch), in nats; 0 where no segment is rated.

    Raises:
        ValueError: If shapes differ, a rating lies outside -1..C-1, or thresholds do not increase.
    """
    num_classes = thresholds.shape[-1] + 1
    check_ratings(returns, ratings, num_classes)
    if thresholds.ndim > 1 and thresholds.shape[-2] != len(ratings):
        raise ValueError(
            f"`thresholds` must have shape (..., {len(ratings)}, {num_classes - 1}) or "
            f"({num_classes - 1},), got {tuple(thresholds.shape)}"
        )
    if not (thresholds.diff(dim=-1) > 0).all():
        raise ValueError("`thresholds` must increase from class to class, got some that do not")
    thresholds = thresholds.expand(*returns.shape, num_classes - 1)
    rated = ratings >= 0
    returns, ratings, thresholds = returns[..., rated], ratings[rated], thresholds[..., rated, :]
    if not len(ratings):
        return returns.sum(-1)
    return -_log_probability(returns, ratings, thresholds).mean(-1)


def ordered_thresholds(base: Tensor, log_spacing: Tensor, offsets: Tensor) -> Tensor:
    """Build increasing thresholds from free numbers: a common spacing, moved by an offset per row.

    `theta_c = base + offset + sum_{j < c} exp(log_spacing_j)` [our inference].

    Args:
        base: Lowest threshold, shape (*batch).
        log_spacing: Logarithm of the distances between thresholds, shape (*batch, C-2).
        offsets: How harsh the group of each row is, shape (*batch, B): its offset, taken by
            `offsets[..., groups]`.

    Returns:
        Thresholds, shape (*batch, B, C-1), in reward units.
    """
    steps = functional.pad(log_spacing.exp().cumsum(-1), (1, 0))  # (*batch, C-1)
    return (base.unsqueeze(-1) + steps).unsqueeze(-2) + offsets.unsqueeze(-1)


def offset_prior(offsets: Tensor, std: float = 10.0) -> Tensor:
    """Negative log-density, without its constant, of independent N(0, std^2) offsets.

    Weak on purpose: it holds the offset of a group with one class, whose likelihood has no
    maximum. `ordinal_loss` is a mean over segments; divide this by the number of all ratings to
    weigh the two as a posterior does.

    Args:
        offsets: Offsets of the groups, shape (*batch, G), in reward units.
        std: Standard deviation, in reward units, > 0.

    Returns:
        Sum over groups of `offset^2 / (2 std^2)`, shape (*batch), in nats.

    Raises:
        ValueError: If `std` is not above 0.
    """
    check_positive("std", std)
    return (offsets / std).square().sum(-1) / 2


def _log_probability(returns: Tensor, ratings: Tensor, thresholds: Tensor) -> Tensor:
    """Return `log (sigmoid(a) - sigmoid(b))`, a and b the thresholds of the class, less R.

    It equals `log sigmoid(a) + log sigmoid(-b) + log (1 - e^{b - a})`, all of one sign; beyond the
    outermost classes, where a or b is infinite, the terms that are 0 are left out.
    """
    last = thresholds.shape[-1]
    is_top, is_bottom = ratings == last, ratings == 0
    upper = _take(thresholds, ratings.clamp(max=last - 1)) - returns
    lower = _take(thresholds, (ratings - 1).clamp(min=0)) - returns
    inside = ~(is_top | is_bottom)
    width = torch.where(inside, upper - lower, 1.0)
    log_probability = torch.where(inside, torch.log(-torch.expm1(-width)), 0.0)
    log_probability = log_probability + functional.logsigmoid(upper).masked_fill(is_top, 0.0)
    return log_probability + functional.logsigmoid(-lower).masked_fill(is_bottom, 0.0)


def _take(thresholds: Tensor, classes: Tensor) -> Tensor:
    index = classes.expand(thresholds.shape[:-1]).unsqueeze(-1)
    return thresholds.gather(-1, index).squeeze(-1)
