"""The tasks of dm_control's suite as Gymnasium environments, through shimmy.

shimmy's own ids hold a `partial` and cannot be written down, their observations are dictionaries of
float64, and unseeded resets cannot be found again. What is here is a plain environment with vectors
in and out, whose `spec` is JSON and whose episodes follow from the seed of their reset.
"""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.imports import named_extras

_UNLIMITED = 1e10  # MuJoCo's largest number: the bound of a control without one
_Vector = NDArray[np.float32]


class SuiteEnv(gym.Env[_Vector, _Vector]):
    """One task of `dm_control.suite` (Tassa et al. 2018), such as cartpole-swingup.

    Observations are the task's, flattened in its own order to float32; actions are clipped to their
    Box. Rewards are in [0, 1], but for `lqr`, and info holds nothing. The suite's time limit of
    1,000 steps is a truncation; only `lqr`, which has none, terminates.

    Args:
        domain: Domain of the suite, such as "cartpole".
        task: Task of that domain, such as "swingup".
        action_repeat: Suite steps of one step here, at least 1; their rewards are summed, and an
            episode has that many times fewer steps. 1 is what the suite defines; published results
            often use 2 or more.
        render_mode: "rgb_array" or None.
        width: Width of a frame in pixels.
        height: Height of a frame in pixels.
        camera_id: Camera of the model that films; 0 is the suite's own.

    Frames are drawn by what `MUJOCO_GL` says when dm_control is imported, or else by the first of
    glfw (with a display), EGL and OSMesa that there is;
    `gym_rated.environments.rendering.ensure_rendering` tries them beforehand.

    Raises:
        ImportError: If dm_control or shimmy is missing.
        ValueError: If the suite has no such task, or a value is out of range.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(
        self,
        domain: str,
        task: str,
        *,
        action_repeat: int = 1,
        render_mode: str | None = None,
        width: int = 320,
        height: int = 240,
        camera_id: int = 0,
    ) -> None:
        self.action_repeat = whole_number("action_repeat", action_repeat)
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"`render_mode` must be 'rgb_array' or None, got {render_mode!r}")
        self.render_mode = render_mode
        self.frame_options: dict[str, Any] = {
            "width": width,
            "height": height,
            "camera_id": camera_id,
        }
        self._env = _load(domain, task)
        limits = self._env.action_space
        bounded = np.abs([limits.low, limits.high]) < _UNLIMITED
        low, high = np.where(bounded, [limits.low, limits.high], [[-np.inf], [np.inf]])
        self._low, self._high = low.astype(np.float32), high.astype(np.float32)
        self.action_space = spaces.Box(self._low, self._high)
        shape = self._env.observation_space["observations"].shape
        self.observation_space = spaces.Box(-np.inf, np.inf, shape, np.float32)
        fps = round(1 / (self._env.dt * self.action_repeat))
        self.metadata = {**self.metadata, "render_fps": fps}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Vector, dict[str, Any]]:
        """Begin an episode; a seed decides it and those that follow."""
        super().reset(seed=seed)
        obs, _ = self._env.reset(seed=int(self.np_random.integers(2**31)))
        return _vector(obs), {}

    def step(self, action: _Vector) -> tuple[_Vector, float, bool, bool, dict[str, Any]]:
        """Hold an action for `action_repeat` steps, or to the end of the episode."""
        clipped = np.clip(action, self._low, self._high).astype(np.float64)
        total, terminated, truncated = 0.0, False, False
        for _ in range(self.action_repeat):
            obs, reward, terminated, truncated, _ = self._env.step(clipped)
            total += float(reward)
            if terminated or truncated:
                break
        return _vector(obs), total, terminated, truncated, {}

    def render(self) -> NDArray[np.uint8] | None:
        """Return a frame, shape (height, width, 3); None without a `render_mode`."""
        if self.render_mode is None:
            return None
        frame: NDArray[np.uint8] = self.physics.render(**self.frame_options)
        return frame

    @property
    def physics(self) -> Any:
        """dm_control's simulation; its `render` gets `frame_options`, which may be changed."""
        return self._env.unwrapped._env.physics

    def close(self) -> None:
        """Free the simulation."""
        self._env.close()


def _load(domain: str, task: str) -> Any:
    """Return the task in shimmy's wrapper, whose every random choice follows from its resets."""
    with named_extras(), warnings.catch_warnings():
        # without a display dm_control would still choose glfw, which only warns: as an error, this
        # makes it go on to the next renderer
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", r".*DISPLAY environment variable is missing")
        from dm_control import suite
        from shimmy.dm_control_compatibility import DmControlCompatibilityV0
    if (domain, task) not in suite.ALL_TASKS:
        raise ValueError(
            f"`task` must be one of dm_control's suite, got {domain}-{task}; "
            f"{domain} has {sorted(t for d, t in suite.ALL_TASKS if d == domain)}"
        )
    env = suite.load(
        domain,
        task,
        task_kwargs={"random": 0},  # lqr draws its springs from it, once
        environment_kwargs={"flat_observation": True},
    )
    return DmControlCompatibilityV0(env)


def _vector(obs: dict[str, Any]) -> _Vector:
    return np.asarray(obs["observations"], np.float32)
