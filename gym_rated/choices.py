"""What one may choose by name: the words that flags take, and raters, losses and learners.

They stand apart from what is made of them, so that a command line is read without torch.
"""

from typing import Literal

Kind = Literal["ratings", "scores", "comparisons"]
"""What a rater gives: a class, a number, or the better one of two."""

Answers = Literal[Kind, "mixed", "both"]
"""One kind for all segments of a rater, some of each, or both a class and a number for each."""

Reference = Literal["everything", "round", "range"]
"""What a computed rater compares a return with: see `gym_rated.raters.scale`."""

Strategy = Literal[
    "uniform", "disagreement", "entropy", "stratified", "coverage", "information-gain"
]
"""Which segments to ask about: see `gym_rated.queries.make_select`."""

TaskName = Literal[
    "classification",
    "regression",
    "pairwise",
    "comparison",
    "ranking",
    "score",
    "ordinal",
    "quantile",
]
"""A task of `gym_rated.losses.TASKS`."""

Scale = Literal["group", "shared"]
"""Which answers share a scale: those of one rater and round, or all."""

SegmentValue = Literal["sum", "mean"]
"""What of a segment's rewards is judged."""

TrackerName = Literal["wandb", "mlflow"]
"""Who else is told what a run logs: see `gym_rated.runs.sinks`."""

WeightRule = Literal["uncertainty", "explained", "fixed", "scheduled"]
"""How tasks are weighed: see `gym_rated.losses.task_weights`."""

TargetForm = Literal["linear", "log_k", "log_literal", "log"]
"""What return a rating stands for: see `gym_rated.losses.rating_targets`."""

LimitForm = Literal["share", "batch"]
"""Where the class limits of a mini-batch lie: see `gym_rated.losses.limits`."""

LimitRule = Literal[LimitForm, "fit"]
"""The same for a whole training: in each mini-batch, or once per fit."""

Offset = Literal["none", "best", "worst"]
"""What is subtracted from a learned reward: nothing, that of the best step, or of the worst."""

Precision = Literal["float32", "bfloat16"]
"""In which the layers of a reward model multiply while it is fitted."""

BonusName = Literal["knn-entropy", "rnd"]
"""A bonus for new states: see `gym_rated.exploration.make_bonus`."""

PictureFormat = Literal["png", "svg", "pdf"]
"""In what a figure is written: dots, or lines that stay sharp at any size."""
