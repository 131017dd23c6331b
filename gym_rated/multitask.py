"""Several losses on one reward, weighed against each other by weights that are learned with it.

Wu et al. 2025 (arXiv 2506.09183) learn a reward from rating classification and return regression at
once, with "learnable weights" that capture the "inherent uncertainty". Their formula is not public;
ours is the homoscedastic uncertainty of Kendall, Gal and Cipolla (CVPR 2018) [our inference].
"""

from collections.abc import Sequence
from math import pi
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from gym_rated.checks import whole_number
from gym_rated.losses import (
    TargetForm,
    check_choice,
    check_pair_options,
    check_positive,
    class_limits,
    classification_loss,
    pairwise_loss,
    rating_targets,
    regression_loss,
    scaled_sharpness,
)

Task = Literal["classification", "regression", "pairwise"]
WeightRule = Literal["uncertainty", "fixed", "scheduled"]
SegmentValue = Literal["sum", "mean"]
LimitRule = Literal["batch", "fit"]

MAX_LOG_VARIANCE = 4.0
_NUM_COSINES = {"uncertainty": 0, "fixed": 0, "scheduled": 3}


class MultitaskLoss(nn.Module):
    """Weighted sum of rating losses, one set of weights per ensemble member.

    With log-variances s per task and member, `L = 1/2 e^{-s_r} L_reg + e^{-s_c} L_cls + e^{-s_p}
    L_pair + 1/2 (s_r + s_c + s_p)`, over the tasks in use. For losses that stand still the minimum
    is at s_r = ln L_reg and s_c = ln(2 L_cls). L is rightly negative once s is. The log-variances
    stay within +-4: `forward` and `combine` bring them back inside first, so that none gets stuck
    beyond.

    Args:
        tasks: Which losses: any of classification, regression, pairwise.
        num_classes: Number of rating classes C, at least 2.
        num_members: Number of ensemble members E.
        weights: `uncertainty` learns s; `scheduled` learns `s(t) = a + sum_j b_j cos(j pi t)`, j =
            1..3, of the progress t of the training; `fixed` adds the losses up as they are.
        target: Form of the regression targets, see `rating_targets`.
        alpha: Slope of the log forms of the targets.
        segment_value: What of a segment counts: the `sum` of its rewards, or its `mean` reward
            times `segment_length`. The two agree on segments of full length; `mean` judges quality,
            not length.
        segment_length: Steps of a full segment; used by `mean` only.
        sharpness: Steepness of the class borders, or `scaled` for `scaled_sharpness(num_classes)`.
        adjacent_weight: Weight of a pair one class apart, see `pairwise_loss`.
        trim: Fraction of pairs to drop, those with the highest loss, see `pairwise_loss`.
        limits: Class limits from each mini-`batch`, or fixed once per `fit` by `fix_limits`.

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
        weights: WeightRule = "uncertainty",
        target: TargetForm = "linear",
        alpha: float = 1.0,
        segment_value: SegmentValue = "sum",
        segment_length: int = 50,
        sharpness: float | Literal["scaled"] = 30.0,
        adjacent_weight: float = 0.2,
        trim: float = 0.0,
        limits: LimitRule = "batch",
    ) -> None:
        super().__init__()
        for task in tasks:
            check_choice("tasks", task, get_args(Task))
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(f"`tasks` must name at least one task, and each once, got {tasks}")
        check_choice("weights", weights, get_args(WeightRule))
        check_choice("target", target, get_args(TargetForm))
        check_choice("segment_value", segment_value, get_args(SegmentValue))
        check_choice("limits", limits, get_args(LimitRule))
        check_positive("alpha", alpha)
        check_pair_options(adjacent_weight, trim)
        self.tasks = tuple(tasks)
        self.num_classes = whole_number("num_classes", num_classes, 2)
        self.num_members = whole_number("num_members", num_members)
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
        self._boundaries: Tensor | None = None
        shape = (len(self.tasks), num_members, 1 + _NUM_COSINES[weights])
        self.log_variances = nn.Parameter(torch.zeros(shape), requires_grad=weights != "fixed")

    def forward(
        self,
        returns: Tensor,
        ratings: Tensor,
        lengths: Tensor,
        groups: Tensor | None = None,
        progress: float = 0.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weigh the losses of a batch.

        Args:
            returns: Predicted sums of reward, shape (E, B).
            ratings: Rating classes, shape (B,), int64 in 0..C-1.
            lengths: Number of steps of each segment, shape (B,).
            groups: One integer per (rater, round), shape (B,), for pairs.
            progress: How far the training is, 0 to 1; `scheduled` weights depend on it.

        Returns:
            The total, shape (): the sum over members, each the weighted sum of its tasks' mean
            losses. And, without gradient, means over members: `loss/TASK`, and `weight/TASK`, the
            factor in front of it.

        Raises:
            ValueError: If shapes differ, or a rating or the progress is out of range.
        """
        losses = self.task_losses(returns, ratings, lengths, groups)
        return self.combine(losses, progress)

    def task_losses(
        self, returns: Tensor, ratings: Tensor, lengths: Tensor, groups: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return each task's losses, unweighted, shape (E,); arguments as `forward`."""
        if returns.ndim != 2 or len(returns) != self.num_members:
            raise ValueError(
                f"`returns` must have shape ({self.num_members}, B), got {tuple(returns.shape)}"
            )
        values = self.values(returns, lengths)
        losses = {}
        if "classification" in self.tasks:
            losses["classification"] = classification_loss(
                values, ratings, self.num_classes, self.sharpness, self._boundaries
            )
        if "regression" in self.tasks:
            if self.segment_value == "mean":
                lengths = torch.full_like(lengths, self.segment_length)
            targets = rating_targets(ratings, self.num_classes, lengths, self.target, self.alpha)
            losses["regression"] = regression_loss(values, targets)
        if "pairwise" in self.tasks:
            losses["pairwise"] = pairwise_loss(
                values, ratings, groups, adjacent_weight=self.adjacent_weight, trim=self.trim
            )
        return losses

    def combine(
        self, losses: dict[str, Tensor], progress: float = 0.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weigh losses from `task_losses`, shape (E,) for each task; returns as `forward`."""
        log_variances = self._log_variances(progress)
        total = log_variances.new_zeros(())
        parts = {}
        for task, s in zip(self.tasks, log_variances, strict=True):
            half = 0.5 if task == "regression" and self.weights != "fixed" else 1.0
            weight = half * torch.exp(-s)  # (E,)
            total = total + (weight * losses[task] + 0.5 * s).sum()
            parts[f"loss/{task}"] = losses[task].detach().mean()
            parts[f"weight/{task}"] = weight.detach().mean()
        return total, parts

    def values(self, returns: Tensor, lengths: Tensor) -> Tensor:
        """Turn predicted sums, shape (*batch, B), into what counts (`segment_value`)."""
        if self.segment_value == "sum":
            return returns
        return returns / lengths * self.segment_length

    def fix_limits(self, returns: Tensor, ratings: Tensor, lengths: Tensor) -> None:
        """Fix the class limits on all ratings, as a fit begins; only where `limits` is `fit`."""
        if self.limits == "fit":
            values = self.values(returns, lengths)
            self._boundaries = class_limits(values, ratings, self.num_classes)

    def options(self) -> dict[str, Any]:
        """Return the choices that give a fitted reward its meaning, to be stored beside it."""
        names = ("num_classes", "weights", "target", "alpha", "segment_value", "segment_length")
        more = ("sharpness", "adjacent_weight", "trim", "limits")
        return {"tasks": list(self.tasks), **{name: getattr(self, name) for name in names + more}}

    def extra_repr(self) -> str:
        """Return the options for `repr`."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())

    def _log_variances(self, progress: float) -> Tensor:
        """Return s, shape (tasks, E), after bringing it inside its bounds."""
        if not 0 <= progress <= 1:
            raise ValueError(f"`progress` must lie in 0..1, got {progress}")
        steps = torch.arange(self.log_variances.shape[-1], device=self.log_variances.device)
        cosines = torch.cos(steps * (pi * progress))  # the first is 1: the offset a
        with torch.no_grad():
            s = self.log_variances @ cosines
            inside = s.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
            self.log_variances[..., 0] += inside - s
        return self.log_variances @ cosines
