"""Several losses on one reward, weighed against each other by weights that are learned with it.

Wu et al. 2025 (arXiv 2506.09183) learn a reward from rating classification and return regression at
once, with "learnable weights" that capture the "inherent uncertainty"; here any of eight tasks
can be learned so, and tasks of your own beside them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from gym_rated.checks import (
    check_above_zero,
    check_choice,
    check_memory,
    check_num_classes,
    whole_number,
)
from gym_rated.choices import LimitRule, Scale, SegmentValue, TargetForm, TaskName, WeightRule
from gym_rated.losses.checks import check_pair_options
from gym_rated.losses.classification import (
    SHARPNESS,
    ClassificationTask,
    scaled_sharpness,
)
from gym_rated.losses.loss import Loss
from gym_rated.losses.ordinal import OrdinalTask
from gym_rated.losses.pairwise import ComparisonTask, PairwiseTask
from gym_rated.losses.quantile import QuantileTask
from gym_rated.losses.ranking import RankingTask
from gym_rated.losses.regression import RegressionTask
from gym_rated.losses.score import ScoreTask
from gym_rated.losses.task import AnswerRows, Task
from gym_rated.losses.task_weights import TaskWeights

__all__ = [
    "TASKS",
    "LimitRule",
    "MultitaskLoss",
    "Scale",
    "SegmentValue",
    "TaskName",
    "WeightRule",
]

_OPTIONS = (
    *("num_classes", "scale", "weights", "target", "alpha", "segment_value", "segment_length"),
    *("sharpness", "adjacent_weight", "trim", "limits", "num_draws", "regularization"),
)


class MultitaskLoss(nn.Module, Loss):
    """Weighted sum of rating losses, one set of weights per ensemble member.

    The weights are those of `TaskWeights`: `L = sum_i w_i L_i + 1/2 sum_i s_i` over the tasks in
    use, with `w = 1/2 e^{-s}` for squared errors (regression, score, ranking) and `w = e^{-s}` for
    the others.
    For losses that stand still the minimum is at s = ln L and s = ln(2 L). L is rightly negative
    once s is.

    Args:
        tasks: Which losses: any names of `TASKS`, and tasks of your own (see `Task`). `score` needs
            scores, `pairwise` ratings or comparisons, the others ratings.
        num_classes: Number of rating classes C, at least 2.
        num_members: Number of ensemble members E.
        scale: Whether the answers of one `group` (rater, round) share a scale, or all answers do
            (`shared`: everything is rated again as standards rise). By group, no task compares
            answers across groups, and the offset of the reward is free.
        weights: Rule of `TaskWeights`: uncertainty, explained, scheduled, or fixed.
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

    rng: np.random.Generator

    def __init__(
        self,
        tasks: Sequence[TaskName | Task] = ("classification", "regression"),
        *,
        num_classes: int,
        num_members: int = 3,
        scale: Scale = "group",
        weights: WeightRule = "uncertainty",
        target: TargetForm = "linear",
        alpha: float = 1.0,
        segment_value: SegmentValue = "sum",
        segment_length: int = 50,
        sharpness: float | Literal["scaled"] = SHARPNESS,
        adjacent_weight: float = 0.2,
        trim: float = 0.0,
        limits: LimitRule = "share",
        num_draws: int = 64,
        regularization: float = 1.0,
        max_groups: int = 10_000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.tasks = _names(tasks)
        check_choice("scale", scale, get_args(Scale))
        check_choice("target", target, get_args(TargetForm))
        check_choice("segment_value", segment_value, get_args(SegmentValue))
        check_choice("limits", limits, get_args(LimitRule))
        if limits == "fit" and scale == "group":
            raise ValueError("`limits='fit'` fixes limits for all answers; it needs scale='shared'")
        check_above_zero("alpha", alpha)
        check_above_zero("regularization", regularization)
        check_pair_options(adjacent_weight, trim)
        self.num_classes = check_num_classes(num_classes)
        self.num_members = whole_number("num_members", num_members)
        check_memory(4 * len(self.tasks) * self.num_members, num_members=num_members)
        self.scale = scale
        self.weights = weights
        self.target = target
        self.alpha = alpha
        self.segment_value = segment_value
        self.segment_length = whole_number("segment_length", segment_length)
        self.sharpness = scaled_sharpness(num_classes) if sharpness == "scaled" else sharpness
        check_above_zero("sharpness", self.sharpness)
        self.adjacent_weight = adjacent_weight
        self.trim = trim
        self.limits = limits
        self.num_draws = whole_number("num_draws", num_draws)
        self.regularization = regularization
        self.max_groups = whole_number("max_groups", max_groups)
        self.rng = np.random.default_rng(whole_number("seed", seed, 0))
        self._own = {task.name: task for task in tasks if not isinstance(task, str)}
        ours = [make(self) for name, make in TASKS.items() if name in tasks]
        self._tasks = [*ours, *self._own.values()]
        squared = {task.name for task in self._tasks if task.is_squared}
        self.task_weights = TaskWeights(self.tasks, self.num_members, weights, squared)
        for task in self._learned_tasks():
            self.add_module(f"{task.name}_task", task)

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
        answers = self._answers(ratings, groups, scores, comparisons)
        losses = {}
        for task in self._tasks:
            loss = task.loss(values, lengths, answers, self.rng)
            if loss is not None:
                losses[task.name] = loss
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
        answers = self._answers(ratings, groups, scores, comparisons)
        return any(task.can_learn(answers) for task in self._tasks)

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
        """Look at ratings as a fit begins: class limits that stay, thresholds of new groups."""
        values = self.values(returns, lengths)
        answers = replace(self._answers(ratings, groups), num_ratings=self.num_ratings)
        for task in self._tasks:
            task.begin_fit(values, answers)

    @torch.no_grad()
    def end_fit(
        self,
        returns: Tensor,
        ratings: Tensor,
        lengths: Tensor,
        groups: Tensor | None = None,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> None:
        """Weigh tasks by how far the fitted model agrees with answers held out, if `explained`."""
        if self.weights != "explained":
            return
        values = self.values(returns, lengths).mean(0)
        answers = self._answers(ratings, groups, scores, comparisons)
        found = {task.name: task.agreement(values, answers) for task in self._tasks}
        self.task_weights.judge({name: a.margin for name, a in found.items() if a is not None})

    def parameter_groups(self) -> list[tuple[Iterable[nn.Parameter], float]]:
        """Return the log-variances, and behind them what tasks learn, five times as fast."""
        learned = [(list(task.parameters()), 5.0) for task in self._learned_tasks()]
        return [([self.log_variances], 1.0), *((own, rate) for own, rate in learned if own)]

    def options(self) -> dict[str, Any]:
        """Return the choices that give a fitted reward its meaning, to be stored beside it."""
        found = {"tasks": list(self.tasks), **{name: getattr(self, name) for name in _OPTIONS}}
        if self._own:
            found["task_options"] = {name: task.options() for name, task in self._own.items()}
        return found

    def extra_repr(self) -> str:
        """Return the options for `repr`."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())

    def _answers(
        self,
        ratings: Tensor,
        groups: Tensor | None,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> AnswerRows:
        if self.scale == "shared":
            groups = None
        elif groups is None:
            groups = torch.zeros_like(ratings)
        return AnswerRows(
            ratings, self.num_classes, groups, scores, comparisons, rounds_of=self.rounds_of
        )

    def _learned_tasks(self) -> list[Any]:
        """Return the tasks that have parameters of their own; `nn.Module`s that are tasks."""
        return [task for task in self._tasks if isinstance(task, nn.Module)]

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load, also what was saved when the thresholds lay here and not in their task."""
        old = prefix + "thresholds."
        for key in [key for key in state_dict if key.startswith(old)]:
            state_dict[f"{prefix}ordinal_task.thresholds.{key[len(old) :]}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


TASKS: Mapping[TaskName, Callable[[MultitaskLoss], Task]] = {
    "score": lambda loss: ScoreTask(is_squared=loss.scale == "shared"),
    "comparison": lambda loss: ComparisonTask(),
    "pairwise": lambda loss: PairwiseTask(loss.adjacent_weight, loss.trim),
    "classification": lambda loss: ClassificationTask(loss.sharpness, loss.limits),
    "regression": lambda loss: RegressionTask(loss.target, loss.alpha),
    "ranking": lambda loss: RankingTask(loss.num_draws, loss.regularization),
    "ordinal": lambda loss: OrdinalTask(
        loss.num_classes, loss.num_members, loss.max_groups if loss.scale == "group" else 1
    ),
    "quantile": lambda loss: QuantileTask(),
}
"""The task of each name, made of the options of a `MultitaskLoss`.

In the order in which they are computed, whatever the order of `tasks`: gradients are added up in
that order, and another one gives other last digits.
"""


def _names(tasks: Sequence[TaskName | Task]) -> tuple[str, ...]:
    """Return the names of tasks, checked."""
    names = tuple(task if isinstance(task, str) else task.name for task in tasks)
    for task, name in zip(tasks, names, strict=True):
        if isinstance(task, str):
            check_choice("tasks", task, get_args(TaskName))
        elif not name.isidentifier():
            raise ValueError(f"`name` of a task must be one word for the logs, got {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`tasks` must name at least one task, and each once, got {names}")
    return names
