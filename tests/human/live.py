"""Environments that do not repeat themselves, and whose pictures say which step they are of."""

from typing import Any

import gymnasium as gym
import numpy as np
from envs import ScriptedEnv
from gymnasium.envs.classic_control import CartPoleEnv

BAND = 60  # rows of a picture that say the step


class LiveCartPole(CartPoleEnv):
    """CartPole in a wind that no seed knows, drawn by pygame, its steps counted in shades of grey.

    Attributes:
        seen: Bytes of the observation before a step -> the picture after it.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.seen: dict[bytes, np.ndarray] = {}
        self.num_steps = 0

    def step(self, action: Any) -> Any:
        before = np.array(self.state, np.float32).tobytes()
        _, *rest = super().step(action)
        self.state = tuple(np.array(self.state) + np.random.default_rng().normal(0, 1e-3, 4))
        self.num_steps += 1
        self.seen[before] = self.render()
        return np.array(self.state, np.float32), *rest

    def render(self) -> Any:
        frame = super().render().copy()
        frame[:BAND] = 25 * (self.num_steps % 10)
        return frame


class StampedEnv(ScriptedEnv):
    """A `ScriptedEnv` whose picture is its episode and step: the left and right half's grey / 4."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    render_mode = "rgb_array"

    num_drawn = 0

    def render(self) -> Any:
        self.num_drawn += 1
        frame = np.zeros((16, 32, 3), np.uint8)
        frame[:, :16] = 4 * (self.episode % 64)
        frame[:, 16:] = 4 * (self.step_number % 64)
        return frame


class LiveWalk(gym.Env):
    """Left or right in a wind that no seed knows; falls over at the border; cheap to draw."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = self.np_random.normal()
        return self._obs(), {}

    def step(self, action: Any) -> Any:
        self.place += 0.2 * action - 0.1 + np.random.default_rng().normal(0, 0.1)
        return self._obs(), -abs(self.place), abs(self.place) > 4, False, {}

    def render(self) -> Any:
        return np.full((16, 16, 3), int(25 * (self.place + 5)) % 256, np.uint8)

    def _obs(self) -> np.ndarray:
        return np.array([self.place], np.float32)


gym.register("tests/LiveWalk-v0", entry_point="live:LiveWalk", max_episode_steps=60)
