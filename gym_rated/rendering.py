"""Find out whether an environment can be rendered here, before anything is trained.

MuJoCo reads `MUJOCO_GL` once, at import, and its errors name the wrong cause: so each backend is
tried in a process of its own.
"""

import os
import subprocess
import sys

from gym_rated.extras import named_extras

_BACKENDS = ("egl", "osmesa")
_PROBE = """
import sys, gymnasium, gym_rated
env = gymnasium.make(sys.argv[1], render_mode="rgb_array")
env.reset(seed=0)
assert env.render().any(), "the frame is blank"
"""


def ensure_rendering(env_id: str, timeout_s: float = 120.0) -> None:
    """Make `render_mode="rgb_array"` work for `env_id`, choosing `MUJOCO_GL` where it is not set.

    Call it before mujoco is imported. Environments without OpenGL pass at the first try.

    Args:
        env_id: Environment to render one frame of.
        timeout_s: Seconds after which a try counts as failed.

    Raises:
        ImportError: If moviepy or pygame is missing.
        RuntimeError: If no frame can be rendered, with what to install.
    """
    chosen = os.environ.get("MUJOCO_GL")
    with named_extras():
        import moviepy  # noqa: F401  # what RecordVideo writes files with
        import pygame  # noqa: F401  # what environments without MuJoCo draw with
    reasons = []
    for backend in (chosen,) if chosen else _BACKENDS:
        reason = _try_to_render(env_id, backend, timeout_s)
        if reason is None:
            os.environ["MUJOCO_GL"] = backend
            return
        reasons.append(f"{backend}: {reason}")
    raise RuntimeError(
        f"gym_rated cannot render {env_id}: no offscreen OpenGL. Debian/Ubuntu: apt-get install "
        "libegl1 libgl1 libgl1-mesa-dri (MUJOCO_GL=egl) or libosmesa6 (MUJOCO_GL=osmesa). Tried: "
        f"{'; '.join(reasons)}. Training without video needs no rendering."
    )


def _try_to_render(env_id: str, backend: str, timeout_s: float) -> str | None:
    """Return None if a frame was rendered in a new process, else the last line of its error."""
    environ = os.environ | {"MUJOCO_GL": backend}
    command = [sys.executable, "-c", _PROBE, env_id]
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
