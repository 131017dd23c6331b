"""The two wrappers: one takes the true reward away and asks for ratings, one pays what was learned.

Those here are for `gymnasium.Env`; `gym_rated.wrappers.vector` has their twins for vector
environments, as `gym_rated.vector` for short.
"""

from gym_rated.wrappers import vector as vector
from gym_rated.wrappers.single import LearnedRewardWrapper, RatingFeedbackWrapper

__all__ = ["LearnedRewardWrapper", "RatingFeedbackWrapper"]
