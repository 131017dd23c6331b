"""Damage: bytes, nested values and arrays, changed at random places in ways that files meet."""

import copy
import warnings
import zipfile
from io import BytesIO

import numpy as np

DEEP = current = []
for _ in range(30):
    current.append([])
    current = current[0]

HOSTILE = (
    *(None, True, False, 0, 1, -1, -5, 5, 99, 2**31, 2**63, -(2**63) - 1, 10**9, 10**400),
    *(1.5, -0.0, 1e30, 5e-324, 0.1),
    *("", "0", "nan", "a\0b", "\ud800", "../../x", "os:system", "x" * 300, "'; DROP", "=1+1"),
    *([], {}, [[]], {"": ""}, [1, 2], ["a", "b", "c"], {"a": {"b": 1}}, DEEP),
)
DTYPES = ("float64", "float16", "int8", "int64", "uint8", "bool", "<U3", "complex64")
NUMBERS = (np.nan, np.inf, -np.inf, 1e30, -1, 0, 255)


def damaged_bytes(rng, data):
    """Flip, cut, repeat or overwrite bytes."""
    data, at = bytearray(data), int(rng.integers(max(1, len(data))))
    match int(rng.integers(6)):
        case 0:
            data[at] ^= 1 << int(rng.integers(8))
        case 1:
            del data[at:]
        case 2:
            del data[at : at + int(rng.integers(1, 40))]
        case 3:
            data[at:at] = data[max(0, at - 30) : at]
        case 4:
            data[at : at + 16] = bytes(rng.integers(0, 256, 16, np.uint8))
        case 5:
            data += data[:at]
    return bytes(data)


def damaged_zip(rng, data):
    """Rewrite a zip with an entry renamed, doubled, left out, emptied or padded."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    at, out = int(rng.integers(len(entries))), BytesIO()
    name, content = entries[at]
    match int(rng.integers(6)):
        case 0:
            entries[at] = str(rng.choice(["allow_pickle.npy", "file.npy", "../x", "args"])), content
        case 1:
            entries.append((name, content))
        case 2:
            del entries[at]
        case 3:
            entries[at] = name, b""
        case 4:
            entries[at] = name, content + b"\0" * 8
        case 5:
            entries[at] = name, damaged_bytes(rng, content)
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the entry that is there twice
        for each in entries:
            archive.writestr(*each)
    return out.getvalue()


def damaged_array(rng, array):
    """Change numbers, shape or dtype of an array."""
    array = np.array(array)
    match int(rng.integers(9)):
        case 0 if array.size and array.dtype.kind in "fiub":
            flat = array.reshape(-1)
            with np.errstate(all="ignore"):
                number = np.float64(rng.choice(NUMBERS))
                if array.dtype.kind != "f" and not np.isfinite(number):
                    number = np.float64(7)
                flat[rng.integers(array.size)] = np.array(number).astype(array.dtype)
        case 1:
            array = array[:-1] if array.ndim else array[None]
        case 2:
            array = np.concatenate([array, array]) if array.ndim else array[None]
        case 3:
            array = array[..., None]
        case 4:
            array = array.reshape(-1)
        case 5:
            array = array[:0] if array.ndim else np.zeros(0, array.dtype)
        case 6:
            array = array.T.copy()
        case 7:
            with np.errstate(all="ignore"):
                array = array.astype(str(rng.choice(DTYPES[:6])))
        case _:
            array = np.roll(array, 1, 0) if array.ndim else -array.astype(float)
    return array


def places(value, path=()):
    """Return the paths of all nodes of a nested value."""
    found = [path]
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*path, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            found += places(item, (*path, i))
    return found


def damaged_value(rng, value, array=damaged_array):
    """Return a copy of a nested value in which a node or two is replaced, removed or doubled."""
    for _ in range(int(rng.integers(1, 3))):
        value = _damaged_once(rng, value, array)
    return value


def _damaged_once(rng, value, array):
    paths = [path for path in places(value) if path]
    if not paths:
        return copy.deepcopy(HOSTILE[int(rng.integers(len(HOSTILE)))])
    depth = int(rng.integers(1, 1 + max(map(len, paths))))  # as often at the top as in the leaves
    chosen = [path for path in paths if len(path) == depth]
    return _changed(rng, value, chosen[int(rng.integers(len(chosen)))], array)


def _changed(rng, value, path, array):
    """Return `value` with the node at `path` changed; what is not on the way is shared."""
    key, *rest = path
    items = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        items[key] = _changed(rng, items[key], rest, array)
    else:
        old = items[key]
        is_array = hasattr(old, "dtype") and np.shape(old) is not None
        match int(rng.integers(5)):
            case 0:
                del items[key]
            case 1 if isinstance(items, list):
                items.append(old)
            case 1:
                items[str(rng.choice(["", "format", "x", "type"]))] = old
            case 2 if len(items) > 1:
                others = list(items) if isinstance(items, dict) else range(len(items))
                other = list(others)[int(rng.integers(len(items)))]
                items[key], items[other] = items[other], items[key]
            case _ if is_array:
                items[key] = array(rng, old)
            case _:
                items[key] = HOSTILE[int(rng.integers(len(HOSTILE)))]
    return tuple(items) if isinstance(value, tuple) else items
