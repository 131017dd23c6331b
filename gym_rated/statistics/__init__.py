"""Judge runs: normalised scores, what sums them up, and whether one method is better than another.

After Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice";
several comparisons are corrected for as in Holm 1979.
"""

from gym_rated.statistics.comparing import (
    holm_adjusted,
    improvement_p_value,
    probability_of_improvement,
)
from gym_rated.statistics.scores import (
    Interval,
    area_under,
    bootstrap_interval,
    bootstrap_profile,
    interquartile_mean,
    normalized_score,
    performance_profile,
    resampled_interval,
    standard_error,
)

__all__ = [
    "Interval",
    "area_under",
    "bootstrap_interval",
    "bootstrap_profile",
    "holm_adjusted",
    "improvement_p_value",
    "interquartile_mean",
    "normalized_score",
    "performance_profile",
    "probability_of_improvement",
    "resampled_interval",
    "standard_error",
]
