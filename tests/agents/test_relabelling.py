"""Rewards computed anew are those that the wrapper pays, however SB3 stores observations."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, SpaceEnv, scripted_vector
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

from gym_rated import vector, wrappers
from gym_rated.sb3 import SB3VecEnv, relabel


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs @ np.arange(1.0, 1.0 + obs.shape[1]) + actions.sum(1)


def stored(space: gym.Space, obs: np.ndarray) -> ReplayBuffer:
    """A buffer of SB3 that holds these observations, and the action 0 after each."""
    buffer = ReplayBuffer(len(obs), space, gym.spaces.Discrete(2))
    for x in obs:
        buffer.add(x[None], x[None], np.zeros((1, 1)), np.zeros(1), np.zeros(1), [{}])
    return buffer


def paid_and_relabelled(bare: gym.Env, features: Any, store: Any) -> list[list[float]]:
    """Rewards of three steps, as the wrapper pays them and as they are computed anew."""
    feedback = wrappers.RatingFeedbackWrapper(
        bare, KeepingRater(), segment_length=2, features=features
    )
    env = wrappers.LearnedRewardWrapper(feedback, reward_fn)
    obs, paid = [env.reset(seed=0)[0]], []
    for _ in range(3):
        step = env.step(0)
        obs.append(step[0])
        paid.append(step[1])
    buffer = store(env.observation_space, obs[:3])
    assert relabel(buffer, reward_fn, env=env) == 3
    return [paid, buffer.rewards[:, 0].tolist()]


def channels_first(space: gym.Space, obs: Any) -> ReplayBuffer:
    return stored(VecTransposeImage.transpose_space(space), np.moveaxis(np.array(obs), -1, 1))


def as_it_is(space: gym.Space, obs: Any) -> ReplayBuffer:
    return stored(space, np.array(obs))


def flat(space: gym.Space, obs: Any) -> ReplayBuffer:
    flattened = [gym.spaces.flatten(space, x) for x in obs]
    return stored(gym.spaces.flatten_space(space), np.array(flattened))


def top_left(image: np.ndarray) -> np.ndarray:
    return image[:2, :3, 0].ravel() / 255


def joints(obs: Any) -> np.ndarray:
    return obs["joints"] * 2


DICT = gym.spaces.Dict(
    {"camera": gym.spaces.Box(0, 1, (2, 2)), "joints": gym.spaces.Box(0, 1, (3,))}
)
IMAGE = gym.spaces.Box(0, 255, (4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("space", "features", "store"),
    [
        (IMAGE, top_left, channels_first),
        (IMAGE, top_left, as_it_is),
        (IMAGE, "pixels", channels_first),
        (DICT, joints, flat),
        (DICT, None, flat),
        (gym.spaces.Discrete(5), None, as_it_is),
    ],
)
def test_relabelling_takes_features_from_the_wrappers(space, features, store):
    paid, relabelled = paid_and_relabelled(SpaceEnv(space, gym.spaces.Discrete(2)), features, store)
    np.testing.assert_allclose(relabelled, paid, rtol=1e-6)
    assert len(set(paid)) > 1


def test_relabelling_finds_the_wrappers_in_environments_of_sb3():
    single = wrappers.RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), features=np.ravel)
    single = wrappers.LearnedRewardWrapper(single, reward_fn)
    envs = scripted_vector([[(3, "terminated")]] * 2, AutoresetMode.SAME_STEP)
    envs = vector.RatingFeedbackWrapper(envs, KeepingRater(), features=np.ravel)
    stack = SB3VecEnv(vector.LearnedRewardWrapper(envs, reward_fn))
    stack = VecNormalize(VecMonitor(stack))
    for env in (stack, VecNormalize(DummyVecEnv([lambda: single]))):
        buffer = ReplayBuffer(4, env.observation_space, gym.spaces.Discrete(2))
        obs = np.array([[0, 4, 2]], np.float32)
        buffer.add(obs, obs, np.zeros((1, 1)), np.zeros(1), np.zeros(1), [{}])
        relabel(buffer, reward_fn, env=env)
        one_hot = 1
        assert buffer.rewards[0, 0] == 0 * 1 + 4 * 2 + 2 * 3 + one_hot
        with pytest.raises(ValueError, match="`features` must be the same for all"):
            relabel(buffer, reward_fn, env=env, features=joints)
        relabel(buffer, reward_fn, env=env, features=np.ravel)


def test_relabelling_refuses_what_the_wrappers_cannot_have_seen():
    env = wrappers.RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), features=np.ravel)
    buffer = stored(gym.spaces.Box(0, 1, (6,)), np.zeros((2, 6), np.float32))
    with pytest.raises(ValueError, match=r"must store what the rating wrappers saw, .* \(6,\); ch"):
        relabel(buffer, reward_fn, env=env)
