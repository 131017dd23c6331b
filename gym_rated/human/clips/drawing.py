"""How an environment draws small, cheap frames.

In software OpenGL the picture costs far more than the physics: HalfCheetah at 240 pixels takes 48
ms of CPU a frame as it comes, 8 ms without shadows, and 2.5 ms without anti-aliasing as well.
Shadows, and the buffers for them, are decided before the first frame.
"""

import sys
from typing import Any, Literal, NamedTuple, get_args

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from gym_rated.environments.camera import follow_agent
from gym_rated.environments.rendering import CannotRender
from gym_rated.imports import named_extras

Quality = Literal["fast", "nice"]
DEFAULT_FPS = 30.0
"""For environments whose metadata names none."""
QUALITIES: tuple[Quality, ...] = get_args(Quality)


class Size(NamedTuple):
    """Width and height in pixels, both even."""

    width: int
    height: int


def fitted(width: int, height: int, longest: int) -> Size:
    """Return the even size of the same shape whose longer side is `longest` pixels."""
    scale = longest / max(width, height)
    return Size(*(max(2, 2 * round(scale * side / 2)) for side in (width, height)))


def fps_of(env: gym.Env[Any, Any]) -> float:
    """Return how many steps of an environment are a second of its own time."""
    return float(env.metadata.get("render_fps") or DEFAULT_FPS)


def draw(env: gym.Env[Any, Any], env_id: str, longest: int) -> NDArray[np.uint8]:
    """Return a picture of the present state, shape (height, width, 3), at the size of clips.

    Raises:
        CannotRender: If there is none.
    """
    try:
        frame: Any = env.render()
    except Exception as error:
        raise _cannot_draw(env_id, error) from error
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3:
        raise CannotRender(
            f"gym_rated cannot render {env_id}: with render_mode='rgb_array' its `render` must "
            f"return uint8 of shape (H, W, 3), got {type(frame).__name__}"
        )
    return scaled(frame[..., :3], longest)


def draw_small(env: gym.Env[Any, Any], env_id: str, longest: int, quality: Quality) -> None:
    """Set an environment that MuJoCo draws to the size and quality of clips; others stay.

    Args:
        env: Made with `render_mode="rgb_array"`, and not rendered yet.
        env_id: Its name in errors.
        longest: Longer side of a frame in pixels.
        quality: "fast", or "nice" with smooth edges; neither has shadows.

    Raises:
        CannotRender: If there is no OpenGL to draw with.
    """
    try:
        _set_up(env, longest, quality)
    except Exception as error:
        raise _cannot_draw(env_id, error) from error


def _set_up(env: gym.Env[Any, Any], longest: int, quality: Quality) -> None:
    inner: Any = env.unwrapped
    follow_agent(env)
    if hasattr(inner, "mujoco_renderer"):  # Gymnasium's, and those that derive from them
        _set_up_gymnasium(inner, longest, quality)
    elif hasattr(inner, "frame_options"):  # gym_rated.environments.dm_suite
        options = inner.frame_options
        size = fitted(options["width"], options["height"], longest)
        _set_buffers(inner.physics.model.vis, size, quality)
        flags = {"shadow": False} | ({"reflection": False} if quality == "fast" else {})
        options.update(size._asdict(), render_flag_overrides=flags)


def _set_up_gymnasium(inner: Any, longest: int, quality: Quality) -> None:
    import mujoco

    renderer = inner.mujoco_renderer
    size = fitted(renderer.width, renderer.height, longest)
    renderer.width, renderer.height = size
    _set_buffers(inner.model.vis, size, quality)
    flags = renderer._get_viewer("rgb_array").scn.flags  # made here, with the buffers just set
    flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
    if quality == "fast":
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0


def _set_buffers(vis: Any, size: Size, quality: Quality) -> None:
    vis.quality.shadowsize = 0
    if quality == "fast":
        vis.quality.offsamples = 0
    limits = vis.global_
    limits.offwidth, limits.offheight = (
        max(limits.offwidth, size[0]),
        max(limits.offheight, size[1]),
    )


def scaled(frame: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a frame at the size of clips, shape (height, width, 3)."""
    height, width = frame.shape[:2]
    size = fitted(width, height, longest)
    if size == (width, height):
        return frame
    with named_extras():
        from PIL import Image
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))


def _cannot_draw(env_id: str, error: Exception) -> CannotRender:
    reason = f"{type(error).__name__}: {error}"
    if "mujoco" in sys.modules:
        reason += (
            "; MUJOCO_GL is read when mujoco is imported, and another process could draw with the "
            "value that is set now: set it before that import, or render in a process of its own "
            "(python -m gym_rated.human.clips.worker); gym-rated doctor says what is missing"
        )
    return CannotRender(f"gym_rated cannot render {env_id}: {reason}")
