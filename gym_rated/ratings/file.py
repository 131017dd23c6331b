"""The file of a rated dataset: one `.npz` without pickle, with a digest of its content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint import replace_file
from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays
from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.files import read_file

FORMAT = "gym_rated ratings 2"
_READABLE = (FORMAT, "gym_rated ratings 1")  # 1 knew no scores


def write_ratings(path: Path, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write JSON-like `meta` and the arrays `obs` and `actions`, atomically."""
    text = json.dumps(meta)
    more = {"meta": np.array(text), "sha256": np.array(_digest(text, arrays))}
    replace_file(path, pack_arrays({**arrays, **more}))


def read_ratings(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what `write_ratings` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is corrupt, or of another format.
    """
    try:
        arrays = unpack_arrays(read_file(path), ("obs", "actions", "meta", "sha256"))
        text, sha256 = str(arrays.pop("meta")), str(arrays.pop("sha256"))
        intact = sha256 == _digest(text, arrays)
        meta: dict[str, Any] = parse_json(text) if intact else {}
        if not isinstance(meta, dict):
            raise ValueError("its description is no mapping")
    except ValueError as error:
        raise ValueError(
            f"`path` must be a dataset written by RatingDataset.save, got {path} ({error}); "
            "restore it from a copy"
        ) from error
    if not intact or meta.get("format") not in _READABLE:
        found = meta.get("format", "other content than its checksum says")
        raise ValueError(
            f"`path` must be a dataset of format {FORMAT!r}, got {found!r} in {path}; "
            "restore it from a copy, or read it with the version that wrote it"
        )
    return meta, arrays


def _digest(meta: str, arrays: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(meta.encode())
    for name in ("obs", "actions"):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
