"""Bradley-Terry loss of pairs: those that ratings imply, and those that a rater compared."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gym_rated.checks import check_above_zero
from gym_rated.losses.agreement import Agreement, compared_agreement, joined, rated_agreement
from gym_rated.losses.checks import check_pair_options, check_rows
from gym_rated.losses.task import AnswerRows, Task


def pairwise_loss(
    returns: Tensor,
    ratings: Tensor | None = None,
    groups: Tensor | None = None,
    *,
    comparisons: Tensor | None = None,
    adjacent_weight: float = 0.2,
    trim: float = 0.0,
    temperature: float = 1.0,
) -> Tensor:
    """Bradley-Terry loss over all pairs of differently rated segments of one group [our inference].

    `L = sum_ij W_ij l_ij / max(1, sum_ij W_ij)` with `l_ij = softplus(-(R_i - R_j) / temperature)`
    and `W_ij` 1 where i is rated higher than j, less where only by one class, and 0 elsewhere.
    Ratings of another rater or round may follow another scale: within a group they are compared,
    across groups they are not.

    Pairs that a rater compared are added with weight 1; without ratings they stand alone, and a
    reward of single steps is learned from pairs of segments only (Christiano et al. 2017; the
    setting of PaTaRM, arXiv 2510.24235).

    Args:
        returns: Predicted returns, shape (*batch, B), in reward units.
        ratings: Ratings, shape (B,); only their order and whether they are neighbours counts. A
            row with -1, no rating, makes no pair; None makes none at all.
        groups: One integer per (rater, round), shape (B,); None takes all segments as one group.
            Comparisons need no common scale: groups do not concern them.
        comparisons: Row numbers (better, worse), shape (K, 2), int64.
        adjacent_weight: Weight of a pair one class apart, at least 0; a slip of one class is
            common.
        trim: Fraction of the weighted pairs to drop, those with the highest loss, in [0, 1).
        temperature: Return difference, in reward units, that counts as one nat, > 0.

    Returns:
        Weighted mean loss, shape (*batch), in nats; 0, with zero gradient, where there is no pair.

    Raises:
        ValueError: If shapes differ, the batch is empty, a number is out of range, or neither
        ratings nor comparisons are given.
    """
    if ratings is None and comparisons is None:
        raise ValueError("`ratings` or `comparisons` must be given, got neither")
    check_pair_options(adjacent_weight, trim)
    check_above_zero("temperature", temperature)
    if ratings is None:
        ratings = torch.full(returns.shape[-1:], -1, device=returns.device)
    better, worse, weights = _rated_pairs(returns, ratings, groups, adjacent_weight)
    if comparisons is not None:
        _check_comparisons(comparisons, returns)
        better = torch.cat([better, comparisons[:, 0]])
        worse = torch.cat([worse, comparisons[:, 1]])
        weights = torch.cat([weights, weights.new_ones(len(comparisons))])
    losses = functional.softplus((returns[..., worse] - returns[..., better]) / temperature)
    num_dropped = int(trim * len(better))
    if num_dropped:
        dropped = losses.detach().topk(num_dropped, dim=-1).indices
        weights = weights.expand(losses.shape).scatter(-1, dropped, 0.0)
    return (weights * losses).sum(-1) / weights.sum(-1).clamp_min(1.0)


@dataclass(frozen=True)
class PairwiseTask(Task):
    """Learn which of two returns is higher: `pairwise_loss`.

    Attributes:
        adjacent_weight: Weight of a pair one class apart, at least 0.
        trim: Fraction of the pairs to drop, those with the highest loss, in [0, 1).
    """

    adjacent_weight: float = 0.2
    trim: float = 0.0
    name = "pairwise"

    def __post_init__(self) -> None:
        """Check the values."""
        check_pair_options(self.adjacent_weight, self.trim)

    def can_learn(self, answers: AnswerRows) -> bool:
        """Return whether two segments were compared, or their ratings make a pair that counts."""
        compared = answers.comparisons is not None and len(answers.comparisons) > 0
        return compared or answers.rated_apart(1 if self.adjacent_weight > 0 else 2)

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if not self.can_learn(answers):
            return None
        return pairwise_loss(
            values,
            answers.ratings,
            answers.groups,
            comparisons=answers.comparisons,
            adjacent_weight=self.adjacent_weight,
            trim=self.trim,
        )

    def agreement(self, values: Tensor, answers: AnswerRows) -> Agreement:
        """Compare values with the answers, see `Task.agreement`."""
        return joined(
            rated_agreement(values, answers.ratings, answers.groups),
            compared_agreement(values, answers.comparisons),
        )

    def options(self) -> dict[str, Any]:
        """Return the attributes."""
        return asdict(self)


@dataclass(frozen=True)
class ComparisonTask(Task):
    """Learn from comparisons alone, beside a task that learns from ratings: `pairwise_loss`."""

    name = "comparison"

    def can_learn(self, answers: AnswerRows) -> bool:
        """Return whether two segments were compared."""
        return answers.comparisons is not None and len(answers.comparisons) > 0

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the loss of each member, see `Task.loss`."""
        if not self.can_learn(answers):
            return None
        return pairwise_loss(values, comparisons=answers.comparisons)

    def agreement(self, values: Tensor, answers: AnswerRows) -> Agreement:
        """Compare values with the comparisons, see `Task.agreement`."""
        return compared_agreement(values, answers.comparisons)


def _rated_pairs(
    returns: Tensor, ratings: Tensor, groups: Tensor | None, adjacent_weight: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows (better, worse) and the weight of each pair that ratings imply."""
    check_rows(returns, ratings, "ratings")
    apart = ratings.unsqueeze(1) - ratings  # (B, B)
    comparable = (apart > 0) & (ratings >= 0)
    if groups is not None:
        check_rows(returns, groups, "groups")
        comparable = comparable & (groups.unsqueeze(1) == groups)
    if adjacent_weight == 0:
        comparable = comparable & (apart > 1)
    better, worse = comparable.nonzero(as_tuple=True)
    weights = torch.where(apart[better, worse] == 1, adjacent_weight, 1.0).to(returns.dtype)
    return better, worse, weights


def _check_comparisons(comparisons: Tensor, returns: Tensor) -> None:
    num_rows = returns.shape[-1]
    if comparisons.ndim != 2 or comparisons.shape[1] != 2:
        raise ValueError(
            f"`comparisons` must have shape (K, 2), one (better, worse) each, got "
            f"{tuple(comparisons.shape)}"
        )
    if len(comparisons) and (comparisons.min() < 0 or comparisons.max() >= num_rows):
        raise ValueError(
            f"`comparisons` must name rows 0..{num_rows - 1}, got "
            f"{int(comparisons.min())}..{int(comparisons.max())}"
        )
