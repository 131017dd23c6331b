"""Losses that turn ratings into a reward: small pure functions of predicted segment returns.

A predicted return is the sum of r(s, a) over the steps of a segment. Every loss works on the last
axis, `(*batch, B) -> (*batch)`: returns of shape (E, B) give one loss per ensemble member, (B,)
gives a scalar. Rows without an answer (a rating of -1, a score of NaN) are left out. With `groups`,
no loss compares ratings across groups.

* `classification_loss`: rating-based RL, White et al., AAAI 2024, arXiv 2307.16348 (their Q and L),
  with the mini-batch class limits of the authors' code, or `share_limits`.
* `regression_loss` with `rating_targets`, `score_loss` with `score_targets`: Wu et al., arXiv
  2506.09183.
* `pairwise_loss`: Bradley-Terry on differently rated segments [our inference: no paper of the two
  has it], and on comparisons.
* `ranking_loss`, `out_of_distribution_loss`: R4, Kharyal et al., arXiv 2601.09236.
* `ordinal_loss`: cumulative link with thresholds per group, and a share of mistakes [our
  inference].
* `quantile_loss`: the same with quantiles of all that the rater had seen for thresholds [our
  inference].
* `MultitaskLoss` weighs them against each other, each as a `Task` object, and takes yours; a
  learner takes any `Loss`.
"""

from gym_rated.choices import (
    LimitForm,
    LimitRule,
    Scale,
    SegmentValue,
    TargetForm,
    TaskName,
    WeightRule,
)
from gym_rated.losses.agreement import Agreement, rank_agreement
from gym_rated.losses.classification import (
    SHARPNESS,
    ClassificationTask,
    class_probabilities,
    classification_loss,
    scaled_sharpness,
)
from gym_rated.losses.limits import class_limits, rescale, share_limits
from gym_rated.losses.loss import Loss
from gym_rated.losses.multitask import TASKS, MultitaskLoss
from gym_rated.losses.ordinal import OrdinalTask, ordinal_loss
from gym_rated.losses.pairwise import ComparisonTask, PairwiseTask, pairwise_loss
from gym_rated.losses.quantile import QuantileTask, quantile_loss, seen_limits
from gym_rated.losses.ranking import RankingTask, draw_one_per_class, ranking_loss, soft_ranks
from gym_rated.losses.regression import (
    RegressionTask,
    rating_targets,
    regression_loss,
)
from gym_rated.losses.score import ScoreTask, score_loss, score_targets
from gym_rated.losses.task import AnswerRows, Task
from gym_rated.losses.thresholds import offset_prior, ordered_thresholds
from gym_rated.losses.unseen import out_of_distribution_loss

__all__ = [
    "SHARPNESS",
    "TASKS",
    "Agreement",
    "AnswerRows",
    "ClassificationTask",
    "ComparisonTask",
    "LimitForm",
    "LimitRule",
    "Loss",
    "MultitaskLoss",
    "OrdinalTask",
    "PairwiseTask",
    "QuantileTask",
    "RankingTask",
    "RegressionTask",
    "Scale",
    "ScoreTask",
    "SegmentValue",
    "TargetForm",
    "Task",
    "TaskName",
    "WeightRule",
    "class_limits",
    "class_probabilities",
    "classification_loss",
    "draw_one_per_class",
    "offset_prior",
    "ordered_thresholds",
    "ordinal_loss",
    "out_of_distribution_loss",
    "pairwise_loss",
    "quantile_loss",
    "rank_agreement",
    "ranking_loss",
    "rating_targets",
    "regression_loss",
    "rescale",
    "scaled_sharpness",
    "score_loss",
    "score_targets",
    "seen_limits",
    "share_limits",
    "soft_ranks",
]
