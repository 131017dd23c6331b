"""A plugin of pytest with which every environment that `gym.make` returns is a rated one.

    cd GYMNASIUM_SRC && PYTHONPATH=path/to/tests/outside python -m pytest -p rated_make tests/envs

Gymnasium's own tests then try our wrappers wherever they try an environment.
"""

import multiprocessing
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs import registration

import gym_rated
from gym_rated import vector


class QuietRater:
    """Is asked nothing here."""

    num_classes = 3
    pending = 0

    def submit(self, segments: Any) -> None:
        """Take what nobody asks."""

    def collect(self) -> list[Any]:
        """Return no ratings."""
        return []


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Return a reward of observation and action."""
    return np.tanh(obs.sum(1, dtype=np.float64) + actions.sum(1))


def features_for(space: gym.Space[Any]) -> Any:
    """Return what makes a vector of an image; other observations need nothing."""
    is_image = isinstance(space, gym.spaces.Box) and len(space.shape) > 1
    return (lambda obs: np.ravel(obs)[:8].astype(np.float32)) if is_image else None


def make(*args: Any, **kwargs: Any) -> gym.Env[Any, Any]:
    """Make an environment, and wrap it in both wrappers."""
    env = _make(*args, **kwargs)
    features = features_for(env.observation_space)
    env = gym_rated.RatingFeedbackWrapper(env, QuietRater(), features=features)
    return gym_rated.LearnedRewardWrapper(env, reward_fn)


def make_vec(*args: Any, **kwargs: Any) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Make vector environments of bare ones, and wrap them in both wrappers."""
    _put(_make, _make_vec)
    try:
        envs = _make_vec(*args, **kwargs)
    finally:
        _put(make, make_vec)
    features = features_for(envs.single_observation_space)
    envs = vector.RatingFeedbackWrapper(envs, QuietRater(), features=features)
    return vector.LearnedRewardWrapper(envs, reward_fn)


def pytest_configure() -> None:
    """Put rated environments in the place of bare ones."""
    _put(make, make_vec)


def _put(one: Any, several: Any) -> None:
    for module in (gym, registration):
        module.make, module.make_vec = one, several


def pytest_unconfigure() -> None:
    """End the workers of tests that failed on purpose; this process would wait for them."""
    for worker in multiprocessing.active_children():
        worker.kill()


_make, _make_vec = registration.make, registration.make_vec
