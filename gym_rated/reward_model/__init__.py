"""Reward models r(s, a): ensembles of networks for vectors and for images."""

from gym_rated.reward_model.ensemble import load_reward_model
from gym_rated.reward_model.images import ConvRewardEnsemble
from gym_rated.reward_model.vectors import RewardEnsemble

__all__ = ["ConvRewardEnsemble", "RewardEnsemble", "load_reward_model"]
