"""What the wrappers and one prediction cost, on an environment that costs next to nothing.

Its spaces are those of HalfCheetah-v5. The difference of two steps of 50 µs would drown in noise;
physics is timed beside it, to say what share the rest has.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import gym_rated
import gym_rated.vector
from benchmarks.speed.worker import Pause, serve

NUM_ENVS = 16
EPISODE = 1_000
STEPS, CALLS = 1_000, 128  # of a chunk


class Still(gym.Env):
    """Nothing moves, and episodes last as long as HalfCheetah's."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (17,), np.float64)
    action_space = gym.spaces.Box(-1, 1, (6,), np.float32)

    def __init__(self) -> None:
        self._obs = np.zeros(17)
        self._step = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Return zeros."""
        super().reset(seed=seed)
        self._step = 0
        return self._obs.copy(), {}

    def step(self, action: Any) -> Any:
        """Return zeros, and truncate in time."""
        self._step += 1
        return self._obs.copy(), 1.0, False, self._step >= EPISODE, {}


def all_of_them(pause: Pause, env_id: str) -> None:
    """Step every wrapper, and predict, by request; `env_id` is the task that is rated."""
    torch.set_num_threads(1)
    model = ready_model(gym.make(env_id))
    gym.register("Still-v0", entry_point=Still, disable_env_checker=True)

    def make(request: str) -> Callable[[], int]:
        kind, _, which = request.partition(" ")
        if kind == "predict":
            return predicting(model, int(which))
        if kind == "vector":
            task = env_id if which == "physics" else "Still-v0"
            envs = gym.vector.SyncVectorEnv([lambda: gym.make(task)] * NUM_ENVS)
            return stepping_all(wrapped(envs, which, gym_rated.vector, model))
        env = gym.make(env_id if request == "physics" else "Still-v0")
        return stepping(wrapped(env, request, gym_rated, model))

    serve(pause, make)


def wrapped(env: Any, which: str, room: Any, model: gym_rated.RewardEnsemble) -> Any:
    """Return an environment in the wrapper of `room` that is asked for, if any."""
    if which == "hide and record":
        return room.RatingFeedbackWrapper(env, gym_rated.SyntheticRater())
    if which == "learned reward":
        return room.LearnedRewardWrapper(env, model.predict)
    return env


def ready_model(env: Any) -> gym_rated.RewardEnsemble:
    """Return a reward model of the default size, fitted to 20 ratings of random actions."""
    model = gym_rated.RewardEnsemble.for_spaces(env.observation_space, env.action_space)
    rated = gym_rated.RatingFeedbackWrapper(env, gym_rated.SyntheticRater())
    rated.reset(seed=0)
    rated.action_space.seed(0)
    for _ in range(EPISODE):
        rated.step(rated.action_space.sample())
    rated.query(20)
    gym_rated.fit(rated.ratings, model=model, progress_bar=False)
    return model


def stepping(env: Any) -> Callable[[], int]:
    """Return a chunk of steps, resets included."""
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)

    def chunk() -> int:
        for _ in range(STEPS):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return STEPS

    return chunk


def stepping_all(envs: Any) -> Callable[[], int]:
    """Return a chunk of steps of NUM_ENVS environments; each counts."""
    envs.reset(seed=0)
    actions = np.zeros(envs.action_space.shape, np.float32)

    def chunk() -> int:
        for _ in range(STEPS // NUM_ENVS):
            envs.step(actions)
        return STEPS // NUM_ENVS * NUM_ENVS

    return chunk


def predicting(model: gym_rated.RewardEnsemble, num: int) -> Callable[[], int]:
    """Return a chunk of calls of `predict`, each for `num` steps; a call counts."""
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(num, model.obs_dim)).astype(np.float32)
    actions = rng.normal(size=(num, model.action_dim)).astype(np.float32)
    calls = max(16, CALLS * NUM_ENVS // (NUM_ENVS + num))

    def chunk() -> int:
        for _ in range(calls):
            model.predict(obs, actions)
        return calls

    return chunk
