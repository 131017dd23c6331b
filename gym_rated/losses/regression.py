"""Regression of the predicted return on what a rating or score stands for: Wu et al. 2025.

arXiv 2506.09183. With `groups`, only differences within a group are regressed [our inference].
"""

from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from gym_rated.checks import check_above_zero, check_choice
from gym_rated.choices import TargetForm
from gym_rated.losses.checks import check_ratings, check_rows
from gym_rated.losses.groups import centred, number_groups, with_company
from gym_rated.losses.task import AnswerRows, RatingTask


def regression_loss(returns: Tensor, targets: Tensor, groups: Tensor | None = None) -> Tensor:
    """Mean squared difference of predicted returns and targets, Wu et al. 2025 (arXiv 2506.09183).

    With `groups`, the mean of each group is subtracted from its returns and from its targets first
    [our inference]: a rater may be lenient in one round and harsh in another, and only the
    differences within a group count. The offset of the reward is then free. Rows alone in their
    group are left out.

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        targets: Wanted returns, shape (B,), from `rating_targets`. A row with NaN, no target, is
            left out.
        groups: One integer per (rater, round), shape (B,); None regresses the returns themselves.

    Returns:
        Mean loss over the segments, shape (*batch), in squared reward units; 0 where no segment
        takes part.

    Raises:
        ValueError: If the shapes differ or the batch is empty.
    """
    check_rows(returns, targets, "targets")
    rows = ~targets.isnan()
    if groups is not None:
        check_rows(returns, groups, "groups")
        rows[rows.clone()] = with_company(groups[rows])
    returns, targets = returns[..., rows], targets[rows].to(returns.dtype)
    if not len(targets):
        return returns.sum(-1)
    if groups is not None:
        numbers, num_groups = number_groups(groups[rows])
        targets = centred(targets, numbers, num_groups)
        returns = centred(returns, numbers, num_groups)
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
        ratings: Rating classes, shape (B,), int64 in 0..C-1, or -1 for no rating.
        num_classes: Number of classes C, at least 2.
        lengths: Number of steps T of each segment, shape (B,).
        form: Which of the forms above.
        alpha: Slope of the log forms, > 0; `linear` does not use it.

    Returns:
        Targets, shape (B,), in reward units, of the default float type; NaN without a rating.

    Raises:
        ValueError: If shapes differ, a rating lies outside -1..C-1, or the form is unknown.
    """
    check_choice("form", form, get_args(TargetForm))
    check_above_zero("alpha", alpha)
    check_ratings(lengths, ratings, num_classes)
    y = ratings.to(torch.get_default_dtype()).masked_fill(ratings < 0, torch.nan)
    if form == "linear":
        return lengths / 10 * y / (num_classes - 1)
    if form == "log_k":
        y = lengths * y
    elif form == "log_literal":
        y = lengths * (lengths + 1) * y
    return torch.log1p(alpha * y)


@dataclass(frozen=True)
class RegressionTask(RatingTask):
    """Learn the return that a rating stands for: `regression_loss`.

    Attributes:
        target: Form of the targets, see `rating_targets`.
        alpha: Slope of the log forms, > 0.
    """

    target: TargetForm = "linear"
    alpha: float = 1.0
    name = "regression"
    is_squared = True

    def __post_init__(self) -> None:
        """Check the values."""
        check_choice("target", self.target, get_args(TargetForm))
        check_above_zero("alpha", self.alpha)

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if not answers.has_ratings:
            return None
        targets = rating_targets(
            answers.ratings, answers.num_classes, lengths, self.target, self.alpha
        )
        return regression_loss(values, targets, answers.groups)

    def options(self) -> dict[str, Any]:
        """Return target and alpha."""
        return asdict(self)
