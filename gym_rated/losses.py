"""Losses that turn ratings into a reward: small pure functions of predicted segment returns.

A predicted return is the sum of r(s, a) over the steps of a segment. Every loss works on the last
axis, `(*batch, B) -> (*batch)`: returns of shape (E, B) give one loss per ensemble member, (B,)
gives a scalar.

* `classification_loss`: rating-based RL, White et al., AAAI 2024, arXiv 2307.16348 (their Q and L),
  with the mini-batch class limits of the authors' code.
* `regression_loss` with `rating_targets`: Wu et al., arXiv 2506.09183.
* `pairwise_loss`: Bradley-Terry on differently rated segments [our inference: no paper of the two
  has it].
* `MultitaskLoss` (in `gym_rated.multitask`) weighs them against each other.
"""

from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from gym_rated.multitask import MultitaskLoss

__all__ = [
    "MultitaskLoss",
    "TargetForm",
    "class_limits",
    "class_probabilities",
    "classification_loss",
    "pairwise_loss",
    "rating_targets",
    "regression_loss",
    "rescale",
    "scaled_sharpness",
]

TargetForm = Literal["linear", "log_k", "log_literal", "log"]


def classification_loss(
    returns: Tensor,
    ratings: Tensor,
    num_classes: int,
    sharpness: float = 30.0,
    boundaries: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the rating classes given predicted segment returns.

    White et al. 2024: with returns p rescaled to [0, 1] over the batch and class limits b, the
    logit of class i is `Q_i = -k (p - b_i)(p - b_{i+1})`. The loss does not change when returns are
    scaled by a positive factor or shifted. The gradient flows through the smallest and the largest
    return, not through the limits. Where all returns of a batch are equal they say nothing: the
    loss is ln C and its gradient is zero.

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        ratings: Rating classes, shape (B,), int64 in 0..C-1; 0 is the worst.
        num_classes: Number of classes C, at least 2.
        sharpness: Steepness k of the class borders, no unit, > 0. With 30, for every C, a perfect
            order cannot reach zero loss; see `scaled_sharpness`.
        boundaries: Interior limits b_1..b_{C-1} on the rescaled scale, non-decreasing, shape (...,
            C-1). None takes `class_limits` of this batch, as the authors' code does.

    Returns:
        Mean loss over the segments, shape (*batch), in nats.

    Raises:
        ValueError: If shapes differ, the batch is empty, or a rating lies outside 0..C-1.
    """
    _check_ratings(returns, ratings, num_classes)
    check_positive("sharpness", sharpness)
    rescaled = rescale(returns)
    if boundaries is None:
        boundaries = _limits(rescaled.detach(), ratings, num_classes)
    elif boundaries.shape[-1] != num_classes - 1:
        raise ValueError(
            f"`boundaries` must hold the {num_classes - 1} interior limits of "
            f"{num_classes} classes, got shape {tuple(boundaries.shape)}"
        )
    log_probabilities = _logits(rescaled, boundaries, sharpness).log_softmax(-1)  # (*batch, B, C)
    index = ratings.expand(returns.shape).unsqueeze(-1)
    return -log_probabilities.gather(-1, index).squeeze(-1).mean(-1)


def class_limits(returns: Tensor, ratings: Tensor, num_classes: int) -> Tensor:
    """Find the class limits that leave as many predicted as rated segments in every class.

    Args:
        returns: Predicted returns, shape (*batch, B); rescaled to [0, 1] first.
        ratings: Rating classes, shape (B,), int64 in 0..C-1.
        num_classes: Number of classes C, at least 2.

    Returns:
        Interior limits b_1..b_{C-1} on the rescaled scale, shape (*batch, C-1), without gradient.
        The limit above an empty class equals the one below it, so that the class owns nothing.

    Raises:
        ValueError: If shapes differ, the batch is empty, or a rating lies outside 0..C-1.
    """
    _check_ratings(returns, ratings, num_classes)
    return _limits(rescale(returns.detach()), ratings, num_classes)


def class_probabilities(rescaled: Tensor, boundaries: Tensor, sharpness: float = 30.0) -> Tensor:
    """Return the probability of every class; the most probable one is the interval that holds p.

    Args:
        rescaled: Returns p from `rescale`, shape (*batch, B); may leave [0, 1] for unseen segments.
        boundaries: Interior limits, shape (*batch, C-1).
        sharpness: Steepness k of the class borders, > 0.

    Returns:
        Probabilities, shape (*batch, B, C).
    """
    return _logits(rescaled, boundaries, sharpness).softmax(-1)


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
    reference = returns if reference is None else reference
    low, high = reference.amin(-1, keepdim=True), reference.amax(-1, keepdim=True)
    precision = torch.finfo(returns.dtype)
    span = high - low
    rounding = 8 * precision.eps * torch.maximum(low.abs(), high.abs()) + precision.tiny**0.5
    flat = (span < rounding).detach()  # false for NaN and inf: those must not pass as harmless
    zeros = torch.zeros_like(span)
    return torch.where(flat, zeros, (returns - low) / torch.where(flat, zeros + 1, span))


def scaled_sharpness(num_classes: int) -> float:
    """Return the sharpness `30 (C/2)^2`, which suits narrower classes.

    The logits shrink with the square of a class's width: with 30 for every C, a perfect order of
    2 to 6 equally common classes still costs 0.055, 0.164, 0.314, 0.471 and 0.619 nats; with this
    it costs 0.055 to 0.091 [our inference].
    """
    return 30.0 * (num_classes / 2) ** 2


def regression_loss(returns: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference of predicted returns and targets, Wu et al. 2025 (arXiv 2506.09183).

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        targets: Wanted returns, shape (B,), from `rating_targets`.

    Returns:
        Mean loss over the segments, shape (*batch), in squared reward units.

    Raises:
        ValueError: If the shapes differ or the batch is empty.
    """
    _check_rows(returns, targets, "targets")
    return (returns - targets).square().mean(-1)


def rating_targets(
    ratings: Tensor,
    num_classes: int,
    lengths: Tensor,
    form: TargetForm = "linear",
    alpha: float = 1.0,
) -> Tensor:
    """Turn ratings y of segments of T steps into wanted returns.

    The paper's `log(1 + alpha k sum_t y)` (Wu et al. 2025) leaves open what k and the sum are, so
    there are readings of it [our inference], and a linear form that does not squeeze the good end
    [our inference]:

    * `linear`: (T / 10) y / (C - 1)
    * `log_k`: log(1 + alpha T y)
    * `log_literal`: log(1 + alpha T (T + 1) y)
    * `log`: log(1 + alpha y)

    Args:
        ratings: Rating classes, shape (B,), int64 in 0..C-1.
        num_classes: Number of classes C, at least 2.
        lengths: Number of steps T of each segment, shape (B,).
        form: Which of the forms above.
        alpha: Slope of the log forms, > 0; `linear` does not use it.

    Returns:
        Targets, shape (B,), in reward units, of the default float type.

    Raises:
        ValueError: If shapes differ, a rating lies outside 0..C-1, or the form is unknown.
    """
    check_choice("form", form, get_args(TargetForm))
    check_positive("alpha", alpha)
    _check_ratings(lengths, ratings, num_classes)
    y = ratings.to(torch.get_default_dtype())
    if form == "linear":
        return lengths / 10 * y / (num_classes - 1)
    if form == "log_k":
        y = lengths * y
    elif form == "log_literal":
        y = lengths * (lengths + 1) * y
    return torch.log1p(alpha * y)


def pairwise_loss(
    returns: Tensor,
    ratings: Tensor,
    groups: Tensor | None = None,
    *,
    adjacent_weight: float = 0.2,
    trim: float = 0.0,
    temperature: float = 1.0,
) -> Tensor:
    """Bradley-Terry loss over all pairs of differently rated segments of one group [our inference].

    `L = sum_ij W_ij l_ij / max(1, sum_ij W_ij)` with `l_ij = softplus(-(R_i - R_j) / temperature)`
    and `W_ij` 1 where i is rated higher than j, less where only by one class, and 0 elsewhere.
    Ratings of another rater or round may follow another scale: within a group they are compared,
    across groups they are not.

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        ratings: Ratings, shape (B,); only their order and whether they are neighbours counts.
        groups: One integer per (rater, round), shape (B,); None takes all segments as one group.
        adjacent_weight: Weight of a pair one class apart, at least 0; a slip of one class is
            common.
        trim: Fraction of the weighted pairs to drop, those with the highest loss, in [0, 1).
        temperature: Return difference, in reward units, that counts as one nat, > 0.

    Returns:
        Weighted mean loss, shape (*batch), in nats; 0, with zero gradient, where there is no pair.

    Raises:
        ValueError: If shapes differ, the batch is empty, or a number is out of range.
    """
    _check_rows(returns, ratings, "ratings")
    check_pair_options(adjacent_weight, trim)
    check_positive("temperature", temperature)
    apart = ratings.unsqueeze(1) - ratings  # (B, B)
    comparable = apart > 0
    if groups is not None:
        _check_rows(returns, groups, "groups")
        comparable = comparable & (groups.unsqueeze(1) == groups)
    if adjacent_weight == 0:
        comparable = comparable & (apart > 1)
    better, worse = comparable.nonzero(as_tuple=True)
    weights = torch.where(apart[better, worse] == 1, adjacent_weight, 1.0).to(returns.dtype)
    losses = functional.softplus((returns[..., worse] - returns[..., better]) / temperature)
    num_dropped = int(trim * len(better))
    if num_dropped:
        dropped = losses.detach().topk(num_dropped, dim=-1).indices
        weights = weights.expand(losses.shape).scatter(-1, dropped, 0.0)
    return (weights * losses).sum(-1) / weights.sum(-1).clamp_min(1.0)


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a `value` that is not among the `known` ones with a ValueError that lists them."""
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}, got {value!r}")


def check_positive(name: str, value: float) -> None:
    """Refuse a `value` that is not above 0 with a ValueError."""
    if not value > 0:
        raise ValueError(f"`{name}` must be above 0, got {value}")


def check_pair_options(adjacent_weight: float, trim: float) -> None:
    """Refuse options of `pairwise_loss` that are out of range with a ValueError."""
    if not (adjacent_weight >= 0 and 0 <= trim < 1):
        raise ValueError(
            "`adjacent_weight` must be at least 0 and `trim` in [0, 1), "
            f"got {adjacent_weight} and {trim}"
        )


def _limits(rescaled: Tensor, ratings: Tensor, num_classes: int) -> Tensor:
    classes = torch.arange(num_classes - 1, device=ratings.device)
    num_below = (ratings.unsqueeze(-1) <= classes).sum(0)  # (C-1,): segments rated i or worse
    ordered = functional.pad(rescaled.sort(dim=-1).values, (1, 0))  # nothing below: limit 0
    return ordered[..., num_below]


def _logits(rescaled: Tensor, boundaries: Tensor, sharpness: float) -> Tensor:
    inner = boundaries.unsqueeze(-2)  # (*batch, 1, C-1)
    lower = functional.pad(inner, (1, 0), value=0.0)
    upper = functional.pad(inner, (0, 1), value=1.0)
    p = rescaled.unsqueeze(-1)
    return -sharpness * (p - lower) * (p - upper)  # (*batch, B, C)


def _check_rows(returns: Tensor, other: Tensor, name: str) -> None:
    if returns.ndim == 0 or returns.shape[-1] == 0 or other.shape != returns.shape[-1:]:
        raise ValueError(
            f"`{name}` must have one entry for each of B > 0 segments, got shape "
            f"{tuple(other.shape)} for segments of shape {tuple(returns.shape)}"
        )


def _check_ratings(returns: Tensor, ratings: Tensor, num_classes: int) -> None:
    _check_rows(returns, ratings, "ratings")
    if num_classes < 2:
        raise ValueError(f"`num_classes` must be at least 2, got {num_classes}")
    low, high = ratings.aminmax()
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"`ratings` must lie in 0..{num_classes - 1} for {num_classes} classes, "
            f"got {int(low)}..{int(high)}; a skipped segment has no row"
        )


def __getattr__(name: str) -> Any:
    if name == "MultitaskLoss":
        from gym_rated.multitask import MultitaskLoss

        return MultitaskLoss
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
