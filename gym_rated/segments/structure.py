"""Encoded observations back in the structure of their space, and the names of their numbers.

`encoding` goes one way, from what an environment returns to vectors; this is the way back, for
whoever reads a segment: a rule that rates it, a person who looks at it.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.vector.utils import concatenate, create_empty_array
from numpy.typing import NDArray


def unflattened(space: Space[Any], vectors: NDArray[Any]) -> Any:
    """Return T encoded observations as what `space` holds, each part with a leading axis of T.

    Args:
        space: Space of one observation.
        vectors: Encoded observations, shape (T, D).

    Raises:
        ValueError: If they are not of the space: of another length, as where they went through
            `features`.
    """
    if not space.is_np_flattenable or vectors.shape[1:] != (spaces.flatdim(space),):
        raise ValueError(
            f"`space` must be what the observations were encoded from, {vectors.shape[1]} numbers "
            f"each, got {space}; observations that went through `features` have no structure"
        )
    items = [spaces.unflatten(space, vector) for vector in vectors]
    return concatenate(space, items, create_empty_array(space, len(items)))  # type: ignore[arg-type]  # gymnasium's own pair


def column_names(space: Space[Any], name: str = "obs") -> tuple[str, ...]:
    """Return what each number of an encoded observation is called, D of them.

    A part of a Dict or Tuple is called by its path, such as `arm/joints[0]`; a number of an array
    by its place, `obs[0]`; a choice of a Discrete by its value, `gear=2`.

    Args:
        space: Space of one observation.
        name: What an observation without parts is called.

    Raises:
        ValueError: If the space cannot be flattened into numbers.
    """
    if not space.is_np_flattenable:
        raise ValueError(f"`space` must be one that is flattened into numbers, got {space}")
    return tuple(_names(space, "", name))


def _names(space: Space[Any], path: str, name: str) -> Iterator[str]:
    if isinstance(space, spaces.Dict | spaces.Tuple):
        inner = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        for key, part in inner:
            yield from _names(part, f"{path}/{key}" if path else str(key), name)
        return
    name = path or name
    if isinstance(space, spaces.Discrete):
        yield from (f"{name}={value + int(space.start)}" for value in range(int(space.n)))
    elif isinstance(space, spaces.MultiDiscrete):
        counts, starts = np.ravel(space.nvec), np.ravel(space.start)
        for i, (count, start) in enumerate(zip(counts.tolist(), starts.tolist(), strict=True)):
            yield from (f"{name}[{i}]={value + start}" for value in range(count))
    elif isinstance(space, spaces.Box | spaces.MultiBinary):
        for place in product(*(range(length) for length in space.shape)):
            yield f"{name}[{','.join(map(str, place))}]" if place else name
    else:
        yield from (f"{name}[{i}]" for i in range(int(spaces.flatdim(space))))
