"""How the pictures of steps come up from the environments: in the info, as bytes.

Whoever takes them (`gym_rated.human.CapturedEpisodes`) puts one of each step, or None, under
`FRAME`; a feedback wrapper with `record_frames=True` keeps them beside the steps. So a picture
cannot come to another step than its own, whatever resets, and also through AsyncVectorEnv. What the
bytes are, only those who take and show them know.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME = "gym_rated_frame"
"""Key of the info under which a step has its picture, or None."""


def frames_of(info: Mapping[str, Any], is_single: bool) -> list[bytes | None]:
    """Return the pictures of one step of N environments, N = 1 of a single one.

    The picture of an episode's last step is in `final_info` where the environment was reset in the
    same step.

    Raises:
        ValueError: If nobody takes pictures.
    """
    if FRAME not in info:
        raise ValueError(
            "`record_frames` needs gym_rated.human.CapturedEpisodes around each environment, in "
            "the place of SeededEpisodes; got a step whose info says nothing of a frame"
        )
    if is_single:
        return [info[FRAME]]
    frames = list(info[FRAME])
    final = info.get("final_info", {})
    for i in np.flatnonzero(final.get(f"_{FRAME}", ())).tolist():
        frames[i] = final[FRAME][i]
    return frames


def pack_frames(frames: NDArray[Any]) -> list[NDArray[Any]]:
    """Return pictures as two arrays: the bytes of all, and the length of each, -1 for none."""
    there = [frame for frame in frames.flat if frame is not None]
    sizes = [-1 if frame is None else len(frame) for frame in frames.flat]
    joined = np.frombuffer(b"".join(there), np.uint8)
    return [joined, np.array(sizes, np.int64).reshape(frames.shape)]


def unpack_frames(joined: NDArray[np.uint8], sizes: NDArray[np.int64]) -> NDArray[Any]:
    """Return the pictures that `pack_frames` was given."""
    frames = np.full(sizes.shape, None)
    ends = np.cumsum(sizes.clip(0))
    for i in np.flatnonzero(sizes >= 0).tolist():
        frames.flat[i] = joined[ends[i] - sizes.flat[i] : ends[i]].tobytes()
    return frames
