"""Encode tensors where they are, into the numbers that the encoders of arrays make of them.

So what is predicted on a GPU is what is recorded on the host, and nothing goes to and fro. What is
not of its space is left to the encoder of arrays, which says so.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from gym_rated.segments.encoding import ActionEncoder, ObservationEncoder
from gym_rated.segments.parts import LEAVES, leaves
from gym_rated.segments.tensors import as_tensor, on_host

_ONE_HOT = (spaces.Discrete, spaces.MultiDiscrete)


class TensorEncoder:
    """Encode the tensors of N environments, on their device.

    Args:
        encode: The encoder of arrays whose numbers are wanted.
        space: Its space.
        num_envs: Number N of environments.
        checks: Whether to look if all numbers are what the space says; for nothing, where a
            feedback wrapper below has done it. It waits for the device.
    """

    def __init__(
        self,
        encode: ObservationEncoder | ActionEncoder,
        space: Space[Any],
        num_envs: int,
        *,
        checks: bool,
    ) -> None:
        self._encode: Callable[[Any], Any] = encode
        self._space = space
        self._num_envs = num_envs
        self._checks = checks
        self._is_pixels = getattr(encode, "dtype", None) == np.uint8
        self._clips = isinstance(encode, ActionEncoder) and isinstance(space, spaces.Box)
        self._device: Any = None
        self._constants: dict[int, tuple[Any, Any]] = {}  # id of a space -> what its leaf needs

    def __call__(self, values: Any, device: Any) -> Any:
        """Return the vectors of `values` as a tensor on `device`, shape (N, D).

        Raises:
            ValueError: If they are not of the space.
        """
        if device != self._device:
            self._device, self._constants = device, {}
        try:
            rows = self._rows(self._space, values)
            if self._checks and not self._are_fine(self._space, rows):
                raise ValueError
        except (KeyError, TypeError, ValueError, RuntimeError):
            return as_tensor(self._encode(on_host(values)), device)  # which mostly raises
        return rows

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has: its spaces are others, and so are their ids."""
        return vars(self) | {"_device": None, "_constants": {}}

    def _rows(self, space: Space[Any], values: Any) -> Any:
        """Return the vectors of a space, or of a part of it."""
        torch = sys.modules["torch"]
        if isinstance(space, spaces.Dict):
            parts = [self._rows(part, values[key]) for key, part in space.spaces.items()]
            return torch.cat(parts, 1)
        if isinstance(space, spaces.Tuple):
            pairs = zip(space.spaces, values, strict=True)
            return torch.cat([self._rows(part, value) for part, value in pairs], 1)
        tensor = as_tensor(values, self._device)
        if tensor.shape != (self._num_envs, *(space.shape or ())) or tensor.is_complex():
            raise ValueError
        flat = tensor.reshape(self._num_envs, -1)
        if isinstance(space, _ONE_HOT):
            if tensor.is_floating_point():
                raise ValueError
            which, numbers = self._constants_of(space, _columns)
            return (flat[:, which] == numbers).float()
        if self._is_pixels:
            if tensor.dtype != torch.uint8:
                raise ValueError
            return flat
        if self._clips:
            low, high = self._constants_of(space, _bounds)
            if self._checks and not bool(flat.isfinite().all()):
                raise ValueError  # before it is clipped
            flat = flat.clamp(low, high)
        return flat.float()

    def _constants_of(self, space: Any, make: Callable[[Any], tuple[Any, Any]]) -> tuple[Any, Any]:
        found = self._constants.get(id(space))
        if found is None:
            one, other = make(space)
            found = as_tensor(one, self._device), as_tensor(other, self._device)
            self._constants[id(space)] = found
        return found

    def _are_fine(self, space: Space[Any], rows: Any) -> bool:
        """Say whether encoded numbers can be of values of the space."""
        fine = rows.isfinite().all()
        at = 0
        for leaf in leaves(space):
            end = at + int(spaces.flatdim(leaf))
            part = rows[:, at:end]
            if isinstance(leaf, _ONE_HOT):  # one for each number, unless it is out of range
                fine = fine & (part.sum(1) == np.size(getattr(leaf, "nvec", 1))).all()
            elif isinstance(leaf, spaces.MultiBinary):
                fine = fine & ((part == 0) | (part == 1)).all()
            at = end
        return bool(fine)


def on_device(
    encode: ObservationEncoder | ActionEncoder, space: Space[Any], num_envs: int, *, checks: bool
) -> TensorEncoder | None:
    """Return what encodes tensors as `encode` does arrays; None if only arrays can be encoded.

    That is so with `features`, a function of one observation, and where a space has other parts.
    """
    if getattr(encode, "features", None) is not None:
        return None
    if not all(isinstance(leaf, LEAVES) for leaf in leaves(space)):
        return None
    return TensorEncoder(encode, space, num_envs, checks=checks)


def _columns(space: Any) -> tuple[Any, Any]:
    """Return which number each column of one-hot vectors is of, and for what it stands."""
    counts = np.ravel(space.nvec if isinstance(space, spaces.MultiDiscrete) else space.n)
    starts = np.ravel(space.start)
    which = np.repeat(np.arange(len(counts)), counts)
    numbers = [start + np.arange(n) for start, n in zip(starts, counts, strict=True)]
    return which, np.concatenate(numbers)


def _bounds(space: Any) -> tuple[Any, Any]:
    return np.float32(space.low).ravel(), np.float32(space.high).ravel()
