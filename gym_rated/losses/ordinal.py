"""Ordinal regression of ratings: the cumulative link model of McCullagh 1980, logit link.

A rating is at most c with probability sigmoid(theta_c - R). The thresholds theta may differ by
group: a lenient rater has low ones. Of a share of the ratings nothing is believed, so that a
mistake does not pull the more at the reward, the plainer it is [our inference].
"""

from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gym_rated.losses.checks import MISTAKE_RATE, check_mistake_rate, check_ratings
from gym_rated.losses.task import AnswerRows, RatingTask
from gym_rated.losses.thresholds import GroupThresholds


def ordinal_loss(
    returns: Tensor, ratings: Tensor, thresholds: Tensor, *, mistake_rate: float = 0.0
) -> Tensor:
    """Mean negative log-likelihood of ratings under a cumulative link model.

    `P(y <= c) = sigmoid(theta_c - R)`, so `P(y = c)` is a difference of two of them, and its
    logarithm is computed without cancellation in the tails. With a share e of mistakes the loss is
    `-log((1 - e) P(y | R) + e / C)`.

    Args:
        returns: Predicted returns R, shape (*batch, B), in units of the logistic noise.
        ratings: Rating classes, shape (B,), int64 in 0..C-1. A row with -1, no rating, is left out.
        thresholds: Increasing thresholds of each row, shape (B, C-1) or (*batch, B, C-1), such as
            those of `ordered_thresholds`; C - 1 may also be all there is, for a common scale.
        mistake_rate: Share e of ratings that are taken as chance, in [0, 1).

    Returns:
        Mean loss over the segments, shape (*batch), in nats; 0 where no segment is rated.

    Raises:
        ValueError: If shapes differ, a rating lies outside -1..C-1, thresholds do not increase, or
        the rate is out of range.
    """
    check_mistake_rate(mistake_rate)
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
    believed = _log_probability(returns, ratings, thresholds)
    if mistake_rate > 0:
        chance = torch.full_like(believed, log(mistake_rate / num_classes))
        believed = torch.logaddexp(believed + log(1 - mistake_rate), chance)
    return -believed.mean(-1)


class OrdinalTask(nn.Module, RatingTask):
    """Learn thresholds between the classes along with the return: `ordinal_loss`.

    The loss is the mean of that with and without a share of mistakes. With the share alone, plain
    mistakes pull next to nothing, and so does all that is right once a reward is upside down: on
    sparse tasks, where mistakes are most of what differs at first, some never turned back [our
    inference, measured].

    Args:
        num_classes: Number of rating classes C, at least 2.
        num_members: Number of ensemble members E.
        max_groups: Groups that there is room for; 1 where all answers share a scale.
        mistake_rate: Share of ratings that are taken as chance, in [0, 1).

    Raises:
        ValueError: If a number is out of range.
    """

    name = "ordinal"

    def __init__(
        self,
        num_classes: int,
        num_members: int,
        max_groups: int = 10_000,
        mistake_rate: float = MISTAKE_RATE,
    ) -> None:
        super().__init__()
        check_mistake_rate(mistake_rate)
        self.mistake_rate = mistake_rate
        self.thresholds = GroupThresholds(num_classes, num_members, max_groups)
        self._num_ratings, self._is_sample = 1, False

    def begin_fit(self, values: Tensor, answers: AnswerRows) -> None:
        """Start the thresholds of new groups; of those that no row is in, when one first is."""
        num_here = int((answers.ratings >= 0).sum())
        num = num_here if answers.num_ratings is None else answers.num_ratings
        self._num_ratings, self._is_sample = max(num, 1), num > num_here
        self._start(values, answers)

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member with its share of the prior, see `Task.loss`."""
        if not answers.has_ratings:
            return None
        if self._is_sample:
            self._start(values.detach(), answers)
        thresholds = self.thresholds(_groups(answers))
        plain, doubting = (
            ordinal_loss(values, answers.ratings, thresholds, mistake_rate=rate)
            for rate in (0.0, self.mistake_rate)
        )
        loss = (plain + doubting) / 2
        return loss + self.thresholds.prior() / self._num_ratings

    def _start(self, values: Tensor, answers: AnswerRows) -> None:
        rated = answers.ratings >= 0
        self.thresholds.start(values[:, rated], _groups(answers)[rated])

    def options(self) -> dict[str, Any]:
        """Return the room for groups, and the rate of mistakes."""
        return {"max_groups": self.thresholds.max_groups, "mistake_rate": self.mistake_rate}


def _groups(answers: AnswerRows) -> Tensor:
    return torch.zeros_like(answers.ratings) if answers.groups is None else answers.groups


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
