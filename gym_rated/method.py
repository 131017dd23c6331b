"""How a reward is learned: the defaults of everything that fits one, in one table.

`gym_rated.fitting` makes a learner of it. The flags have these defaults, and are read without
torch, so nothing here imports it.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gym_rated.choices import (
    LimitRule,
    Offset,
    Scale,
    SegmentValue,
    TargetForm,
    TaskName,
    WeightRule,
)

if TYPE_CHECKING:
    from gym_rated.losses import Task

OUR_TASKS: tuple[TaskName, ...] = ("quantile", "score")
"""What is learned from classes, and what from scores, with learned weights between the two."""


@dataclass(frozen=True)
class Method:
    """How a reward is learned from ratings; the defaults are those of the preset `ours`.

    The first seven are options of `MultitaskLoss`, then three of `RewardEnsemble`, then those of
    `RewardLearner`; each means what it means there.
    """

    tasks: "tuple[TaskName | Task, ...]" = OUR_TASKS
    scale: Scale = "group"
    weights: WeightRule = "uncertainty"
    target: TargetForm = "linear"
    limits: LimitRule = "share"
    segment_value: SegmentValue = "mean"
    trim: float = 0.0
    num_members: int = 3
    hidden_sizes: tuple[int, ...] = (64, 64)
    squared_actions: bool = True
    learning_rate: float = 1e-3
    weight_decay: float = 10.0
    batch_size: int = 200
    first_steps: int = 200
    later_steps: int = 50
    max_passes: int | None = None
    stop_at_accuracy: float | None = None
    ood_coef: float = 0.0
    offset: Offset = "none"


OURS = Method()
"""A rating is a place among all that its rater had seen by then, for who compares with all that."""
WU_2025 = Method(
    tasks=("classification", "regression"),
    scale="shared",
    segment_value="sum",
    squared_actions=False,
    weight_decay=0.0,
    batch_size=64,
)
"""Multi-task learning on one scale after Wu et al. 2025, for ratings that are kept up to date, or
follow one rule."""
PEOPLE = replace(WU_2025, tasks=("pairwise",), scale="group", segment_value="mean")
"""Pairs within one rater and one round, for ratings that are never given again."""


def method_for(criterion: str | None) -> Method:
    """Return the method for ratings by a criterion in words, `PEOPLE`, or without, `WU_2025`.

    Who judges by words does not rate again what they rated before as their standards move, and
    nobody knows what they compare with; a rule that is computed has no words. Nothing else in a
    dataset tells the two apart.
    """
    return WU_2025 if criterion is None else PEOPLE
