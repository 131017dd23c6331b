"""One process at a time writes a run.

The lock is the system's own, on a file in the run's folder: it ends with the process, however that
ends, so that a killed run can be resumed at once.
"""

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gym_rated.checkpoint.files import (
    read_file,
    remove_leftovers,
    replace_file,
    said_in_our_words,
)
from gym_rated.runs.names import LOCK, OWNER


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; it is made if missing.

    Where nothing is put into a folder that was made here, it is gone afterwards, and so are those
    above it that were made for it.

    Args:
        folder: The run's folder.

    Raises:
        RuntimeError: If another process holds it.
        OSError: If it is no folder, or cannot be written to.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = lock_folder(folder)
    try:
        yield
    finally:
        if made:  # while nobody else can begin here
            _remove_if_empty(made)
        lock.release()


def lock_folder(folder: Path) -> FileLock:
    """Return the lock of a run's folder, held until its `release`; raises as `hold_folder`."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"`run_dir` must be a folder, got the file {folder}")
    with said_in_our_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with said_in_our_words(folder / LOCK):
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise RuntimeError(
                f"`run_dir` must not be in use, got {folder}, which {_owner(folder)} is writing; "
                "wait for its end, or end it, or name another folder"
            ) from None
    remove_leftovers(folder)  # nobody else is writing here
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    owner = {"pid": os.getpid(), "host": platform.node(), "since": since}
    replace_file(folder / OWNER, (json.dumps(owner) + "\n").encode())
    return lock


def _owner(folder: Path) -> str:
    """Return in words who holds a folder, as it wrote down itself."""
    try:
        owner = json.loads(read_file(folder / OWNER))
        return f"process {owner['pid']} on {owner['host']} (since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _remove_if_empty(made: Sequence[Path]) -> None:
    """Remove a folder, and those above it that were made for it, where nothing is in them."""
    folder = made[0]
    names = {path.name for path in folder.iterdir()}
    if names <= {LOCK, OWNER}:
        for name in names:
            (folder / name).unlink()
        with suppress(OSError):  # somebody else has put something beside it
            for path in made:
                path.rmdir()
