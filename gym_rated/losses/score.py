"""Regression of the predicted return on a score from 0 to 1 [our inference]."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gym_rated.losses.agreement import Agreement, rank_agreement
from gym_rated.losses.checks import check_rows
from gym_rated.losses.regression import regression_loss
from gym_rated.losses.task import AnswerRows, Task

SPAN = 12.0
"""Units of the logistic noise between scores 0 and 1, where each group has a scale of its own."""
LEAST_ERROR = 0.05
"""Squared error, in such units, that is not worth telling from none."""


def score_loss(
    returns: Tensor, scores: Tensor, lengths: Tensor, groups: Tensor | None = None
) -> Tensor:
    """Regress predicted returns on continuous scores: `regression_loss` with `score_targets`.

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        scores: Scores from 0 (worst) to 1, shape (B,); a row with NaN, no score, is left out.
        lengths: Number of steps of each segment, shape (B,).
        groups: One integer per (rater, round), shape (B,); then only differences within a group
            count. None regresses the returns themselves.

    Returns:
        Mean loss over the segments, shape (*batch), in squared reward units; 0 where no segment
        takes part.

    Raises:
        ValueError: If shapes differ, the batch is empty, or a score lies outside 0..1.
    """
    check_rows(returns, scores, "scores")
    return regression_loss(returns, score_targets(scores, lengths), groups)


def score_targets(scores: Tensor, lengths: Tensor) -> Tensor:
    """Turn scores of segments of T steps into wanted returns, (T / 10) score [our inference].

    A score of y / (C - 1) wants the same return as the rating y with the targets `linear`.

    Args:
        scores: Scores from 0 (worst) to 1, shape (B,), or NaN for no score.
        lengths: Number of steps T of each segment, shape (B,).

    Returns:
        Targets, shape (B,), in reward units; NaN without a score.

    Raises:
        ValueError: If shapes differ, or a score lies outside 0..1.
    """
    check_rows(lengths, scores, "scores")
    _check_scores(scores)
    return lengths / 10 * scores


@dataclass(frozen=True)
class ScoreTask(Task):
    """Learn the return that a score stands for.

    Where all answers share a scale, it is `score_loss`, whose targets agree with those of
    regression. By group, scores stand beside tasks that learn thresholds, and are to be as good a
    likelihood in the same unit [our inference, measured]: the targets are `SPAN` times the score,
    and a squared error L counts as `1/2 log(1 + L / LEAST_ERROR)`, the likelihood of a Gaussian at
    the variance that makes it largest. In a smaller unit, network weights that shrink would favour
    scores over classes, and with a plain squared error scores that scatter would outweigh them.

    Attributes:
        is_squared: Whether it is the squared error; the likelihood by group otherwise.
    """

    is_squared: bool = True
    name = "score"

    def can_learn(self, answers: AnswerRows) -> bool:
        """Return whether two scores differ."""
        return answers.scored_apart()

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if answers.scores is None or not answers.has_scores:
            return None
        if self.is_squared:
            return score_loss(values, answers.scores, lengths, answers.groups)
        _check_scores(answers.scores)
        error = regression_loss(values, SPAN * answers.scores, answers.groups)
        return torch.log1p(error / LEAST_ERROR) / 2

    def agreement(self, values: Tensor, answers: AnswerRows) -> Agreement | None:
        """Compare values with the scores, see `Task.agreement`."""
        if answers.scores is None:
            return None
        return rank_agreement(values, answers.scores, answers.groups)


def _check_scores(scores: Tensor) -> None:
    if ((scores < 0) | (scores > 1)).any():
        low, high = scores[~scores.isnan()].aminmax()
        raise ValueError(f"`scores` must lie in 0..1 or be NaN, got {low:g}..{high:g}")
