"""What the wrappers cost with many environments: microseconds of CPU time per environment step.

Three kinds of environments, all of them pendulums: Gymnasium's in a SyncVectorEnv, one batched in
numpy, and one batched in torch, on the CPU. Bare, hidden and recorded, and paid a learned reward
besides, in turns, so that whatever else the machine does falls on all of them.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

import gym_rated
import gym_rated.vector
from gym_rated.segments.tensors import copied

SIZES = (16, 64, 256, 1_024, 4_096)
ARMS = ("bare", "feedback", "learned")
_CHUNK_S = 0.03


class Pendulums(VectorEnv):
    """N pendulums as Gymnasium's, in one batch of arrays or tensors, with same-step autoreset.

    Args:
        num_envs: Number N.
        library: numpy or torch, whose functions are the physics.
    """

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.SAME_STEP}
    single_observation_space = gym.spaces.Box(-8.0, 8.0, (3,), np.float32)
    single_action_space = gym.spaces.Box(-2.0, 2.0, (1,), np.float32)
    limit = 200

    def __init__(self, num_envs: int, library: Any = np) -> None:
        self.num_envs = num_envs
        self.observation_space = gym.spaces.Box(-8.0, 8.0, (num_envs, 3), np.float32)
        self.action_space = gym.spaces.Box(-2.0, 2.0, (num_envs, 1), np.float32)
        self._lib = library
        as_ours = torch.as_tensor if library is torch else np.asarray
        rng = np.random.default_rng(0)
        self._starts = as_ours(rng.uniform(-1, 1, (2, num_envs)).astype(np.float32))
        self._age = as_ours(np.arange(num_envs) % self.limit)  # so that they do not end at once
        self._never = as_ours(np.zeros(num_envs, bool))

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Put all pendulums where they begin."""
        self._angle, self._speed = (copied(start) for start in self._starts)
        return self._obs(), {}

    def step(self, actions: Any) -> Any:
        """Move all pendulums by one step; those at the limit begin again."""
        lib = self._lib
        torque = lib.clip(actions[:, 0], -2.0, 2.0)
        off = (self._angle + np.pi) % (2 * np.pi) - np.pi
        rewards = -(off**2 + 0.1 * self._speed**2 + 0.001 * torque**2)
        speed = self._speed + (15.0 * lib.sin(self._angle) + 3.0 * torque) * 0.05
        self._speed = lib.clip(speed, -8.0, 8.0)
        self._angle = self._angle + self._speed * 0.05
        self._age = self._age + 1
        truncated = self._age >= self.limit
        if truncated.any():
            angle, speed = self._starts
            self._angle = lib.where(truncated, angle, self._angle)
            self._speed = lib.where(truncated, speed, self._speed)
            self._age = lib.where(truncated, 0, self._age)
        return self._obs(), rewards, self._never, truncated, {}

    def _obs(self) -> Any:
        lib = self._lib
        return lib.stack((lib.cos(self._angle), lib.sin(self._angle), self._speed), 1)


KINDS: dict[str, Callable[[int], VectorEnv]] = {
    "sync": lambda n: SyncVectorEnv([lambda: gym.make("Pendulum-v1")] * n),
    "arrays": Pendulums,
    "tensors": lambda n: Pendulums(n, torch),
}


def rows(
    sizes: Sequence[int] = SIZES, kinds: Sequence[str] = tuple(KINDS), turns: int = 11
) -> list[dict[str, Any]]:
    """Measure every size of every kind.

    Args:
        sizes: Numbers of environments.
        kinds: Names in `KINDS`.
        turns: How often each arm is measured, for 30 ms; the first turn is not counted.

    Returns:
        A row for each kind and size: `kind`, `num_envs`, and for each of `ARMS` the `median`, `low`
        and `high` quartile of its microseconds of CPU time per environment step.
    """
    torch.set_num_threads(1)
    return [
        {"kind": kind, "num_envs": num_envs, **_row(KINDS[kind], num_envs, turns)}
        for kind in kinds
        for num_envs in sizes
    ]


def _row(make: Callable[[int], VectorEnv], num_envs: int, turns: int) -> dict[str, Any]:
    stacks = {arm: _stack(make(num_envs), arm) for arm in ARMS}
    actions: Any = np.zeros((num_envs, 1), np.float32)
    for envs in stacks.values():
        if isinstance(envs.reset(seed=0)[0], torch.Tensor):
            actions = torch.zeros(num_envs, 1)
    times: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for turn in range(turns + 1):
        for arm in ARMS[:: 1 if turn % 2 else -1]:
            times[arm].append(_microseconds(stacks[arm], actions))
    for envs in stacks.values():
        envs.close()
    found = {}
    for arm, values in times.items():
        low, median, high = np.percentile(values[1:], [25, 50, 75]).round(3).tolist()
        found[arm] = {"median": median, "low": low, "high": high}
    return found


def _stack(envs: Any, arm: str) -> Any:
    if arm == "bare":
        return envs
    spaces = envs.single_observation_space, envs.single_action_space
    envs = gym_rated.vector.RatingFeedbackWrapper(envs, gym_rated.SyntheticRater())
    if arm == "feedback":
        return envs
    model = gym_rated.RewardEnsemble.for_spaces(*spaces)
    model.set_scale(1.0)  # before that it would pay nothing, and cost nothing
    return gym_rated.vector.LearnedRewardWrapper(envs, model.predict)


def _microseconds(envs: Any, actions: Any) -> float:
    """Return the CPU time of a step of one environment, over at least `_CHUNK_S` seconds."""
    start, steps = time.process_time(), 0
    while (spent := time.process_time() - start) < _CHUNK_S or not steps:
        envs.step(actions)
        steps += 1
    return spent / steps / envs.num_envs * 1e6


if __name__ == "__main__":
    for row in tyro.cli(rows):
        print(json.dumps(row))
