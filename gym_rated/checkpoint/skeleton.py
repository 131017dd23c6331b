"""Turn nested state into JSON around named arrays, and back, with every type as it was.

The skeleton is JSON: plain values as they are, everything else as an object with one tag: `dict` (a
list of pairs, so that int keys stay ints), `tuple`, `float` (NaN and infinities), and `array`,
`scalar` and `tensor`, which name an array outside and say its dtype and shape.
"""

import math
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

# What safetensors holds as it is. All other numbers travel as bytes, their type in the skeleton.
_NATIVE_DTYPES = {f"{kind}int{bits}" for kind in ("", "u") for bits in (8, 16, 32, 64)} | {
    "bool",
    "float16",
    "float32",
    "float64",
}
_TORCH_BYTES = re.compile(r"bfloat16|complex(64|128)")
_NUMPY_DTYPE = re.compile(r"[<>|=](b1|[iu][1248]|f[248]|c8|c16)")
_MOST_AXES = 32  # of numpy before 2


def encode(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Turn `value` into a skeleton, moving its arrays into `arrays` under their path in the state.

    Args:
        value: Nested mappings, lists, tuples, plain values, arrays and tensors; see `save_state`.
        path: Name of `value` itself, for array names and errors.
        arrays: Filled with contiguous arrays of dtypes that safetensors knows.

    Returns:
        The skeleton, ready for `json.dumps`.

    Raises:
        TypeError: If something in `value` is none of the supported types, naming its path.
    """
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(value, path, arrays)
    if is_tensor(value):
        return _encode_tensor(value, path, arrays)
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) in (list, tuple):
        items = [encode(item, f"{path}.{i}", arrays) for i, item in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) not in (str, int):
                raise TypeError(f"`{path}` must have keys of type str or int, got {key!r}")
        return {"dict": [[k, encode(v, f"{path}.{k}", arrays)] for k, v in value.items()]}
    raise TypeError(
        f"`{path}` must be plain data, an array or a tensor, got {type(value).__name__};"
        " save its state_dict or its fields instead"
    )


def _encode_array(
    value: NDArray[Any] | np.generic, path: str, arrays: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    dtype = value.dtype
    limits = {"b": 1, "i": 8, "u": 8, "f": 8, "c": 16}  # bytes; longer floats differ by machine
    plain = type(value) is np.ndarray or isinstance(value, np.generic)
    if not plain or dtype.itemsize > limits.get(dtype.kind, 0):
        raise TypeError(
            f"`{path}` must be a plain numpy array of boolean or numeric dtype of at most 64 bits a"
            f" number, got {type(value).__name__} of {dtype}; convert it first"
        )
    array = np.asarray(value, order="C")
    if dtype.name not in _NATIVE_DTYPES or not dtype.isnative:
        array = np.frombuffer(array.tobytes(), np.uint8)
    kind = "scalar" if isinstance(value, np.generic) else "array"
    name = _add(arrays, path, array)
    return {kind: name, "dtype": dtype.str, "shape": list(value.shape)}


def _encode_tensor(
    value: "torch.Tensor", path: str, arrays: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    import torch

    dtype = str(value.dtype).removeprefix("torch.")
    native = dtype in _NATIVE_DTYPES
    if value.layout != torch.strided or not (native or _TORCH_BYTES.fullmatch(dtype)):
        raise TypeError(
            f"`{path}` must be a dense tensor of boolean or numeric dtype, got {value.layout} of"
            f" {value.dtype}; convert it first"
        )
    dense = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    array = (dense if native else dense.reshape(-1).view(torch.uint8)).numpy()
    return {"tensor": _add(arrays, path, array), "dtype": dtype, "shape": list(value.shape)}


def _add(arrays: dict[str, NDArray[Any]], path: str, array: NDArray[Any]) -> str:
    """Store `array` under a name like its path, made different from the names already there."""
    name = path
    while name in arrays:
        name += "'"
    arrays[name] = array
    return name


def decode(node: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Undo `encode`; arrays and tensors are fresh copies, mappings come back as dict.

    Raises:
        ValueError: If `encode` would have written another skeleton, or other arrays.
    """
    left = dict(arrays)
    try:
        value = _decoded(node, left)
    except RecursionError:
        raise ValueError("be nested less deeply") from None
    if left:
        raise ValueError(f"name every array, {min(left)!r} is left over")
    return value


def _decoded(node: Any, left: dict[str, NDArray[Any]]) -> Any:
    """Return what a node stands for, taking its arrays out of `left`."""
    if isinstance(node, list):
        return [_decoded(item, left) for item in node]
    if not isinstance(node, dict):
        return node
    match node:
        case {"dict": list(pairs)} if len(node) == 1:
            return _decoded_pairs(pairs, left)
        case {"tuple": list(items)} if len(node) == 1:
            return tuple(_decoded(item, left) for item in items)
        case {"float": "nan" | "inf" | "-inf" as text} if len(node) == 1:
            return float(text)
        case {"dtype": str(dtype), "shape": list(shape)} if len(node) == 3:
            return _decoded_numbers(node, dtype, tuple(shape), left)
    raise ValueError(f"hold known objects, {str(node)[:80]} is none")


def _decoded_pairs(pairs: list[Any], left: dict[str, NDArray[Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in pairs:
        match pair:
            case [str() | int() as key, value] if type(key) is not bool and key not in found:
                found[key] = _decoded(value, left)
            case _:
                raise ValueError(f"hold pairs of a new key and a value, {str(pair)[:80]} is none")
    return found


def _decoded_numbers(
    node: Mapping[str, Any], dtype: str, shape: tuple[Any, ...], left: dict[str, NDArray[Any]]
) -> Any:
    kind = next((kind for kind in ("array", "scalar", "tensor") if kind in node), None)
    name = None if kind is None else node[kind]
    stored = left.pop(name, None) if isinstance(name, str) else None
    if stored is None:
        raise ValueError(f"name each array once, {name!r} is not there")
    if not all(type(size) is int and size >= 0 for size in shape) or len(shape) > _MOST_AXES:
        raise ValueError(f"give shapes, {list(shape)} is none")
    try:
        if kind == "tensor":
            return _decode_tensor(dtype, shape, stored)
        array = _as_dtype(stored, _numpy_dtype(dtype), shape)
        return array if kind == "array" else array[()]
    except (TypeError, RuntimeError, OverflowError, ValueError) as error:
        raise ValueError(f"fit its arrays, {name!r} does not: {error}") from error


def _numpy_dtype(text: str) -> np.dtype[Any]:
    if not _NUMPY_DTYPE.fullmatch(text):
        raise ValueError(f"there is no dtype {text!r}")
    return np.dtype(text)


def _as_dtype(stored: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a copy of a stored array, as the dtype and shape that it had."""
    native = dtype.name in _NATIVE_DTYPES and dtype.isnative
    if stored.dtype != (dtype if native else np.uint8):
        raise ValueError(f"it is of {stored.dtype}, not {dtype}")
    if stored.nbytes != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"it holds {stored.nbytes} bytes, not {list(shape)} of {dtype}")
    if dtype.kind == "b" and (stored.view(np.uint8) > 1).any():
        raise ValueError("it holds numbers that are no bool")
    return stored.copy().reshape(-1).view(dtype).reshape(shape)


def _decode_tensor(name: str, shape: tuple[int, ...], stored: NDArray[Any]) -> "torch.Tensor":
    import torch

    if name in _NATIVE_DTYPES:
        return torch.from_numpy(_as_dtype(stored, np.dtype(name), shape))
    if not _TORCH_BYTES.fullmatch(name):
        raise ValueError(f"there is no dtype {name!r}")
    dtype: torch.dtype = getattr(torch, name)
    flat = _as_dtype(stored, np.dtype(np.uint8), (math.prod(shape) * dtype.itemsize,))
    if not flat.size:  # torch views no empty array as a wider type
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(flat).view(dtype).reshape(shape)


def is_tensor(value: Any) -> "TypeGuard[torch.Tensor]":
    """Say whether `value` is a torch tensor; without torch imported, nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
