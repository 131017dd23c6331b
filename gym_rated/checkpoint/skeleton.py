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
    """Undo `encode`; arrays and tensors are fresh copies, mappings come back as dict."""
    if isinstance(node, list):
        return [decode(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    if "dict" in node:
        return {key: decode(value, arrays) for key, value in node["dict"]}
    if "tuple" in node:
        return tuple(decode(item, arrays) for item in node["tuple"])
    if "float" in node:
        return float(node["float"])
    if "tensor" in node:
        return _decode_tensor(node, arrays[node["tensor"]])
    stored = arrays[node["array" if "array" in node else "scalar"]]
    array = stored.copy().reshape(-1).view(np.dtype(node["dtype"])).reshape(node["shape"])
    return array if "array" in node else array[()]


def _decode_tensor(node: Mapping[str, Any], array: NDArray[Any]) -> "torch.Tensor":
    import torch

    dtype = getattr(torch, node["dtype"])
    if array.size == 0:  # torch views no empty array as a wider type
        return torch.empty(node["shape"], dtype=dtype)
    return torch.from_numpy(array.copy()).reshape(-1).view(dtype).reshape(node["shape"])


def is_tensor(value: Any) -> "TypeGuard[torch.Tensor]":
    """Say whether `value` is a torch tensor; without torch imported, nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
