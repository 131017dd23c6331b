"""The two wrappers for `gymnasium.vector.VectorEnv`; they live in `gym_rated.wrappers.vector`."""

from gym_rated.wrappers.timeout import StepTimeout
from gym_rated.wrappers.vector import LearnedRewardWrapper, RatingFeedbackWrapper

__all__ = ["LearnedRewardWrapper", "RatingFeedbackWrapper", "StepTimeout"]
