"""Keep numbers that are not finite out of what is saved, and of what is loaded.

Saved, they would replace the last good state. Not every state may be refused for them: a score of
NaN means none, and an environment without a reward may return NaN. So those say it who know that
their numbers are all finite: networks, optimisers, statistics of normalisers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gym_rated.checkpoint.skeleton import is_tensor


def refuse_non_finite(state: Any, name: str, remedy: str = "has it diverged?") -> None:
    """Raise FloatingPointError if a number in `state` is NaN or infinite, and say where.

    Args:
        state: Nested mappings and sequences of arrays, tensors and plain values.
        name: What it is, such as `policy`; the error names the place within it.
        remedy: What to do about it, or to ask oneself.
    """
    for path, numbers in _arrays(state, name):
        is_finite = np.isfinite(numbers)
        if not is_finite.all():
            where = [int(i) for i in np.argwhere(~is_finite)[0]]
            raise FloatingPointError(
                f"`{path}` must be finite, got {numbers[tuple(where)]}"
                f"{f' at index {where}' if where else ''}; what was saved before "
                f"stays as it was: {remedy}"
            )


def check_tensors(state: Any, name: str = "state") -> None:
    """Refuse a state with a tensor that is not finite: weights and moments never recover from it.

    Numbers outside tensors may be NaN, where there is nothing yet to say.

    Raises:
        ValueError: If there is one, with its path.
    """
    for path, leaf in _leaves(state, name):
        if is_tensor(leaf) and not leaf.isfinite().all():
            raise ValueError(f"`{path}` must be finite, got NaN or infinity")


def _arrays(state: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield all floats of a state as arrays, each with its path."""
    for path, leaf in _leaves(state, name):
        if is_tensor(leaf):
            if leaf.is_floating_point():
                dense = leaf.detach().cpu()
                yield path, (dense.float() if dense.element_size() == 2 else dense).numpy()
        elif isinstance(leaf, float | np.ndarray | np.generic):
            array = np.asarray(leaf)
            if array.dtype.kind == "f":
                yield path, array


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what a state holds at the ends of its mappings and sequences, each with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}.{i}")
    else:
        yield path, value
