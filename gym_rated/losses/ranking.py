"""Regression of soft ranks on ratings: R4, Kharyal, Muslimani and Taylor 2026 (arXiv 2601.09236).

Each draw takes one segment of every class, ranks their predicted returns softly, and compares with
the ranks of the classes. The soft rank is that of Blondel et al. 2020 (arXiv 2002.08871, equations
5 and 6), which is differentiable.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gym_rated.checks import check_above_zero, whole_number
from gym_rated.losses.checks import check_ratings, check_rows
from gym_rated.losses.groups import as_one, with_contrast
from gym_rated.losses.task import AnswerRows, RatingTask


def ranking_loss(
    returns: Tensor,
    ratings: Tensor,
    num_classes: int,
    groups: Tensor | None = None,
    *,
    rng: np.random.Generator,
    num_draws: int = 64,
    regularization: float = 1.0,
) -> Tensor:
    """Mean squared difference of the soft ranks of returns and of classes (R4's rMSE).

    Each draw takes one segment of every class that somebody was given, at random. Both the returns
    and the numbers 0, 1, 2… of the classes taken are ranked softly with the same regularization, as
    in the authors' code. So the loss is zero where returns are in the right order and at least
    `regularization` apart, and, for a regularization above 1, where neighbours are exactly 1 apart.

    Beware of a small regularization: the soft rank of a return that is further than that from all
    others is constant, so a draw in a clearly wrong order has no gradient. A large one turns the
    loss into a regression of the returns, less their mean, on the class numbers.

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        ratings: Rating classes, shape (B,), int64 in 0..C-1. A row with -1, no rating, is left out.
        num_classes: Number of classes C, at least 2.
        groups: One integer per (rater, round), shape (B,); then each draw is of one group, a group
            being taken as often as it has rows [our inference]. None takes all as one group.
        rng: Source of the draws, which are the same for all of (*batch).
        num_draws: Number of draws, at least 1; 64 in the authors' code.
        regularization: Strength of the soft ranks, in reward units, > 0; 1 in the authors' code.

    Returns:
        Mean loss over draws and their classes, shape (*batch), in squared ranks; 0, with zero
        gradient, where no group has two classes.

    Raises:
        ValueError: If shapes differ, the batch is empty, or a number is out of range.
    """
    check_ratings(returns, ratings, num_classes)
    check_above_zero("regularization", regularization)
    whole_number("num_draws", num_draws)
    if groups is not None:
        check_rows(returns, groups, "groups")
    rows, present = draw_one_per_class(ratings, num_classes, groups, num_draws, rng)
    if not len(rows):
        return (0 * returns).sum(-1)
    values = returns[..., rows]  # (*batch, draws, C)
    # Classes that a draw lacks follow, so far above the others that they form ranks of their own.
    classes = torch.arange(num_classes, device=returns.device)
    lowest = torch.finfo(returns.dtype).min
    top = values.detach().masked_fill(~present, lowest).amax(-1, keepdim=True)
    far = top + regularization * (num_classes + 1 + 2 * classes)
    ranks = soft_ranks(torch.where(present, values, far), regularization)
    numbers = present.cumsum(-1) - 1
    beyond = numbers[..., -1:] + regularization * (num_classes + 1 + 2 * classes)
    wanted = soft_ranks(torch.where(present, numbers.to(returns.dtype), beyond), regularization)
    errors = (ranks - wanted).square() * present
    return (errors.sum(-1) / present.sum(-1)).mean(-1)


def draw_one_per_class(
    ratings: Tensor,
    num_classes: int,
    groups: Tensor | None,
    num_draws: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Draw one row of every class, within one group each time.

    Args:
        ratings: Rating classes, shape (B,), or -1 for a row that is never drawn.
        num_classes: Number of classes C.
        groups: One integer per (rater, round), shape (B,), or None for one group.
        num_draws: Number of draws K.
        rng: Source of the draws.

    Returns:
        The rows, shape (K, C), and whether the draw's group has that class, shape (K, C); where it
        has not, the row is any. K is 0 where no group has two classes.
    """
    groups = as_one(ratings) if groups is None else groups
    usable = ratings >= 0
    usable[usable.clone()] = with_contrast(ratings[usable], groups[usable])
    candidates = usable.nonzero().squeeze(-1)
    if not len(candidates):
        empty = torch.zeros(0, num_classes, dtype=torch.int64, device=ratings.device)
        return empty, empty.bool()
    draws = torch.from_numpy(rng.integers(len(candidates), size=num_draws)).to(ratings.device)
    keys = torch.from_numpy(rng.random((num_draws, 1, len(ratings)))).to(ratings.device)
    same_group = groups[candidates[draws]].unsqueeze(-1) == groups  # (K, B)
    classes = torch.arange(num_classes, device=ratings.device).unsqueeze(-1)
    matching = same_group.unsqueeze(1) & (ratings == classes)  # (K, C, B)
    return keys.masked_fill(~matching, -1.0).argmax(-1), matching.any(-1)


def soft_ranks(values: Tensor, regularization: float = 1.0) -> Tensor:
    """Rank values from 1 (smallest) to n, softly: Blondel et al. 2020 with L2 regularization.

    The projection of `values / regularization` onto the permutahedron of 1..n. Ranks sum up to
    n (n + 1) / 2; they are exact where neighbours are at least `regularization` apart, and tend to
    the middle rank, with a slope of 1 / regularization, where all are much closer. Meant for small
    n: the cost is n^2.

    Args:
        values: Values, shape (*batch, n).
        regularization: Strength, in the unit of the values, > 0.

    Returns:
        Soft ranks, shape (*batch, n).

    Raises:
        ValueError: If the strength is not above 0.
    """
    check_above_zero("regularization", regularization)
    ordered, order = (values / regularization).sort(dim=-1)
    num = values.shape[-1]
    hard = torch.arange(1, num + 1, dtype=values.dtype, device=values.device)
    ranks = ordered - _isotonic(ordered - hard)
    return ranks.gather(-1, order.argsort(-1))


def _isotonic(y: Tensor) -> Tensor:
    """Return the nearest non-decreasing sequence, (*batch, n) -> (*batch, n).

    `max over a <= i of min over b >= i of mean(y_a..y_b)`. A centre is subtracted first, for the
    precision of the running sums.
    """
    centre = y.detach().mean(-1, keepdim=True)
    num = y.shape[-1]
    sums = torch.nn.functional.pad((y - centre).cumsum(-1), (1, 0))
    steps = torch.arange(num, device=y.device)
    lengths = steps - steps.unsqueeze(-1) + 1  # (n, n): of the block from a (row) to b (column)
    means = (sums[..., None, 1:] - sums[..., :-1, None]) / lengths.clamp_min(1)
    means = means.masked_fill(lengths < 1, torch.inf)
    least = means.flip(-1).cummin(-1).values.flip(-1)  # over b >= i
    least = least.masked_fill(lengths < 1, -torch.inf)
    return least.amax(-2) + centre  # over a <= i


@dataclass(frozen=True)
class RankingTask(RatingTask):
    """Learn the ranks of returns, one of each class: `ranking_loss`.

    Attributes:
        num_draws: Draws of one segment per class, at least 1.
        regularization: Strength of the soft ranks, in reward units, > 0.
    """

    num_draws: int = 64
    regularization: float = 1.0
    name = "ranking"
    is_squared = True

    def __post_init__(self) -> None:
        """Check the values."""
        whole_number("num_draws", self.num_draws)
        check_above_zero("regularization", self.regularization)

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if not answers.has_ratings:
            return None
        return ranking_loss(
            values,
            answers.ratings,
            answers.num_classes,
            answers.groups,
            rng=rng,
            num_draws=self.num_draws,
            regularization=self.regularization,
        )

    def options(self) -> dict[str, Any]:
        """Return the attributes."""
        return asdict(self)
