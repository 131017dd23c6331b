"""Find out whether an environment can be rendered here, before anything is trained or shown.

MuJoCo reads `MUJOCO_GL` once, at import, and its errors name the wrong cause: so each backend is
tried in a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import gymnasium as gym

from gym_rated.imports import named_extras

BACKENDS = ("egl", "osmesa")
"""Values of `MUJOCO_GL` that need no display, the one to prefer first."""

_WITHOUT_OPENGL = ("classic_control", "box2d", "toy_text", "tabular", "phys2d")  # of Gymnasium
_PROBE = """
import json, sys, gymnasium, gym_rated
env = gymnasium.make(sys.argv[1], **{**json.loads(sys.argv[2]), "render_mode": "rgb_array"})
env.reset(seed=0)
assert env.render().any(), "the frame is blank"
"""


class CannotRender(RuntimeError):
    """No frame of an environment can be drawn on this machine, or in this process."""


def ensure_rendering(env_id: str, timeout_s: float = 120.0) -> None:
    """Make videos of `env_id` possible, choosing `MUJOCO_GL` where it is not set.

    Call it before mujoco is imported. Environments without OpenGL pass at the first try.

    Args:
        env_id: Environment to render one frame of.
        timeout_s: Seconds after which a try counts as failed.

    Raises:
        ImportError: If moviepy or pygame is missing.
        CannotRender: If no frame can be rendered, with what to install.
    """
    with named_extras():
        import moviepy  # noqa: F401  # what RecordVideo writes files with
        import pygame  # noqa: F401  # what environments without MuJoCo draw with
    choose_backend(
        env_id, timeout_s=timeout_s, otherwise="Training without video needs no rendering."
    )


def prepare_capture(env_id: str) -> None:
    """Choose `MUJOCO_GL` where it is not set, for frames that are drawn while training goes on.

    `env_id` itself is not made to find out, as there may be only one of it: a robot. Whether it can
    be drawn is seen when it is.

    Args:
        env_id: Environment that will be drawn in this process.
    """
    if os.environ.get("MUJOCO_GL") or find_spec("mujoco") is None:
        return
    if ":" not in env_id and draws_without_opengl(env_id):  # else its module would be imported
        return
    with suppress(CannotRender):  # many environments need no OpenGL
        choose_backend("InvertedPendulum-v5")


def choose_backend(
    env_id: str,
    env_kwargs: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = 120.0,
    otherwise: str = "Ratings from a synthetic rater need no rendering.",
) -> None:
    """Set `MUJOCO_GL` to the first backend that draws a frame of `env_id`; a value set is kept.

    Args:
        env_id: Environment to render one frame of.
        env_kwargs: Further arguments of `gymnasium.make`, as JSON can hold them.
        timeout_s: Seconds after which a try counts as failed.
        otherwise: Last sentence of the error: what can be done without rendering.

    Raises:
        CannotRender: If no frame can be rendered, with what to install.
    """
    chosen = os.environ.get("MUJOCO_GL")
    reasons = []
    for backend in (chosen,) if chosen else BACKENDS:
        reason = try_to_render(env_id, backend, env_kwargs, timeout_s=timeout_s)
        if reason is None:
            os.environ["MUJOCO_GL"] = backend
            return
        reasons.append(f"{backend}: {reason}")
    raise CannotRender(
        f"gym_rated cannot render {env_id}: no offscreen OpenGL. Debian/Ubuntu: apt-get install "
        "libegl1 libgl1 libgl1-mesa-dri (MUJOCO_GL=egl) or libosmesa6 (MUJOCO_GL=osmesa). Tried: "
        f"{'; '.join(reasons)}. {otherwise}"
    )


def draws_without_opengl(env_id: str) -> bool:
    """Say whether `env_id` is one of those of Gymnasium that never use OpenGL.

    Raises:
        gymnasium.error.Error: If there is no such environment.
    """
    entry_point = gym.spec(env_id).entry_point
    known = tuple(f"gymnasium.envs.{name}" for name in _WITHOUT_OPENGL)
    return isinstance(entry_point, str) and entry_point.startswith(known)


def try_to_render(
    env_id: str,
    backend: str,
    env_kwargs: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = 120.0,
) -> str | None:
    """Return None if a frame was rendered in a new process, else the last line of its error."""
    environ = os.environ | {"MUJOCO_GL": backend}
    command = [sys.executable, "-c", _PROBE, env_id, json.dumps(dict(env_kwargs or {}))]
    try:
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no frame within {timeout_s:g} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"the process ended with code {done.returncode}"
