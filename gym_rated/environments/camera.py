"""Where the camera stands that films an environment."""

from typing import Any

import gymnasium as gym

_CAMERA_ARGUMENTS = {"camera_id", "camera_name", "default_camera_config"}


def follow_agent(env: gym.Env[Any, Any]) -> None:
    """Use the tracking camera of a MuJoCo model where the camera would stay behind.

    Without it HalfCheetah, Ant and Swimmer run out of the picture, within 5 s. A camera that was
    chosen where the environment was made stays, and so do environments of other kinds.

    Args:
        env: Made with a `render_mode`, and not rendered yet.
    """
    inner: Any = env.unwrapped
    chosen = env.spec is not None and _CAMERA_ARGUMENTS.intersection(env.spec.kwargs)
    if chosen or not hasattr(inner, "mujoco_renderer"):  # Gymnasium's, and what derives from them
        return
    import mujoco

    renderer = inner.mujoco_renderer
    track = mujoco.mj_name2id(inner.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")
    if track >= 0 and "trackbodyid" not in (renderer.default_cam_config or {}):
        renderer.camera_id = track
