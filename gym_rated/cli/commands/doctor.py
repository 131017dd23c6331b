"""`gym-rated doctor`: what rating by hand needs here, and what to do where it is missing.

The first line says which versions these are, for a report of what went wrong.

Each check returns findings, one line each. None of them changes anything: a database that is not
there yet is not made.
"""

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from gym_rated.assembly.words import EnvKwargs
from gym_rated.environments.making import own_words
from gym_rated.environments.rendering import BACKENDS, draws_without_opengl, try_to_render
from gym_rated.imports import EXTRAS, named_extras
from gym_rated.runs.provenance import provenance

_STANDS_FOR_ALL = "HalfCheetah-v5"  # of the environments that MuJoCo draws
_PACKAGES = ("av", "PIL", "fastapi", "sqlalchemy", "uvicorn")
_REMEDIES = {
    "egl": "apt-get install libegl1 libgl1 libgl1-mesa-dri",
    "osmesa": "apt-get install libosmesa6",
    "glfw": "it needs a display",
}
_WANTED_BYTES = 1e9


@dataclass
class DoctorArgs:
    """Check what rating by hand needs: packages, OpenGL, codec, disk, database, port.

    The exit code is 1 if something that is needed is missing.
    """

    db: str | None = None
    """database to look at: a file, or a URL"""
    env_id: str | None = None
    """environment to draw a frame of; one of MuJoCo's by default"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values: `action_repeat 2`"""
    port: int = 0
    """port that the page is to be served at; 0 takes a free one"""


class Finding(NamedTuple):
    """One line of the answer."""

    state: str
    """"ok", "missing", or "-" for what is not there and not needed."""
    name: str
    text: str


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SystemExit: With code 1, if something needed is missing.
    """
    args = tyro.cli(DoctorArgs, args=list(argv), prog="gym-rated doctor")
    is_missing = False
    for finding in examine(args):
        print(f"{finding.state:7}  {finding.name:16}  {finding.text}", flush=True)
        is_missing |= finding.state == "missing"
    if is_missing:
        raise SystemExit(1)


def examine(args: DoctorArgs) -> Iterator[Finding]:
    """Yield what is found, check by check; a check that fails itself is a finding."""
    checks: tuple[tuple[str, Callable[[DoctorArgs], Iterator[Finding]]], ...] = (
        ("versions", name_versions),
        ("packages", check_packages),
        ("drawing", check_drawing),
        ("codec", check_codec),
        ("disk", check_disk),
        ("database", check_database),
        ("port", check_port),
    )
    for name, check in checks:
        try:
            yield from check(args)
        except Exception as error:
            yield Finding("missing", name, str(error))


def name_versions(args: DoctorArgs) -> Iterator[Finding]:
    """Say which versions there are of what changes numbers, and which system."""
    found = provenance()
    versions = [f"{name} {version}" for name, version in found["versions"].items()]
    if found["commit"] is not None:
        versions.append(f"commit {found['commit']}")
    yield Finding("ok", "versions", ", ".join([*versions, platform.platform()]))


def check_packages(args: DoctorArgs) -> Iterator[Finding]:
    """Look for the packages of the extra `human`."""
    names = [*_PACKAGES, *(["psycopg"] if "postgres" in (args.db or "") else [])]
    if missing := [name for name in names if find_spec(name) is None]:
        extras = ",".join(sorted({EXTRAS.get(name, "human") for name in missing}))
        remedy = f"pip install 'gym_rated[{extras}]'"
        yield Finding("missing", "packages", f"{', '.join(missing)}: {remedy}")
    else:
        yield Finding("ok", "packages", ", ".join(names))


def check_drawing(args: DoctorArgs) -> Iterator[Finding]:
    """Draw a frame with each backend of OpenGL, or without any where none is needed."""
    env_id, env_kwargs = args.env_id or _STANDS_FOR_ALL, args.env_kwargs
    with own_words(env_id):
        is_flat = draws_without_opengl(env_id)
    if is_flat:
        reason = try_to_render(env_id, "disabled", env_kwargs)
        if reason is None:
            yield Finding("ok", "drawing", f"{env_id}, which needs no OpenGL")
        else:
            yield Finding(
                "missing", "drawing", f"{env_id}: {reason}; pip install 'gym_rated[video]'"
            )
        return
    if args.env_id is None and find_spec("mujoco") is None:
        text = "mujoco is not installed; environments without it need no OpenGL"
        yield Finding("-", "OpenGL", text)
        return
    chosen = os.environ.get("MUJOCO_GL")
    backends = dict.fromkeys((*BACKENDS, "glfw", *([chosen] if chosen else [])))
    with ThreadPoolExecutor() as pool:
        tries = pool.map(lambda backend: try_to_render(env_id, backend, env_kwargs), backends)
        reasons = dict(zip(backends, tries, strict=True))
    usable = {chosen} if chosen else set(BACKENDS)
    is_enough = any(reasons[backend] is None for backend in usable)
    for backend, reason in reasons.items():
        if reason is None:
            yield Finding("ok", f"OpenGL {backend}", f"{env_id} is drawn")
        else:
            state = "missing" if backend in usable and not is_enough else "-"
            remedy = _REMEDIES.get(backend, f"unset MUJOCO_GL, or set it to {BACKENDS[0]}")
            yield Finding(state, f"OpenGL {backend}", f"{reason}; {remedy}")
    if chosen and not is_enough:
        yield Finding(
            "missing", "MUJOCO_GL", f"it is set to {chosen}, so no other is used: unset it"
        )


def check_codec(args: DoctorArgs) -> Iterator[Finding]:
    """Write a clip, and read it again."""
    with named_extras():
        from gym_rated.human.clips.encode import encode
    clip = encode(np.arange(10 * 64 * 64 * 3).reshape(10, 64, 64, 3).astype(np.uint8), 25)
    text = f"clips are {clip.codec}"
    if clip.codec == "webp":
        text += "; pip install 'gym_rated[human]' for videos, which can be paused"
    yield Finding("ok", "codec", text)


def check_disk(args: DoctorArgs) -> Iterator[Finding]:
    """Look how much room there is for the database, and for the temporary files of clips."""
    folders = {"temporary files": Path(tempfile.gettempdir())}
    if args.db is None or "postgres" not in args.db:
        folders["the database"] = _existing(_file_of(args.db).parent)
    for what, folder in folders.items():
        free = shutil.disk_usage(folder).free
        text = f"{free / 1e9:.1f} GB free in {folder} for {what}"
        if free < _WANTED_BYTES:
            text += (
                f"; free some, a thousand clips take 40 MB ({_WANTED_BYTES / 1e9:.0f} GB is fine)"
            )
        yield Finding("ok" if free >= _WANTED_BYTES else "missing", "disk", text)


def check_database(args: DoctorArgs) -> Iterator[Finding]:
    """Open the database, if it is there."""
    if args.db is None:
        yield Finding("-", "database", "not looked at; name one with --db")
        return
    with named_extras():
        from gym_rated.human.store import Store
        from gym_rated.human.store.places import network_file_system, place_of
    place = place_of(args.db)
    if place.file is not None and not place.file.exists():
        folder = _existing(place.file.parent)
        if kind := network_file_system(place.file):
            text = f"{folder} is on {kind}; name a local folder, or a PostgreSQL URL"
            yield Finding("missing", "database", text)
        elif not os.access(folder, os.W_OK):
            text = f"{folder} cannot be written by this user; name another, or change its rights"
            yield Finding("missing", "database", text)
        else:
            yield Finding("ok", "database", f"{place.name} is not there yet, and can be made")
        return
    with Store(args.db) as store:
        runs = store.runs()
        waiting = sum(store.pending(run.id) for run in runs)
    text = f"{place.name}: {len(runs)} runs, {waiting} segments to rate"
    yield Finding("ok", "database", text)


def check_port(args: DoctorArgs) -> Iterator[Finding]:
    """Listen at the port for a moment."""
    with socket.socket() as listener:
        if sys.platform != "win32":  # as the server does: a port just left is free
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", args.port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            text = f"127.0.0.1:{args.port}: {reason}; choose another, or 0 for any that is free"
            yield Finding("missing", "port", text)
            return
        name = f"{args.port} is free" if args.port else "one is free"
    yield Finding("ok", "port", f"{name} on 127.0.0.1")


def _file_of(db: str | None) -> Path:
    return Path((db or "ratings.db").removeprefix("sqlite:///")).expanduser().absolute()


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("doctor")
