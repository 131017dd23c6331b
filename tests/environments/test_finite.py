"""What an environment returns is finite, or the step raises before anybody has seen it."""

import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from gym_rated.environments.finite import FiniteSteps


class Returns(gym.Env):
    """Returns given observations in turn, and one reward."""

    action_space = gym.spaces.Discrete(2)

    def __init__(self, space: gym.Space, observations: list, reward: float = 0.0) -> None:
        self.observation_space = space
        self.observations = observations
        self.reward = reward

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple:
        self.left = list(self.observations)
        return self.left.pop(0), {}

    def step(self, action: int) -> tuple:
        return self.left.pop(0), self.reward, False, False, {}


def box(dtype: type = np.float32) -> gym.Space:
    return gym.spaces.Box(-np.inf, np.inf, (2,), dtype)


def vector(space: gym.Space, observations: list, reward: float = 0.0) -> SyncVectorEnv:
    """Two environments, of which the second returns what is asked for."""
    fine = [observations[0]] * len(observations)
    thunks = [lambda: Returns(space, fine), lambda: Returns(space, observations, reward)]
    return SyncVectorEnv(thunks)


def numbers(*values: float, dtype: type = np.float32) -> np.ndarray:
    return np.array(values, dtype)


@pytest.mark.parametrize(
    ("value", "dtype", "is_fine"),
    [
        (np.nan, np.float32, False),
        (-np.inf, np.float32, False),
        (1e20, np.float32, False),  # its square, 1e40, is none in float32
        (1e18, np.float32, True),
        (1e30, np.float64, True),
        (1e200, np.float64, False),
        (300, np.float16, False),  # its square, 90000, is none in float16
        (200, np.float16, True),
    ],
)
def test_observation_and_its_square_must_be_finite_in_its_type(value, dtype, is_fine):
    bad = numbers(0, value, dtype=dtype)
    envs = FiniteSteps(vector(box(dtype), [numbers(0, 0, dtype=dtype), bad]))
    envs.reset()
    if is_fine:
        assert envs.step(np.zeros(2, np.int64))[0][1].tolist() == bad.tolist()
        return
    with pytest.raises(
        ValueError, match=rf"`obs` .* got {re.escape(f'{value:g}')} at index \[1\] of environment 1"
    ):
        envs.step(np.zeros(2, np.int64))


def test_many_squares_that_are_finite_may_overflow_together():
    wide = gym.spaces.Box(-np.inf, np.inf, (100,), np.float32)
    envs = FiniteSteps(vector(wide, [np.full(100, 1e19, np.float32)] * 2))
    envs.reset()
    assert envs.step(np.zeros(2, np.int64))[0].shape == (2, 100)


def test_first_observation_is_checked_too():
    envs = FiniteSteps(vector(box(), [numbers(np.nan, 0)]))
    with pytest.raises(ValueError, match=r"`obs` must be finite.* got nan at index \[0\]"):
        envs.reset()


@pytest.mark.parametrize("key", ["near", "far"])
def test_every_part_of_an_observation_is_checked(key):
    space = gym.spaces.Dict(
        {"near": box(), "far": gym.spaces.Tuple([box(), gym.spaces.Discrete(3)])}
    )
    fine = {"near": numbers(1, 2), "far": (numbers(3, 4), 1)}
    bad = (
        {"near": numbers(1, np.inf), "far": fine["far"]}
        if key == "near"
        else {
            "near": fine["near"],
            "far": (numbers(3, np.inf), 2),
        }
    )
    envs = FiniteSteps(vector(space, [fine, fine, bad]))
    envs.reset()
    envs.step(np.zeros(2, np.int64))
    place = r"\['near'\]" if key == "near" else r"\['far'\]\[0\]"
    with pytest.raises(ValueError, match=rf"`obs{place}` must be finite"):
        envs.step(np.zeros(2, np.int64))


@pytest.mark.parametrize("reward", [np.nan, np.inf, 1e30])
def test_reward_is_checked_where_it_is_used(reward):
    observations = [numbers(0, 0)] * 2
    envs = FiniteSteps(vector(box(), observations, reward))
    envs.reset()
    with pytest.raises(ValueError, match=r"`reward` must be finite.* got .* from environment 1"):
        envs.step(np.zeros(2, np.int64))
    unused = FiniteSteps(vector(box(), observations, reward), rewards=False)
    unused.reset()
    assert np.array_equal(unused.step(np.zeros(2, np.int64))[1], [0, reward], equal_nan=True)
