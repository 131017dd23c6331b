"""Where a store lies: a file on a local disk, or a PostgreSQL server."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gym_rated.human.store.failures import StoreDamaged, StoreFull, StoreReadOnly

_NETWORK = frozenset(
    "nfs nfs4 cifs smb3 smbfs ncpfs afs 9p ceph fuse.ceph glusterfs fuse.glusterfs fuse.sshfs "
    "fuse.rclone fuse.s3fs lustre beegfs gpfs".split()
)
_SMALLEST = 512  # bytes of an SQLite file; one of a single byte SQLite takes for a new one
_MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True)
class Place:
    """A database: its URL for SQLAlchemy, its name for people, and its file if it has one."""

    url: URL
    name: str
    file: Path | None


def place_of(url: str | os.PathLike[str]) -> Place:
    """Find out what a user means by a database.

    Args:
        url: A file, `sqlite:///` with a file, or `postgresql://user@host/name`.

    Raises:
        ValueError: If it is another kind of database, or one in memory, which no other process
            could read.
    """
    text = os.fspath(url)
    if "://" not in text:
        return _file(Path(text))
    text = "postgresql" + text[len("postgres") :] if text.startswith("postgres://") else text
    try:
        parsed = make_url(text)
    except ArgumentError as error:
        raise ValueError(f"`db` must be a file or a database URL, got {text!r}") from error
    kind = parsed.get_backend_name()
    if kind == "sqlite" and parsed.database and parsed.database != ":memory:":
        return _file(Path(parsed.database))
    if kind == "postgresql" and parsed.drivername in ("postgresql", "postgresql+psycopg"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        return Place(parsed, parsed.render_as_string(hide_password=True), None)
    raise ValueError(
        "`db` must be a file, sqlite:///FILE or postgresql://USER@HOST/NAME, "
        f"got {parsed.render_as_string(hide_password=True)}"
    )


def _file(path: Path) -> Place:
    if path.name in ("", ":memory:"):
        raise ValueError(f"`db` must be a file, got {str(path)!r}; other processes must find it")
    path = path.expanduser().absolute()
    return Place(URL.create("sqlite", database=str(path)), str(path), path)


def prepare(file: Path) -> None:
    """See that a database may lie at a place; make its folder, and the file if there is none.

    A new file is its owner's alone, as its token is, and SQLite gives the log the file's mode. One
    that is there keeps the mode that somebody gave it.

    Raises:
        StoreDamaged: If there is a file too small to be a database, which SQLite would write over.
        StoreReadOnly: If the folder cannot be made or written.
        ValueError: If it is on a network file system.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreReadOnly(
            f"`db` {file} needs a folder that this user can make: {error}; name another"
        ) from error
    target = file if file.exists() else file.parent
    if file.is_file() and 0 < file.stat().st_size < _SMALLEST:
        raise StoreDamaged(
            f"`db` {file} is no database of ratings: it has {file.stat().st_size} bytes; name "
            "another file"
        )
    if file.is_dir():
        raise ValueError(f"`db` must be a file, got the folder {file}; name a file in it")
    if not os.access(target, os.W_OK) or not os.access(file.parent, os.W_OK):
        raise StoreReadOnly(
            f"`db` {file} cannot be written; give this user write permission to the file and its "
            "folder, or name another"
        )
    if kind := network_file_system(file):
        raise ValueError(
            f"`db` must lie on a local disk, got {file} on {kind}, where several processes cannot "
            "share SQLite's log; use a PostgreSQL URL (postgresql://USER@HOST/NAME), or a local "
            "folder"
        )
    make_private(file)


def make_private(file: Path) -> None:
    """Make an empty file that only its owner may read, unless there is one.

    Raises:
        StoreFull: If the disk is full.
        StoreReadOnly: If it cannot be made.
    """
    try:
        os.close(os.open(os.path.realpath(file), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        kind = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreReadOnly
        raise kind(f"`db` {file} cannot be made: {error.strerror}; name another place") from error


def check_room(place: Place, reserve_bytes: int, what: str) -> None:
    """See that a disk has more room than is kept for ratings; a server looks after its own.

    Raises:
        StoreFull: If it has not, so that no more of `what` may be added.
    """
    if place.file is None:
        return
    free = shutil.disk_usage(place.file.parent).free
    if free < reserve_bytes:
        raise StoreFull(
            f"`db` {place.name} takes no more {what}: {free / 1e6:.0f} MB are free on its disk, "
            f"and {reserve_bytes / 1e6:.0f} MB are kept for ratings; free some space"
        )


def network_file_system(file: Path, mounts: str | None = None) -> str | None:
    """Return the kind of network file system on which a file lies, or None if it is local.

    Args:
        file: The file; it need not exist.
        mounts: Table of mounts, as in /proc/self/mounts; that of this machine by default. Where
            there is none (not Linux), only Windows' own names are recognised.
    """
    if str(file).startswith("\\\\"):
        return "a Windows share"
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    best, kind = -1, ""
    resolved = file.resolve()
    for line in mounts.splitlines():
        _, point, file_system, *_ = line.split(" ")
        folder = Path(point.encode().decode("unicode_escape"))
        if resolved.is_relative_to(folder) and len(folder.parts) >= best:
            best, kind = len(folder.parts), file_system
    return kind if kind in _NETWORK else None
