"""Named arrays in one `.npz`, without pickle, and of bounded size when it is read.

A zip of a megabyte may unpack to a gigabyte. What one says of its size is looked at before anything
is unpacked, and no more is read than it said.
"""

import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_FREE_BYTES = 2**28  # what a file of any size may unpack to
_MOST_TIMES = 200  # what is unpacked may be so many times as large as the file
_MOST_FLOAT_BYTES = 2**20  # of an array of floats that is compressed: they hardly become smaller
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_IGNORED = "allow_pickle"  # numpy before 2.1 took the argument of that name for an array


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as the bytes of an `.npz`.

    Many floats are not compressed: it would take nine tenths of the time of a save, for as many of
    the bytes.

    Args:
        arrays: Name -> array of numbers or text.

    Raises:
        ValueError: If an array holds objects, which only pickle could write.
    """
    packed = _zipped(arrays, zipfile.ZIP_DEFLATED)
    if sum(array.nbytes for array in arrays.values()) + 2**20 > _most_bytes(len(packed)):
        return _zipped(arrays, zipfile.ZIP_STORED)  # else it could not be told from a bomb
    return packed


def unpack_arrays(
    data: bytes,
    names: Sequence[str],
    optional: Sequence[str] = (),
    *,
    wanted: Callable[[str], bool] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of an `.npz`.

    Args:
        data: The bytes of the file.
        names: Names of the arrays that must be in it.
        optional: Names of those that may be.
        wanted: Which of all others are read, in a file of anybody's; by default there may be none.

    Raises:
        ValueError: If it is damaged, lacks a name or has another, or would unpack to more than 200
            times its size (and 256 MiB).
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = _members(archive, len(data))
            if missing := [name for name in names if name not in members]:
                raise ValueError(f"it has no array {missing[0]!r}")
            unknown = [n for n in members if n not in (*names, *optional, _IGNORED)]
            if unknown and wanted is None:
                raise ValueError(f"it has an unknown array {unknown[0]!r}")
            for name in (_IGNORED, *(n for n in unknown if wanted is None or not wanted(n))):
                members.pop(name, None)
            return {name: _read(archive, info) for name, info in members.items()}
    except ValueError:
        raise
    except Exception as error:  # a damaged archive raises a dozen types, zlib.error to MemoryError
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _zipped(arrays: Mapping[str, NDArray[Any]], compression: int) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy")  # of no time, so that equal arrays give a file
            array = np.asanyarray(array)
            many_floats = array.dtype.kind == "f" and array.nbytes > _MOST_FLOAT_BYTES
            info.compress_type = zipfile.ZIP_STORED if many_floats else compression
            with archive.open(info, "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)
    return file.getvalue()


def _most_bytes(num_bytes: int) -> int:
    return max(_FREE_BYTES, _MOST_TIMES * num_bytes)


def _members(archive: zipfile.ZipFile, num_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Return name -> entry of an archive that unpacks to no more than it may."""
    entries = archive.infolist()
    found = {info.filename.removesuffix(".npy"): info for info in entries}
    if len(found) < len(entries):
        raise ValueError("it has an array twice")
    total = sum(info.file_size for info in entries)
    if total > _most_bytes(num_bytes):
        raise ValueError(
            f"it would unpack to {total:,} bytes, more than {_MOST_TIMES} times its own size"
        )
    return found


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Return an array whose header and data fill what the archive says of its size."""
    with archive.open(info) as member:
        version = npy.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} has version {version} of numpy's format")
        shape, _, dtype = _HEADERS[version](member)
        said = member.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError(
                f"{info.filename} holds objects, which only pickle reads; save numbers"
            )
        if min(shape, default=0) < 0 or said != info.file_size:
            raise ValueError(f"{info.filename} says {shape} of {dtype}, which is not what it holds")
    with archive.open(info) as member:
        return _read_array(member)


def _read_array(member: IO[bytes]) -> NDArray[Any]:
    array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
    if member.read(1):
        raise ValueError("an array has more data than it says")
    return array
