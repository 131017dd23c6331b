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

OUR_TASKS: tuple[TaskName, ...] = ("classification", "regression")
"""The tasks of Wu et al. 2025, by their names."""


@dataclass(frozen=True)
class Method:
    """How a reward is learned from ratings; the defaults are those of the preset `ours`.

    The first seven are options of `MultitaskLoss`, then three of `RewardEnsemble`, then those of
    `RewardLearner`; each means what it means there.
    """

    tasks: "tuple[TaskName | Task, ...]" = OUR_TASKS
    scale: Scale = "shared"
    weights: WeightRule = "uncertainty"
    target: TargetForm = "linear"
    limits: LimitRule = "share"
    segment_value: SegmentValue = "sum"
    trim: float = 0.0
    num_members: int = 3
    hidden_sizes: tuple[int, ...] = (64, 64)
    squared_actions: bool = False
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 64
    first_steps: int = 200
    later_steps: int = 50
    max_passes: int | None = None
    stop_at_accuracy: float | None = None
    ood_coef: float = 0.0
    offset: Offset = "none"


OURS = Method()
"""Multi-task learning on one scale, for ratings that are kept up to date, or follow one rule."""
PEOPLE = Method(tasks=("pairwise",), scale="group", segment_value="mean")
"""Pairs within one rater and one round, for ratings that are never given again."""


def method_for(criterion: str | None) -> Method:
    """Return the method for ratings by a criterion in words, `PEOPLE`, or without, `OURS`.

    Who judges by words does not rate again what they rated before as their standards move; a rule
    that is computed has no words. Nothing else in a dataset tells the two apart.
    """
    return OURS if criterion is None else PEOPLE
