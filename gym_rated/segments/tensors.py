"""Tensors of torch, which some vector environments return: told apart, copied, brought to the host.

torch is not imported here: where there is a tensor, somebody else has done it.
"""

import sys
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_ARRAY = np.ndarray
_Function = TypeVar("_Function")


def takes_tensors(reward_fn: _Function) -> _Function:
    """Mark a reward function that takes tensors as well, where an environment returns them.

    It gets observations (N, D) and actions (N, A), encoded as for others, on the device of the
    observations, and returns rewards (N,), a tensor. Every row is predicted, also those of resets,
    whose rewards become 0 afterwards. `predict` of the reward models is marked so.

    Args:
        reward_fn: A function, a method, or an object that can be called.

    Example:
        >>> @takes_tensors
        ... def speed(obs, actions):
        ...     return obs[:, 0]
        >>> speed.takes_tensors
        True
    """
    reward_fn.takes_tensors = True  # type: ignore[attr-defined]  # made here
    return reward_fn


def is_tensor(value: Any) -> bool:
    """Say whether a value is a tensor of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def device_of(values: Any) -> Any:
    """Return the device of the first tensor in an array or a structure of them; None if none is."""
    if type(values) is _ARRAY:
        return None
    if is_tensor(values):
        return values.device
    parts: Any = ()
    if isinstance(values, Mapping):
        parts = values.values()
    elif type(values) in (tuple, list) and values and not np.isscalar(values[0]):
        parts = values
    return next((found for part in parts if (found := device_of(part)) is not None), None)


def on_host(values: Any) -> Any:
    """Return an array, or a structure of them, with numpy arrays in the place of tensors.

    Each tensor is copied once, and not at all if the host has it; what else there is stays.
    """
    if type(values) is _ARRAY:
        return values
    if is_tensor(values):
        tensor = values.detach().cpu()
        is_brain_float = tensor.dtype == sys.modules["torch"].bfloat16  # numpy has none
        return (tensor.float() if is_brain_float else tensor).numpy()
    if device_of(values) is None:
        return values
    if isinstance(values, Mapping):
        return {key: on_host(part) for key, part in values.items()}
    return type(values)(on_host(part) for part in values)


def as_tensor(values: Any, device: Any) -> Any:
    """Return an array or a tensor as a tensor on a device, copied only if it is not there."""
    return sys.modules["torch"].as_tensor(values, device=device)


def like(values: Any, other: Any) -> Any:
    """Return an array or a tensor as what `other` is: an array, or a tensor on its device."""
    return as_tensor(values, other.device) if is_tensor(other) else np.asarray(on_host(values))


def copied(values: Any) -> Any:
    """Return a copy of an array or a tensor, where it is."""
    return values.copy() if type(values) is _ARRAY else values.clone()


def zeros_like(values: Any) -> Any:
    """Return zeros of the shape and type of an array or a tensor, where it is."""
    return np.zeros_like(values) if type(values) is _ARRAY else values.new_zeros(values.shape)


def host_array(values: Any) -> NDArray[Any]:
    """Return `np.asarray` of what may be a tensor, on whatever device."""
    return np.asarray(on_host(values))
