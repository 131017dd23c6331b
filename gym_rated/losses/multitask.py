"""Several losses on one reward, weighed against each other by weights that are learned with it.

Wu et al. 2025 (arXiv 2506.09183) learn a reward from rating classification and return regression at
once, with "learnable weights" that capture the "inherent uncertainty"; here any subset of six tasks
can be learned so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from gym_rated.checks import whole_number
from gym_rated.losses.checks import check_choice, check_pair_options, check_positive
from gym_rated.losses.classification import class_limits, classification_loss, scaled_sharpness
from gym_rated.losses.groups import number_groups
from gym_rated.losses.ordinal import ordinal_loss
from gym_rated.losses.pairwise import pairwise_loss
from gym_rated.losses.ranking import ranking_loss
from gym_rated.losses.regression import TargetForm, rating_targets, regression_loss, score_loss
from gym_rated.losses.task_weights import TaskWeights, WeightRule
from gym_rated.losses.thresholds import GroupThresholds

__all__ = [
    "LimitRule",
    "MultitaskLoss",
    "Scale",
    "SegmentValue",
    "Task",
    "WeightRule",
]

Task = Literal["classification", "regression", "pairwise", "ranking", "score", "ordinal"]
Scale = Literal["group", "shared"]
SegmentValue = Literal["sum", "mean"]
LimitRule = Literal["share", "batch", "fit"]

_OPTIONS = (
    *("num_classes", "scale", "weights", "target", "alpha", "segment_value", "segment_length"),
    *("sharpness", "adjacent_weight", "trim", "limits", "num_draws", "regularization"),
)


class MultitaskLoss(nn.Module):
    """Weighted sum of rating losses, one set of weights per ensemble member.

    The weights are those of `TaskWeights`: `L = sum_i w_i L_i + 1/2 sum_i s_i` over the tasks in
    use, with `w = 1/2 e^{-s}` for regression, score and ranking and `w = e^{-s}` for the others.
    For losses that stand still the minimum is at s = ln L and s = ln(2 L). L is rightly negative
    once s is.

    Args:
        tasks: Which losses: any of classification, regression, pairwise, ranking, score, ordinal.
            `score` needs scores, `pairwise` ratings or comparisons, the others ratings.
        num_classes: Number of rating classes C, at least 2.
        num_members: Number of ensemble members E.
        scale: Whether the answers of one `group` (rater, round) share a scale, or all answers do
            (`shared`: everything is rated again as standards rise). By group, no task compares
            answers across groups, and the offset of the reward is free.
        weights: Rule of `TaskWeights`: uncertainty, scheduled, or fixed.
        target: Form of the regression targets, see `rating_targets`.
        alpha: Slope of the log forms of the targets.
        segment_value: What of a segment counts: the `sum` of its rewards, or its `mean` reward
            times `segment_length`. The two agree on segments of full length; `mean` judges quality,
            not length.
        segment_length: Steps of a full segment; used by `mean` only.
        sharpness: Steepness of the class borders, or `scaled` for `scaled_sharpness(num_classes)`.
        adjacent_weight: Weight of a pair one class apart, see `pairwise_loss`.
        trim: Fraction of pairs to drop, those with the highest loss, see `pairwise_loss`.
        limits: Class limits from the shares of the classes in each mini-batch (`share`), from its
            predictions as in the authors' code (`batch`), or fixed once per `fit` by `begin_fit`.
        num_draws: Draws of one segment per class, see `ranking_loss`.
        regularization: Strength of the soft ranks, in reward units, see `ranking_loss`.
        max_groups: Groups that the ordinal task has room for.
        seed: Seed of the draws.

    Raises:
        TypeError: If a count is no whole number.
        ValueError: If a name is unknown, a task is named twice or none is, or a number is out of
        range.
    """

    def __init__(
        self,
        tasks: Sequence[Task] = ("classification", "regression"),
        *,
        num_classes: int,
        num_members: int = 3,
        scale: Scale = "group",
        weights: WeightRule = "uncertainty",
        target: TargetForm = "linear",
        alpha: float = 1.0,
        segment_value: SegmentValue = "sum",
        segment_length: int = 50,
        sharpness: float | Literal["scaled"] = 30.0,
        adjacent_weight: float = 0.2,
        trim: float = 0.0,
        limits: LimitRule = "share",
        num_draws: int = 64,
        regularization: float = 1.0,
        max_groups: int = 1_000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for task in tasks:
            check_choice("tasks", task, get_args(Task))
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(f"`tasks` must name at least one task, and each once, got {tasks}")
        check_choice("scale", scale, get_args(Scale))
        check_choice("target", target, get_args(TargetForm))
        check_choice("segment_value", segment_value, get_args(SegmentValue))
        check_choice("limits", limits, get_args(LimitRule))
        if limits == "fit" and scale == "group":
            raise ValueError("`limits='fit'` fixes limits for all answers; it needs scale='shared'")
        check_positive("alpha", alpha)
        check_positive("regularization", regularization)
        check_pair_options(adjacent_weight, trim)
        self.tasks = tuple(tasks)
        self.num_classes = whole_number("num_classes", num_classes, 2)
        self.num_members = whole_number("num_members", num_members)
        self.scale = scale
        self.weights = weights
        self.target = target
        self.alpha = alpha
        self.segment_value = segment_value
        self.segment_length = whole_number("segment_length", segment_length)
        self.sharpness = scaled_sharpness(num_classes) if sharpness == "scaled" else sharpness
        check_positive("sharpness", self.sharpness)
        self.adjacent_weight = adjacent_weight
        self.trim = trim
        self.limits = limits
        self.num_draws = whole_number("num_draws", num_draws)
        self.regularization = regularization
        self.rng = np.random.default_rng(seed)
        self.task_weights = TaskWeights(self.tasks, self.num_members, weights)
        room = max_groups if scale == "group" else 1
        self.thresholds = (
            GroupThresholds(num_classes, num_members, room) if "ordinal" in tasks else None
        )
        self._boundaries: Tensor | None = None
        self._num_ratings = 1

    @property
    def log_variances(self) -> nn.Parameter:
        """The learned s of each task and member, see `TaskWeights`."""
        return self.task_weights.log_variances

    def forward(
        self,
        returns: Tensor,
        ratings: Tensor,
        lengths: Tensor,
        groups: Tensor | None = None,
        progress: float = 0.0,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weigh the losses of a batch.

        Args:
            returns: Predicted sums of reward, shape (E, B).
            ratings: Rating classes, shape (B,), int64 in 0..C-1, or -1 for none.
            lengths: Number of steps of each segment, shape (B,).
            groups: One integer from 0 per (rater, round), shape (B,); None is one group for all.
            progress: How far the training is, 0 to 1; `scheduled` weights depend on it.
            scores: Scores in 0..1, shape (B,), or NaN for none; None for no scores at all.
            comparisons: Row numbers (better, worse), shape (K, 2); None for no comparisons.

        Returns:
            The total, shape (): the sum over members, each the weighted sum of its tasks' mean
            losses. And, without gradient, means over members: `loss/TASK`, and `weight/TASK`, the
            factor in front of it. A task to which the batch says nothing is left out.

        Raises:
            ValueError: If shapes differ, or an answer or the progress is out of range.
        """
        losses = self.task_losses(
            returns, ratings, lengths, groups, scores=scores, comparisons=comparisons
        )
        return self.combine(losses, progress)

    def task_losses(
        self,
        returns: Tensor,
        ratings: Tensor,
        lengths: Tensor,
        groups: Tensor | None = None,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return each task's losses, unweighted, shape (E,); arguments as `forward`."""
        if returns.ndim != 2 or len(returns) != self.num_members:
            raise ValueError(
                f"`returns` must have shape ({self.num_members}, B), got {tuple(returns.shape)}"
            )
        values = self.values(returns, lengths)
        if self.segment_value == "mean":
            lengths = torch.full_like(lengths, self.segment_length)
        groups = self._groups(ratings, groups)
        losses = {}
        if (
            "score" in self.tasks
            and scores is not None
            and _differ(scores, ~scores.isnan(), groups)
        ):
            losses["score"] = score_loss(values, scores, lengths, groups)
        if "pairwise" in self.tasks and self._has_pairs(ratings, groups, comparisons):
            losses["pairwise"] = pairwise_loss(
                values,
                ratings,
                groups,
                comparisons=comparisons,
                adjacent_weight=self.adjacent_weight,
                trim=self.trim,
            )
        if _differ(ratings, ratings >= 0, groups):
            losses |= self._rating_losses(values, ratings, lengths, groups)
        return losses

    def can_learn(
        self,
        ratings: Tensor,
        groups: Tensor | None = None,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> bool:
        """Return whether the answers tell any task that one segment is better than another."""
        groups = self._groups(ratings, groups)
        from_scores = scores is not None and _differ(scores, ~scores.isnan(), groups, least=1e-6)
        from_ratings = _differ(ratings, ratings >= 0, groups, least=1)
        return (
            ("score" in self.tasks and from_scores)
            or ("pairwise" in self.tasks and self._has_pairs(ratings, groups, comparisons))
            or (from_ratings and bool(set(self.tasks) - {"score", "pairwise"}))
        )

    def combine(
        self, losses: Mapping[str, Tensor], progress: float = 0.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weigh losses from `task_losses`, shape (E,) for each task; returns as `forward`."""
        return self.task_weights.combine(losses, progress)

    def values(self, returns: Tensor, lengths: Tensor) -> Tensor:
        """Turn predicted sums, shape (*batch, B), into what counts (`segment_value`)."""
        if self.segment_value == "sum":
            return returns
        return returns / lengths * self.segment_length

    def begin_fit(
        self, returns: Tensor, ratings: Tensor, lengths: Tensor, groups: Tensor | None = None
    ) -> None:
        """Look at all ratings as a fit begins: class limits that stay, thresholds of new groups."""
        rated = ratings >= 0
        self._num_ratings = max(int(rated.sum()), 1)
        if not rated.any():
            return
        values = self.values(returns, lengths)
        if self.limits == "fit":
            self._boundaries = class_limits(values, ratings, self.num_classes)
        if self.thresholds is not None:
            groups = self._groups(ratings, groups)
            groups = torch.zeros_like(ratings) if groups is None else groups
            self.thresholds.start(values[:, rated], groups[rated])

    def options(self) -> dict[str, Any]:
        """Return the choices that give a fitted reward its meaning, to be stored beside it."""
        return {"tasks": list(self.tasks), **{name: getattr(self, name) for name in _OPTIONS}}

    def extra_repr(self) -> str:
        """Return the options for `repr`."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())

    def _rating_losses(
        self, values: Tensor, ratings: Tensor, lengths: Tensor, groups: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the losses of the tasks that need ratings."""
        losses = {}
        if "classification" in self.tasks:
            losses["classification"] = classification_loss(
                values,
                ratings,
                self.num_classes,
                self.sharpness,
                self._boundaries,
                groups,
                limits="share" if self.limits == "share" else "batch",
            )
        if "regression" in self.tasks:
            targets = rating_targets(ratings, self.num_classes, lengths, self.target, self.alpha)
            losses["regression"] = regression_loss(values, targets, groups)
        if "ranking" in self.tasks:
            losses["ranking"] = ranking_loss(
                values,
                ratings,
                self.num_classes,
                groups,
                rng=self.rng,
                num_draws=self.num_draws,
                regularization=self.regularization,
            )
        if self.thresholds is not None:
            rows = torch.zeros_like(ratings) if groups is None else groups
            losses["ordinal"] = ordinal_loss(values, ratings, self.thresholds(rows))
            losses["ordinal"] = losses["ordinal"] + self.thresholds.prior() / self._num_ratings
        return losses

    def _groups(self, ratings: Tensor, groups: Tensor | None) -> Tensor | None:
        """Return the groups within which answers are compared; None for all of them."""
        if self.scale == "shared":
            return None
        return torch.zeros_like(ratings) if groups is None else groups

    def _has_pairs(
        self, ratings: Tensor, groups: Tensor | None, comparisons: Tensor | None
    ) -> bool:
        least = 1 if self.adjacent_weight > 0 else 2
        compared = comparisons is not None and len(comparisons) > 0
        return compared or _differ(ratings, ratings >= 0, groups, least)


def _differ(
    answers: Tensor, given: Tensor, groups: Tensor | None, least: float | None = None
) -> bool:
    """Return whether two answers of one group differ by `least`.

    Without `least`, in a single group any answer is enough, because it says where the return is.
    """
    answers = answers[given].to(torch.float32)
    if groups is None:
        return len(answers) > 0 and (least is None or bool(answers.max() - answers.min() >= least))
    numbers, num_groups = number_groups(groups[given])
    start = answers.new_zeros(num_groups)
    low = start.scatter_reduce(0, numbers, answers, "amin", include_self=False)
    high = start.scatter_reduce(0, numbers, answers, "amax", include_self=False)
    return bool((high - low >= (1e-6 if least is None else least)).any())
