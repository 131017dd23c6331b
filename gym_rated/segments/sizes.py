"""How much memory something takes, and whether the machine has it: said before it is taken."""

import os
import warnings
from pathlib import Path

_GIB = 2**30
_MUCH = 4 * _GIB
_LARGE_SHARE = 0.25


def check_memory(name: str, num_bytes: int, remedy: str) -> None:
    """Warn of what takes much memory, and refuse what cannot be.

    Args:
        name: Argument that the size comes from, for the message.
        num_bytes: What it takes.
        remedy: What to do instead.

    Raises:
        ValueError: If the machine has not as much.
    """
    there = memory_bytes()
    if num_bytes <= min(_MUCH, _LARGE_SHARE * there):
        return
    size = f"{num_bytes / _GIB:,.1f} GiB of memory"
    if num_bytes > there:
        raise ValueError(
            f"`{name}` must fit into the {there / _GIB:,.1f} GiB of this machine, got one that "
            f"takes {size} {remedy}"
        )
    warnings.warn(f"`{name}` takes {size} {remedy}", stacklevel=2)


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container that this process is in."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file():
        text = limit.read_text().strip()
        sizes += [int(text)] if text.isdecimal() else []
    return min(sizes)
