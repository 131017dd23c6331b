"""How a reward is learned: the defaults of everything that fits one, in one table.

`gym_rated.fitting` makes a learner of it. The flags have these defaults, and are read without
torch, so nothing here imports it.
"""

from dataclasses import dataclass
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

OUR_TASKS: tuple[TaskName, ...] = ("ordinal", "score", "comparison")
"""What is learned from classes, from scores and from comparisons, with learned weights between."""
RANKED_TASKS: tuple[TaskName, ...] = ("quantile", "score")
"""The same, where classes are known to be places among all that their rater had seen by then."""


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
"""Each rater has thresholds between the classes in each round, whatever they compare with."""
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
