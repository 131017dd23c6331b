"""The two vector wrappers on 16 to 4,096 environments that step as one array.

No physics and no loop over environments: what is left is what the wrappers cost.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import gym_rated
import gym_rated.vector
from benchmarks.speed.worker import Pause, serve
from benchmarks.speed.wrappers import EPISODE, Still, ready_model

STEPS = 65_536  # environment steps of a chunk, or 256 steps of all, whichever is less


class StillVector(gym.vector.VectorEnv):
    """As many still environments as wanted, with the spaces of HalfCheetah-v5, in float32."""

    def __init__(self, num_envs: int) -> None:
        self.metadata = {"autoreset_mode": gym.vector.AutoresetMode.NEXT_STEP}
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (17,), np.float32)
        self.single_action_space = Still.action_space
        batch = gym.vector.utils.batch_space
        self.observation_space = batch(self.single_observation_space, num_envs)
        self.action_space = batch(self.single_action_space, num_envs)
        self._obs = np.zeros((num_envs, 17), np.float32)
        self._step = 0

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        """Return zeros."""
        self._step = 0
        return self._obs.copy(), {}

    def step(self, actions: Any) -> Any:
        """Return zeros, and truncate all in time; the step after is their reset."""
        self._step = (self._step + 1) % (EPISODE + 1)
        truncated = np.full(self.num_envs, self._step == EPISODE)
        none = np.zeros(self.num_envs, bool)
        return self._obs.copy(), np.ones(self.num_envs), none, truncated, {}


def by_number(pause: Pause, env_id: str) -> None:
    """Step all environments in a stack of wrappers; requests are as `4096 both`."""
    torch.set_num_threads(1)
    model = ready_model(gym.make(env_id))

    def make(request: str) -> Callable[[], int]:
        number, _, which = request.partition(" ")
        return stepping(wrapped(int(number), which, model))

    serve(pause, make)


def wrapped(num_envs: int, which: str, model: gym_rated.RewardEnsemble) -> Any:
    """Return still environments, in no wrapper (`bare`), in the first (`hide`) or in `both`."""
    envs: Any = StillVector(num_envs)
    if which != "bare":
        capacity = max(200_000, 128 * num_envs)
        rater = gym_rated.SyntheticRater()
        envs = gym_rated.vector.RatingFeedbackWrapper(envs, rater, capacity=capacity)
    if which == "both":
        envs = gym_rated.vector.LearnedRewardWrapper(envs, model.predict)
    return envs


def stepping(envs: Any) -> Callable[[], int]:
    """Return a chunk of steps; each environment's counts."""
    envs.reset(seed=0)
    actions = np.zeros(envs.action_space.shape, np.float32)
    calls = max(16, min(256, STEPS // envs.num_envs))

    def chunk() -> int:
        for _ in range(calls):
            envs.step(actions)
        return calls * envs.num_envs

    return chunk
