"""A small disk of our own, which can be filled and made read-only."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 80_000_000  # the store keeps 50 MB free


@contextmanager
def small_disk() -> Iterator[Path]:
    """Yield the folder of a disk in memory; skip the test where none may be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="gym_rated_disk"))
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(words, capture_output=True).returncode != 0:
        folder.rmdir()
        pytest.skip("a disk can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(folder: Path) -> None:
    """Leave no room on the disk of a folder."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue


def free(folder: Path) -> None:
    """Make the room again that `fill` took."""
    (folder / "filler").unlink(missing_ok=True)


def freed_after(folder: Path, wait_s: float) -> Callable[[], None]:
    """Return what makes room once the disk has been full for so long, to be called in a loop."""
    full_since = [float("inf")]

    def look() -> None:
        if not (folder / "filler").exists():
            return
        full_since[0] = min(full_since[0], time.monotonic())
        if time.monotonic() - full_since[0] > wait_s:
            free(folder)

    return look


def set_writable(folder: Path, writable: bool) -> None:
    """Make a disk read-only, or writable again."""
    how = "remount,rw" if writable else "remount,ro"
    subprocess.run(["mount", "-o", how, folder], check=True, capture_output=True)
