"""A segment as the job that a store takes, and such a job in a checkpoint."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.environments.seeded import episode_seed
from gym_rated.human.clips.capture import make_clip
from gym_rated.human.segment_blob import pack_segment, unpack_segment
from gym_rated.human.store import Clip, Job
from gym_rated.segments import Segment


def make_job(segment: Segment, seed: int, recipe: Mapping[str, Any]) -> Job:
    """Return what asks about a segment: with its clip, if it has frames.

    Args:
        segment: The segment.
        seed: Seed of `SeededEpisodes`.
        recipe: What replays of all segments of the run have in common: env_id, env_kwargs, fps.
    """
    origin = segment.origin
    own = {
        "episode_seed": episode_seed(seed, origin.env_index, origin.episode),
        "first_step": origin.first_step,
        "length": len(segment),
        "env_index": origin.env_index,
        "episode": origin.episode,
        "round": segment.round,
    }
    named, clip = replace(segment, id=_name_of(segment)), None
    if segment.frames is not None:
        clip = make_clip(segment.frames, recipe.get("fps"))
        own["captured"] = True
    return Job(named.id, pack_segment(named), {**recipe, **own}, origin.policy_step, clip)


def _name_of(segment: Segment) -> str:
    """Return an id that another segment of the same place has not.

    A run that is resumed from a checkpoint may do something else at the same step of the same
    episode, because ratings came at other times. A rating must not go from one to the other.
    """
    content = segment.obs.tobytes() + segment.actions.tobytes()
    return f"{segment.id}-{hashlib.sha256(content).hexdigest()[:8]}"


def job_as_list(job: Job) -> list[Any]:
    """Return a job as a checkpoint can hold it."""
    clip = None
    if job.clip is not None:
        clip = vars(job.clip) | {"data": np.frombuffer(job.clip.data, np.uint8)}
    blob = np.frombuffer(job.blob, np.uint8)
    return [job.segment_id, blob, dict(job.recipe), job.step, clip]


def job_from_list(
    segment_id: str,
    blob: NDArray[np.uint8],
    recipe: dict[str, Any],
    step: int,
    clip: dict[str, Any] | None,
) -> Job:
    """Return the job of which `job_as_list` made these values.

    Raises:
        TypeError: If one of them is of another type.
        ValueError: If the bytes are not those of the segment.
    """
    made = None if clip is None else Clip(**(clip | {"data": clip["data"].tobytes()}))
    unpack_segment(blob.tobytes(), segment_id)
    return Job(segment_id, blob.tobytes(), dict(recipe), step, made)
