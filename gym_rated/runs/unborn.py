"""A run that was killed before its first checkpoint: it begins anew, and nothing of it is lost."""

import shutil
from itertools import count
from pathlib import Path

from gym_rated.checkpoint.state import MANIFEST
from gym_rated.runs.names import (
    CHECKPOINT,
    CONFIG,
    METRICS,
    POLICY,
    RATINGS,
    RESULT,
    REWARD_MODEL,
    TRACKING,
)
from gym_rated.runs.reading import read_config

_MADE = (RESULT, POLICY, REWARD_MODEL, RATINGS, f"{CHECKPOINT}/{MANIFEST}")


def is_unborn(folder: Path, script: str) -> bool:
    """Return whether a folder holds the beginning of a run of `script`, and nothing that it made.

    A script writes its first checkpoint after the first few steps, so no more is lost by beginning
    anew. Who writes runs without checkpoints has another script.
    """
    if not (folder / CONFIG).is_file() or any((folder / name).exists() for name in _MADE):
        return False
    return bool(read_config(folder).get("script") == script)


def set_aside(folder: Path) -> str:
    """Move what such a run has logged into a folder of its own; returns a note about where."""
    aside = next(a for k in count(1) if not (a := folder / f"begun-{k}").exists())
    aside.mkdir()
    events = folder.glob("events.out.tfevents.*")
    for path in (folder / CONFIG, folder / METRICS, folder / TRACKING, *events):
        if path.exists():
            path.rename(aside / path.name)
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)  # a first one that was never complete
    return f"what it had logged is in {aside}"
