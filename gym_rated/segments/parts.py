"""Values of one space as float32 rows: numbers, one-hot, zeros and ones, and structures of these.

What is not of the space is refused here, in words that name the part: Gymnasium's `flatten` would
take a negative whole number for one counted from the end.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from gym_rated.segments.tensors import host_array

LEAVES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
"""Spaces without parts, of which each value is an array of numbers."""

_ARRAY = np.ndarray
_FLOAT32 = np.dtype(np.float32)
_NUMBERS = np.typecodes["AllInteger"] + np.typecodes["Float"] + "?"


def float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return an array as float32: itself, where it is; at every step, so without numpy's asking."""
    return array if array.dtype is _FLOAT32 else array.astype(_FLOAT32)


class Numbers:
    """Turn arrays of a space's shape into one float32 row for each environment."""

    def __init__(self, name: str, space: Space[Any], num_envs: int | None) -> None:
        self.name = name
        self.space = space
        shape = space.shape or ()
        self._wanted = shape if num_envs is None else (num_envs, *shape)
        self._rows = (1 if num_envs is None else num_envs, int(np.prod(shape)))
        if self._rows[1] == 0:
            which = "observation" if name.startswith("obs") else "action"
            raise TypeError(f"`env.{which}_space` must hold at least one number, got {space}")

    def __call__(self, values: Any) -> NDArray[np.float32]:
        """Return `values` as float32 in shape (N, numbers of one)."""
        return float32(self.rows(values))

    def rows(self, values: Any) -> NDArray[Any]:
        """Return `values` in shape (N, numbers of one), in their own type."""
        array = values if type(values) is _ARRAY else self._array(values)
        if array.shape != self._wanted or array.dtype.char not in _NUMBERS:
            self._refuse(array)
        return array.reshape(self._rows)

    def _refuse(self, array: NDArray[Any]) -> None:
        if array.dtype.char not in _NUMBERS:
            raise ValueError(f"`{self.name}` must be numbers, got {array!r} for {self.space}")
        raise ValueError(
            f"`{self.name}` must have shape {self._wanted} for {self.space}, got {array.shape}"
        )

    def _array(self, values: Any) -> NDArray[Any]:
        try:
            return host_array(values)
        except (TypeError, ValueError, RuntimeError) as error:  # such as ragged lists
            raise ValueError(
                f"`{self.name}` must be an array of shape {self._wanted}, got {values!r}: {error}"
            ) from error


class _OneHot(Numbers):
    """Encode whole numbers of a Discrete or MultiDiscrete space as one-hot vectors."""

    def __init__(self, name: str, space: Space[Any], num_envs: int | None) -> None:
        super().__init__(name, space, num_envs)
        counts = space.nvec if isinstance(space, spaces.MultiDiscrete) else [space.n]  # type: ignore[attr-defined]  # Discrete
        self._counts = np.ravel(counts).astype(np.uint64)
        self._starts = np.ravel(space.start).astype(np.int64)  # type: ignore[attr-defined]  # both have it
        self.dim = int(self._counts.sum())
        self._offsets = np.cumsum([0, *self._counts[:-1]], dtype=np.int64)

    def __call__(self, values: Any) -> NDArray[np.float32]:
        """Encode values, K of each environment; returns shape (N, dim)."""
        rows = self.rows(values)
        if rows.dtype.kind not in "iub":  # True is 1, as environments take it
            raise ValueError(f"`{self.name}` must be whole numbers, got {rows.tolist()}")
        indices = rows.astype(np.int64) - self._starts
        wrapped = indices.astype(np.uint64)  # negative ones become huge
        if np.count_nonzero(wrapped >= self._counts):
            raise ValueError(f"`{self.name}` must lie in {self.space}, got {rows.tolist()}")
        vectors = np.zeros((len(rows), self.dim), np.float32)
        vectors[np.arange(len(rows))[:, None], indices + self._offsets] = 1.0
        return vectors


class _Binary(Numbers):
    """Encode zeros and ones of a MultiBinary space."""

    def __call__(self, values: Any) -> NDArray[np.float32]:
        """Return the values in shape (N, numbers of one)."""
        rows = super().__call__(values)
        if np.count_nonzero((rows != 0) & (rows != 1)):
            raise ValueError(f"`{self.name}` must be zeros and ones, got {rows.tolist()}")
        return rows


class StructureEncoder:
    """Encode a structure of Dict and Tuple, part by part, in the order of Gymnasium's `flatten`."""

    def __init__(
        self, name: str, space: spaces.Dict | spaces.Tuple[Any], num_envs: int | None
    ) -> None:
        self._name = name
        self._is_dict = isinstance(space, spaces.Dict)
        parts: Any = space.spaces.items() if self._is_dict else enumerate(space.spaces)  # type: ignore[union-attr]  # a dict's
        self._parts = {key: part_encoder(f"{name}[{key!r}]", x, num_envs) for key, x in parts}

    def __call__(self, obs: Any) -> NDArray[np.float32]:
        """Encode one structure, or N batched in each part; returns shape (N, D)."""
        if not isinstance(obs, Mapping if self._is_dict else tuple | list):
            kind = "dict" if self._is_dict else "tuple"
            raise ValueError(f"`{self._name}` must be a {kind}, got {obs!r}")
        there = list(obs) if self._is_dict else range(len(obs))
        missing = [key for key in self._parts if key not in there]
        if missing:
            raise ValueError(f"`{self._name}` must have {missing}, got only {list(there)}")
        return np.concatenate([part(obs[key]) for key, part in self._parts.items()], axis=1)


def part_encoder(
    name: str, space: Space[Any], num_envs: int | None
) -> Callable[[Any], NDArray[np.float32]]:
    """Return what encodes the values of a space whose leaves are all of `LEAVES`."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        return StructureEncoder(name, space, num_envs)
    return leaf_encoder(name, space, num_envs)


def leaf_encoder(name: str, space: Space[Any], num_envs: int | None) -> Numbers:
    """Return what encodes the values of a space that has no parts."""
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return _OneHot(name, space, num_envs)
    kind = _Binary if isinstance(space, spaces.MultiBinary) else Numbers
    return kind(name, space, num_envs)


def leaves(space: Space[Any]) -> list[Space[Any]]:
    """Return the spaces without parts of which Dict and Tuple are made."""
    if not isinstance(space, spaces.Dict | spaces.Tuple):
        return [space]
    return [leaf for part in parts_of(space) for leaf in leaves(part)]


def parts_of(space: Space[Any]) -> tuple[Space[Any], ...]:
    """Return the spaces that a structure is made of; none of any other space."""
    if isinstance(space, spaces.Dict):
        return tuple(space.spaces.values())
    return tuple(space.spaces) if isinstance(space, spaces.Tuple | spaces.OneOf) else ()
