"""Save and load nested state: atomic, checksummed, and never executed on loading.

A checkpoint is a folder: `tensors-K.safetensors` holds all arrays and tensors, `skeleton-K.json`
the rest, and `manifest.json` names both with their SHA-256. A save writes and fsyncs the two files
of the next generation K, then swaps the manifest in by one atomic rename, and only then removes the
older files. So a kill at any instant leaves the old or the new checkpoint, whole.

Nothing is pickled: a file from elsewhere can be wrong, but it cannot run code.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.files import (
    create,
    read_file,
    remove_leftovers,
    replace_file,
    said_in_our_words,
    sync,
)
from gym_rated.checkpoint.kinds import without
from gym_rated.checkpoint.skeleton import decode, encode

FORMAT = "gym_rated checkpoint"
VERSION = 1
MANIFEST = "manifest.json"
_FILE_NAMES = {
    "skeleton": re.compile(r"skeleton-(\d+)\.json"),
    "tensors": re.compile(r"tensors-(\d+)\.safetensors"),
}


def save_state(folder: str | Path, state: Mapping[Any, Any]) -> None:
    """Replace the checkpoint in `folder` by `state`, such that a kill leaves one of the two whole.

    Args:
        folder: The checkpoint's folder, made if missing. One process may write to it at a time.
        state: Nested mappings (keys str or int), lists, tuples, None, bool, int of any size, float
            (NaN and infinities too), str, numpy arrays and scalars of boolean or numeric dtype, and
            dense torch tensors. Tensors come back on the CPU, without gradient.

    Raises:
        TypeError: If something in `state` is none of these; nothing is written then.
        OSError: If it cannot be written, on a full disk say; the checkpoint before it stays.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"`state` must be a mapping, got {type(state).__name__}")
    arrays: dict[str, NDArray[Any]] = {}
    skeleton = json.dumps(encode(state, "state", arrays), allow_nan=False).encode()

    folder = Path(folder)
    with said_in_our_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    generation = 1 + max((k for _, k in _data_files(folder)), default=0)
    files = {
        "skeleton": folder / f"skeleton-{generation}.json",
        "tensors": folder / f"tensors-{generation}.safetensors",
    }
    sealed = b""
    try:
        _write_new(files["skeleton"], lambda path: path.write_bytes(skeleton))
        _write_new(files["tensors"], lambda path: safetensors.numpy.save_file(arrays, path))
        for path in (folder, folder.parent):
            with said_in_our_words(path):
                sync(path)
        entries = {role: {"name": path.name, **_fingerprint(path)} for role, path in files.items()}
        sealed = _sealed({"format": FORMAT, "version": VERSION, "files": entries})
        replace_file(folder / MANIFEST, sealed)
    except BaseException:
        if not _is_in_force(folder, sealed):  # then they only take space that may be missing
            for path in files.values():
                path.unlink(missing_ok=True)
        raise
    for path, k in _data_files(folder):
        if k != generation:
            path.unlink()


def load_state(folder: str | Path) -> dict[Any, Any]:
    """Read the checkpoint in `folder`, verified whole before anything of it is used.

    Args:
        folder: A folder that `save_state` wrote. It may be replaced while we read.

    Returns:
        The saved state; mappings come back as dict, everything else as the type it had.

    Raises:
        FileNotFoundError: If the folder, its manifest or a file that the manifest names is missing.
        ValueError: If it is damaged, of another program, or of a newer format.
    """
    folder = Path(folder)
    while True:
        manifest = _read_manifest(folder)
        try:
            data = {role: _read_verified(folder, manifest, role) for role in _FILE_NAMES}
        except FileNotFoundError:
            if _read_manifest(folder) == manifest:
                raise
            continue  # a writer replaced the checkpoint between our two reads
        return _decoded(folder, manifest, data)


def _decoded(
    folder: Path, manifest: Mapping[str, Any], data: Mapping[str, bytes]
) -> dict[Any, Any]:
    """Return the state that verified bytes hold: a checksum proves origin, not sense."""
    name = {role: entry["name"] for role, entry in manifest["files"].items()}
    try:
        skeleton = parse_json(data["skeleton"])
    except ValueError as error:
        raise _damaged(folder, name["skeleton"], "be JSON", str(error)) from error
    try:
        arrays = safetensors.numpy.load(data["tensors"])
    except Exception as error:  # safetensors raises an Exception of its own, and KeyError
        raise _damaged(folder, name["tensors"], "be safetensors", str(error)) from error
    try:
        state = decode(skeleton, arrays)
    except ValueError as error:
        raise _damaged(folder, name["skeleton"], "be as it was written", str(error)) from error
    if not isinstance(state, dict):
        found = type(state).__name__
        raise _damaged(folder, name["skeleton"], "hold a mapping", found)
    return state


def _write_new(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file that is not there yet, and wait until it is on the disk."""
    with said_in_our_words(path):
        create(path)
        try:
            write(path)
        except SafetensorError as error:  # also for what the system said, such as a full disk
            number = re.search(r"os error (\d+)", str(error))
            code = int(number[1]) if number else errno.EIO
            raise OSError(code, os.strerror(code)) from error
        sync(path)


def _is_in_force(folder: Path, sealed: bytes) -> bool:
    """Say whether `folder` has this very manifest."""
    try:
        return (folder / MANIFEST).read_bytes() == sealed
    except OSError:
        return False


def _data_files(folder: Path) -> list[tuple[Path, int]]:
    """List the generations' files in `folder`, complete or not, each with its number."""
    found = []
    for path in folder.iterdir():
        for pattern in _FILE_NAMES.values():
            if match := pattern.fullmatch(path.name):
                found.append((path, int(match[1])))
    return found


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    """Return the one way to write a manifest: its own SHA-256 inside, keys sorted."""
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    sealed = {**manifest, "sha256": digest}
    return (json.dumps(sealed, indent=2, sort_keys=True) + "\n").encode()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        data = read_file(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"`folder` must hold a complete checkpoint, got {without(folder, MANIFEST)}; check "
            "the path, or start without a checkpoint"
        ) from None
    try:
        manifest = parse_json(data)
    except ValueError:
        raise _damaged(folder, MANIFEST, "be JSON", f"{data[:40]!r}…") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(
            f"`folder` must hold a checkpoint of gym_rated, got {folder} with a {MANIFEST} of"
            " another program; check the path"
        )
    version = manifest.get("version")
    if type(version) is not int or version < 1:
        raise _damaged(folder, MANIFEST, "name its version", repr(version))
    if version > VERSION:
        raise ValueError(
            f"`folder` must hold a checkpoint of format {VERSION} or older, got {folder} of format"
            f" {version}; update gym_rated"
        )
    digest = manifest.pop("sha256", None)
    if _sealed(manifest) != data:
        raise _damaged(folder, MANIFEST, "match its own SHA-256", f"{digest}")
    files = manifest.get("files")
    if not isinstance(files, dict) or files.keys() != _FILE_NAMES.keys():
        raise _damaged(folder, MANIFEST, f"name the files {list(_FILE_NAMES)}", str(files)[:80])
    return manifest


def _read_verified(folder: Path, manifest: Mapping[str, Any], role: str) -> bytes:
    """Read the file of a role ("skeleton" or "tensors") if its bytes are those of the manifest."""
    match entry := manifest["files"][role]:
        case {"name": str(name), "bytes": int(), "sha256": str()} if len(entry) == 3:
            if not _FILE_NAMES[role].fullmatch(name):
                raise _damaged(folder, MANIFEST, f"name a {role} file in its folder", repr(name))
        case _:
            raise _damaged(folder, MANIFEST, f"describe its {role} file", str(entry)[:80])
    try:
        data = read_file(folder / entry["name"])
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`folder` must hold every file that its {MANIFEST} names, got {folder} without"
            f" {entry['name']}; restore it from a copy"
        ) from None
    if len(data) != entry["bytes"]:
        raise _damaged(folder, entry["name"], f"hold {entry['bytes']} bytes", f"{len(data)}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry["sha256"]:
        raise _damaged(folder, entry["name"], f"have SHA-256 {entry['sha256']}", digest)
    return data


def _damaged(folder: Path, name: str, rule: str, found: str) -> ValueError:
    return ValueError(
        f"`folder` must hold an undamaged checkpoint: in {folder}, {name} must {rule}, got {found};"
        " restore it from a copy, or start without a checkpoint"
    )
