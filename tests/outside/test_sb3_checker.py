"""Stable-Baselines3's checker says of a rated environment what it says of the bare one."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater
from stable_baselines3.common.env_checker import check_env

import gym_rated


def remarks(env: gym.Env) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "Reacher-v5"])
def test_the_checker_has_no_more_to_say_than_of_the_bare_environment(env_id):
    env = gym.make(env_id)
    bare = remarks(env)
    env = gym_rated.RatingFeedbackWrapper(env, KeepingRater(), segment_length=2)
    env = gym_rated.LearnedRewardWrapper(env, lambda obs, actions: np.ones(len(obs)))
    assert remarks(env) == bare
