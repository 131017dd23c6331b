"""Classification of the rating from the predicted return: White et al., AAAI 2024 (Q and L).

The class limits come from the mini-batch as in the authors' code, from the shares of the ratings,
or from outside. With `groups`, returns and limits are those of each group [our inference].
"""

from math import log
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gym_rated.checks import check_above_zero, check_choice, check_num_classes
from gym_rated.choices import LimitForm, LimitRule
from gym_rated.losses.checks import check_ratings, check_rows
from gym_rated.losses.groups import group_range, number_groups, with_contrast
from gym_rated.losses.limits import (
    class_limits,
    find_limits,
    limits_in_groups,
    rescale_between,
    return_range,
)
from gym_rated.losses.task import AnswerRows, RatingTask

SHARPNESS = 30.0
"""Steepness of the class borders in the authors' code, for every number of classes."""


def classification_loss(
    returns: Tensor,
    ratings: Tensor,
    num_classes: int,
    sharpness: float = SHARPNESS,
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
    check_above_zero("sharpness", sharpness)
    check_choice("limits", limits, get_args(LimitForm))
    rated = ratings >= 0
    if groups is None:
        returns, ratings = returns[..., rated], ratings[rated]
        if not len(ratings):
            return returns.sum(-1)
        rescaled, flat = rescale_between(returns, *return_range(returns))
        if boundaries is None:
            boundaries = find_limits(rescaled.detach(), ratings, num_classes, limits)
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
        rescaled, flat = rescale_between(returns, low[..., numbers], high[..., numbers])
        p = rescaled.detach()
        boundaries = limits_in_groups(p, ratings, numbers, num_groups, num_classes, limits)
    log_probabilities = _logits(rescaled, boundaries, sharpness).log_softmax(-1)  # (*batch, B, C)
    index = ratings.expand(returns.shape).unsqueeze(-1)
    losses = -log_probabilities.gather(-1, index).squeeze(-1)
    return torch.where(flat, log(num_classes), losses).mean(-1)


def class_probabilities(
    rescaled: Tensor, boundaries: Tensor, sharpness: float = SHARPNESS
) -> Tensor:
    """Return the probability of every class; the most probable one is the interval that holds p.

    Args:
        rescaled: Returns p from `rescale`, shape (*batch, B); may leave [0, 1] for unseen segments.
        boundaries: Interior limits, shape (*batch, C-1).
        sharpness: Steepness k of the class borders, > 0.

    Returns:
        Probabilities, shape (*batch, B, C).
    """
    return _logits(rescaled, boundaries.unsqueeze(-2), sharpness).softmax(-1)


def scaled_sharpness(num_classes: int) -> float:
    """Return the sharpness `30 (C/2)^2`, which suits narrower classes.

    The logits shrink with the square of a class's width: with 30 for every C, a perfect order of
    2 to 6 equally common classes still costs 0.055, 0.164, 0.314, 0.471 and 0.619 nats; with this
    it costs 0.055 to 0.091 [our inference].
    """
    return SHARPNESS * (check_num_classes(num_classes) / 2) ** 2


class ClassificationTask(RatingTask):
    """Learn in which class a return falls: `classification_loss`.

    Args:
        sharpness: Steepness k of the class borders, > 0.
        limits: Class limits from the shares of the classes in each mini-batch (`share`), from its
            predictions as in the authors' code (`batch`), or from all predictions once per fit
            (`fit`, for answers that share a scale).
    """

    name = "classification"

    def __init__(self, sharpness: float = SHARPNESS, limits: LimitRule = "share") -> None:
        check_above_zero("sharpness", sharpness)
        check_choice("limits", limits, get_args(LimitRule))
        self.sharpness = sharpness
        self.limits: LimitRule = limits
        self._boundaries: Tensor | None = None

    def begin_fit(self, values: Tensor, answers: AnswerRows) -> None:
        """Find the limits that stay through the fit."""
        if self.limits == "fit" and bool((answers.ratings >= 0).any()):
            self._boundaries = class_limits(values, answers.ratings, answers.num_classes)

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if not answers.has_ratings:
            return None
        return classification_loss(
            values,
            answers.ratings,
            answers.num_classes,
            self.sharpness,
            self._boundaries,
            answers.groups,
            limits="share" if self.limits == "share" else "batch",
        )

    def options(self) -> dict[str, Any]:
        """Return sharpness and limits."""
        return {"sharpness": self.sharpness, "limits": self.limits}


def _logits(rescaled: Tensor, boundaries: Tensor, sharpness: float) -> Tensor:
    """Return Q for limits of each row, (*batch, B) and (*batch, B or 1, C-1)."""
    lower = functional.pad(boundaries, (1, 0), value=0.0)
    upper = functional.pad(boundaries, (0, 1), value=1.0)
    p = rescaled.unsqueeze(-1)
    return -sharpness * (p - lower) * (p - upper)  # (*batch, B, C)
