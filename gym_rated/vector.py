"""The two wrappers for vector environments, and what they need; see `gym_rated.wrappers.vector`."""

from gym_rated.environments.vectors import as_vector_env
from gym_rated.segments.tensors import takes_tensors
from gym_rated.wrappers.timeout import StepTimeout
from gym_rated.wrappers.vector import LearnedRewardWrapper, RatingFeedbackWrapper

__all__ = [
    "LearnedRewardWrapper",
    "RatingFeedbackWrapper",
    "StepTimeout",
    "as_vector_env",
    "takes_tensors",
]
