"""A segment as bytes for the store, and back: compressed arrays and JSON, no pickle.

True rewards are left out: nobody who reads the store may see them.
"""

import json
from dataclasses import asdict

import numpy as np

from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays
from gym_rated.checkpoint.documents import parse_json
from gym_rated.segments import Origin, Segment
from gym_rated.segments.segment import check_segment

FORMAT = "gym_rated segment 1"


def pack_segment(segment: Segment) -> bytes:
    """Return a segment as bytes; HalfCheetah's 50 steps take about 5 kB, plus the raw actions.

    Raises:
        ValueError: If an array holds objects, which only pickle could write.
    """
    meta = {
        "format": FORMAT,
        "id": segment.id,
        "round": segment.round,
        "origin": asdict(segment.origin),
    }
    arrays = {"obs": segment.obs, "actions": segment.actions}
    if segment.raw_actions is not None:
        arrays["raw_actions"] = segment.raw_actions
    if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
        raise ValueError(f"`{objects[0]}` of segment {segment.id!r} must be numbers, got objects")
    return pack_arrays({"meta": np.array(json.dumps(meta)), **arrays})


def unpack_segment(blob: bytes, segment_id: str | None = None) -> Segment:
    """Return the segment that `pack_segment` packed; its true rewards are NaN.

    Args:
        blob: The bytes.
        segment_id: The id under which they are kept, if they are.

    Raises:
        ValueError: If the bytes are damaged, of another format or segment, or hold what no episode
            can have.
    """
    try:
        arrays = unpack_arrays(blob, ("meta", "obs", "actions"), optional=("raw_actions",))
        meta = parse_json(str(arrays["meta"]))
        if meta["format"] != FORMAT:
            raise ValueError(f"its format is {meta['format']!r}")
        segment = Segment(
            id=meta["id"],
            obs=arrays["obs"],
            actions=arrays["actions"],
            true_rewards=np.full(len(arrays["actions"]), np.nan),
            round=meta["round"],
            origin=Origin(**meta["origin"]),
            raw_actions=arrays.get("raw_actions"),
        )
        check_segment(segment)
        _check_raw_actions(segment)
        if segment_id not in (None, segment.id):
            raise ValueError(f"it is segment {segment.id!r}, kept as {segment_id!r}")
        return segment
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"`blob` must be a segment of format {FORMAT!r}, got {len(blob)} bytes ({error}); "
            "restore the database from a copy, or read it with the version that wrote it"
        ) from error


def _check_raw_actions(segment: Segment) -> None:
    raw, steps = segment.raw_actions, segment.origin.first_step + len(segment)
    if raw is not None and (raw.dtype.kind not in "buif" or len(raw) != steps):
        raise ValueError(f"its raw actions are {raw.shape} of {raw.dtype}, not of {steps} steps")
