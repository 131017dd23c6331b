"""How much memory something takes, and whether the machine has it: said before it is taken."""

import warnings

from gym_rated.checks import memory_bytes

_GIB = 2**30
_MUCH = 4 * _GIB
_LARGE_SHARE = 0.25


def announce_memory(name: str, num_bytes: int, remedy: str) -> None:
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
