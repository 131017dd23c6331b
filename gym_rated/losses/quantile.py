"""A rating as a place among all that its rater has seen so far [our inference].

Who rates as training goes on compares with what they saw before, and does not rate again: "great"
says less of a segment the earlier it was said. So the limits between classes are quantiles of the
predicted returns of what the rater had seen by then, and a rating is an ordered logit around them.
"""

from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gym_rated.losses.checks import (
    MISTAKE_RATE,
    check_mistake_rate,
    check_ratings,
    check_rows,
)
from gym_rated.losses.groups import differ, number_groups
from gym_rated.losses.task import AnswerRows, RatingTask

_FAR = 4.0  # units of the logistic noise, beyond which a row is on one side but for 2 %
_ITERATIONS = 8


def quantile_loss(
    returns: Tensor,
    ratings: Tensor,
    num_classes: int,
    groups: Tensor | None = None,
    seen: Tensor | None = None,
    *,
    mistake_rate: float = MISTAKE_RATE,
) -> Tensor:
    """Mean negative log-likelihood of ratings by rank among what was seen.

    With limits theta from `seen_limits`, `P(y <= c) = sigmoid(theta_c - R)`, and of a share e of
    the ratings nothing is believed: `L = -log((1 - e) P(y | R) + e / C)`. The loss does not change
    when all returns are shifted. The gradient does not flow through the limits.

    Args:
        returns: Predicted returns R, shape (*batch, B), in units of the logistic noise.
        ratings: Rating classes, shape (B,), int64 in 0..C-1. A row with -1, no rating, is left out.
        num_classes: Number of classes C, at least 2.
        groups: One integer for each (rater, round), shape (B,); None is one group for all.
        seen: Which rows the rater of each row had seen by then, shape (B, B): true at (i, j) where
            row j was seen when row i was rated, the round of row i included. By default rows of the
            same and of lower group numbers: the rounds of one rater.
        mistake_rate: Share e of ratings that are taken as chance, in [0, 1).

    Returns:
        Mean loss over the rated segments, shape (*batch), in nats; 0 where none is rated.

    Raises:
        ValueError: If shapes differ, a rating lies outside -1..C-1, or the rate is out of range.
    """
    check_ratings(returns, ratings, num_classes)
    check_mistake_rate(mistake_rate)
    groups = torch.zeros_like(ratings) if groups is None else groups
    check_rows(returns, groups, "groups")
    seen = _earlier(groups) if seen is None else seen
    rated = ratings >= 0
    if not rated.any():
        return returns.sum(-1) * 0
    returns, ratings, groups = returns[..., rated], ratings[rated], groups[rated]
    returns = returns - returns.mean(-1, keepdim=True)  # no drift of what ranks do not know
    numbers, num_groups = number_groups(groups)
    first = _first_rows(numbers, num_groups)
    by_group = seen[rated][:, rated][first]  # (G, B)
    limits = seen_limits(returns.detach(), by_group, num_classes)[..., numbers, :]
    lower = torch.cat([torch.full_like(limits[..., :1], -torch.inf), limits], -1)
    upper = torch.cat([limits, torch.full_like(limits[..., :1], torch.inf)], -1)
    index = ratings.expand(returns.shape).unsqueeze(-1)
    below = (lower.gather(-1, index).squeeze(-1) - returns).sigmoid()
    chance = (upper.gather(-1, index).squeeze(-1) - returns).sigmoid() - below
    tiny = torch.finfo(returns.dtype).tiny
    believed = (1 - mistake_rate) * chance + mistake_rate / num_classes
    return -believed.clamp_min(tiny).log().mean(-1)


def seen_limits(returns: Tensor, seen: Tensor, num_classes: int) -> Tensor:
    """Find the class limits of each group: quantiles of the returns of what was seen.

    `sum_j sigmoid(theta_c - R_j) = n c / C` over the n rows that were seen, c = 1..C-1: with the
    noise of a rating, as many lie below a limit as its quantile says. Solved by Newton steps that
    bisection keeps in bounds.

    Args:
        returns: Predicted returns, shape (*batch, B), in units of the logistic noise.
        seen: Which rows each group is compared with, shape (G, B), at least one each.
        num_classes: Number of classes C, at least 2.

    Returns:
        Limits, shape (*batch, G, C-1), increasing.
    """
    mask = seen.to(returns.dtype)
    shares = torch.arange(1, num_classes, dtype=returns.dtype, device=returns.device) / num_classes
    wanted = mask.sum(-1, keepdim=True) * shares  # (G, C-1)
    rows = returns.unsqueeze(-2)  # (*batch, 1, B)
    # so many rows lie below, but for the noise: each limit is between two of them, or near
    ordered = torch.where(seen, rows, torch.inf).sort(-1).values  # (*batch, G, B)
    place = wanted.floor().long().minimum(mask.sum(-1, keepdim=True).long() - 1)
    low, high = (
        ordered.gather(-1, i.expand(*ordered.shape[:-1], -1))
        for i in ((place - 1).clamp(min=0), place)
    )
    limits = (low + high) / 2  # (*batch, G, C-1)
    low, high = low - _FAR - log(returns.shape[-1]), high + _FAR + log(returns.shape[-1])
    for _ in range(_ITERATIONS):
        below = (limits.unsqueeze(-1) - rows.unsqueeze(-2)).sigmoid()  # (*batch, G, C-1, B)
        excess = (below @ mask.unsqueeze(-1)).squeeze(-1) - wanted
        slope = ((below * (1 - below)) @ mask.unsqueeze(-1)).squeeze(-1)
        low, high = torch.where(excess > 0, low, limits), torch.where(excess > 0, limits, high)
        newton = limits - excess / slope.clamp_min(torch.finfo(returns.dtype).eps)
        inside = (newton >= low) & (newton <= high)
        limits = torch.where(inside, newton, (low + high) / 2)
    return limits


class QuantileTask(RatingTask):
    """Learn from ratings by rank among what was seen: `quantile_loss`.

    On a shared scale, where everything is rated again, all is compared with all.

    Args:
        mistake_rate: Share of ratings that are taken as chance, in [0, 1).

    Raises:
        ValueError: If the rate is out of range.
    """

    name = "quantile"

    def __init__(self, mistake_rate: float = MISTAKE_RATE) -> None:
        check_mistake_rate(mistake_rate)
        self.mistake_rate = mistake_rate

    def can_learn(self, answers: AnswerRows) -> bool:
        """Return whether two ratings differ, of whatever round: later ones are told by earlier."""
        return differ(answers.ratings, answers.ratings >= 0, None, 1)

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if not bool((answers.ratings >= 0).any()):
            return None
        return quantile_loss(
            values,
            answers.ratings,
            answers.num_classes,
            answers.groups,
            answers.seen,
            mistake_rate=self.mistake_rate,
        )

    def options(self) -> dict[str, Any]:
        """Return the rate of mistakes."""
        return {"mistake_rate": self.mistake_rate}


def _earlier(groups: Tensor) -> Tensor:
    return groups <= groups[:, None]


def _first_rows(numbers: Tensor, num_groups: int) -> Tensor:
    """Return a row of each group, shape (G,)."""
    rows = torch.arange(len(numbers), device=numbers.device)
    return rows.new_zeros(num_groups).scatter(0, numbers, rows)
