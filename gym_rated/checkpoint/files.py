"""Files that are on the disk when we say so: replaced atomically, and synced."""

import os
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` such that a kill leaves the old or the new content, never a mixture.

    Args:
        path: The file to write; its folder must exist.
        data: The whole content.
    """
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content or a folder's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
