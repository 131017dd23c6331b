"""A segment as bytes for the store, and back: compressed arrays and JSON, no pickle.

True rewards are left out: nobody who reads the store may see them.
"""

import json
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np

from gym_rated.segments import Origin, Segment

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
    file = BytesIO()
    np.savez_compressed(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
    return file.getvalue()


def unpack_segment(blob: bytes) -> Segment:
    """Return the segment that `pack_segment` packed; its true rewards are NaN.

    Raises:
        ValueError: If the bytes are damaged, or of another format.
    """
    try:
        with np.load(BytesIO(blob), allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        if meta["format"] != FORMAT:
            raise ValueError(f"its format is {meta['format']!r}")
        return Segment(
            id=meta["id"],
            obs=arrays["obs"],
            actions=arrays["actions"],
            true_rewards=np.full(len(arrays["actions"]), np.nan),
            round=meta["round"],
            origin=Origin(**meta["origin"]),
            raw_actions=arrays.get("raw_actions"),
        )
    except Exception as error:  # a damaged archive raises a dozen types, zlib.error to MemoryError
        raise ValueError(
            f"`blob` must be a segment of format {FORMAT!r}, got {len(blob)} bytes ({error}); "
            "restore the database from a copy, or read it with the version that wrote it"
        ) from error
