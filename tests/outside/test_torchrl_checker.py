"""TorchRL's checker accepts rated environments, single and vector."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, scripted_vector, true_reward
from gymnasium.vector import AutoresetMode
from torchrl.envs import GymWrapper, check_env_specs

import gym_rated
from gym_rated import vector


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs.sum(1)


def rated(env: Any, module: Any = gym_rated) -> Any:
    env = module.RatingFeedbackWrapper(env, KeepingRater(), segment_length=2)
    return module.LearnedRewardWrapper(env, reward_fn)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "HalfCheetah-v5"])
def test_the_checker_accepts_a_single_environment(env_id):
    check_env_specs(GymWrapper(rated(gym.make(env_id))), seed=0)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_the_checker_accepts_a_vector_environment(mode):
    options = {"vector_kwargs": {"autoreset_mode": mode}}
    envs = rated(gym.make_vec("Pendulum-v1", 3, "sync", **options), vector)
    assert envs.autoreset_mode == mode
    check_env_specs(GymWrapper(envs), seed=0)


def test_next_step_autoreset_is_refused_by_torchrl():
    with pytest.raises(RuntimeError, match="must be one of SAME_STEP or DISABLED"):
        GymWrapper(rated(gym.make_vec("Pendulum-v1", 2, "sync"), vector))


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_a_rollout_holds_learned_rewards_and_the_last_observation_of_an_episode(mode):
    # of different lengths: where all end at once, TorchRL resets once more under SAME_STEP
    scripts = [[(4, "terminated")], [(3, "terminated")]]
    env = GymWrapper(rated(scripted_vector(scripts, mode), vector))
    rollout = env.rollout(5, break_when_any_done=False)
    # obs = (env, episode, step); the reward is their sum before the step
    first = rollout["observation"][1, 0].tolist()
    assert rollout["next", "observation"][1, 2].tolist() == [1, first[1], 3]
    assert rollout["observation"][1, 3].tolist() == [1, first[1] + 1, 0]
    start = 1 + first[1]
    rewards = rollout["next", "reward"][1, :, 0].tolist()
    assert rewards == [start, start + 1, start + 2, start + 1, start + 2]
    assert true_reward(1, 0, 0) not in rewards
    assert rollout["next", "terminated"][1, :, 0].tolist() == [False, False, True, False, False]
