"""Gymnasium's own checkers accept a rated environment."""

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import PassiveEnvChecker

import gym_rated

ENV_IDS = ("CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "Blackjack-v1", "HalfCheetah-v5")


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs.sum(1) + actions.sum(1)


def rated(env: gym.Env) -> gym.Env:
    env = gym_rated.RatingFeedbackWrapper(env, KeepingRater(), segment_length=2)
    return gym_rated.LearnedRewardWrapper(env, reward_fn)


@pytest.mark.parametrize("env_id", ENV_IDS)
@pytest.mark.filterwarnings("ignore:.*The environment .* is different from the unwrapped version")
@pytest.mark.filterwarnings("ignore:.*Box observation space m.*imum value is .*infinity")
@pytest.mark.filterwarnings("ignore:.*For Box action spaces, we recommend")
def test_the_checker_accepts(env_id):
    check_env(rated(gym.make(env_id, disable_env_checker=True)), skip_render_check=True)


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_the_passive_checker_accepts_every_step(env_id):
    env = PassiveEnvChecker(rated(gym.make(env_id, disable_env_checker=True)))
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(50):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
