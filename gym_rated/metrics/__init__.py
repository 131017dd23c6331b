"""Judging a reward by ratings it was not fitted to, or by the true one; NaN where nothing is said.

These numbers tell a broken fit from a working one. They do not rank methods: a better correlation
with held-out ratings, or with the true reward, is not a better agent.

`ratings` is about ratings, `truth` about the true reward, and `recent` puts the latter together on
what an agent did last.
"""

from gym_rated.metrics.ratings import (
    accuracy,
    confidence_bins,
    expected_calibration_error,
    pair_accuracy,
    quadratic_weighted_kappa,
    spearman,
)
from gym_rated.metrics.recent import Truth, agreement_with_truth
from gym_rated.metrics.truth import (
    advantage_correlation,
    best_third,
    best_third_slope,
    step_correlation,
)

__all__ = [
    "Truth",
    "accuracy",
    "advantage_correlation",
    "agreement_with_truth",
    "best_third",
    "best_third_slope",
    "confidence_bins",
    "expected_calibration_error",
    "pair_accuracy",
    "quadratic_weighted_kappa",
    "spearman",
    "step_correlation",
]
