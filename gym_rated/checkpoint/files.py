"""Files that are on the disk when we say so: replaced whole, or grown by whole records.

All files of the package are written here, so that each of them keeps these promises: a kill or a
full disk leaves what was there before, no link is followed out of the folder, and an error names
the file and what to do.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_LEFTOVERS = ".gym_rated-*.tmp"
_LEFT_FOR_S = 3_600.0  # after so long nobody writes to a temporary file any more
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither this nor links for everybody
_BINARY = getattr(os, "O_BINARY", 0)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_file(path: Path) -> bytes:
    """Return what a file holds; what is no file might never end, or never begin.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it is a folder, a pipe or a device, or leads to one.
    """
    with open_to_read(path) as file:
        return file.read()


def open_to_read(path: Path) -> BinaryIO:
    """Open a file to read it; raises as `read_file` does."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)  # opening a pipe would wait for who writes to it
    except FileNotFoundError:
        raise FileNotFoundError(f"`{path}` must be a file, got nothing there") from None
    if kind != stat.S_IFREG:
        raise ValueError(f"`{path}` must be a file, got {_KINDS.get(kind, 'something else')}")
    return path.open("rb")


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` such that a kill leaves the old or the new content, never a mixture.

    Args:
        path: The file to write; its folder must exist. Its permissions are kept.
        data: The whole content.

    Raises:
        OSError: If it cannot be written; what was there before is as it was.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield an empty file beside `path`, which takes its place once all is well.

    Its name cannot be foreseen, and it is made by this process: nobody can lay a link there. If
    `path` itself is a link, the link is replaced, and not what it leads to.

    Raises:
        OSError: If it cannot be written, or is a pipe or a device; what was there before is as it
            was.
    """
    _check_replaceable(path)
    remove_leftovers(path.parent, _LEFT_FOR_S)
    temporary = path.with_name(_LEFTOVERS.replace("*", secrets.token_hex(8)))
    with said_in_our_words(path):
        create(temporary)
        try:
            _keep_mode(path, temporary)
            yield temporary
            sync(temporary)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)


def create(path: Path) -> None:
    """Make an empty file where there is nothing, not even a link."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o666))


def open_no_link(path: str, flags: int) -> int:
    """Open a file, made if missing, unless it is a link; an opener of `open`."""
    return os.open(path, flags | os.O_CREAT | _NOFOLLOW | _BINARY, 0o666)


def remove_leftovers(folder: Path, older_than_s: float = 0.0) -> None:
    """Remove what a kill in the middle of `replacing` left in a folder.

    Args:
        folder: The folder; files of others in it are not touched.
        older_than_s: Age from which on; 0 is for who knows that nobody else is writing there.
    """
    with suppress(OSError):  # tidying is no reason to fail
        for left in folder.glob(_LEFTOVERS):
            if time.time() - left.lstat().st_mtime >= older_than_s:
                left.unlink(missing_ok=True)


class GrowingFile:
    """A file to which whole records are added; a record that failed leaves no trace.

    Args:
        path: The file, made if missing.

    Raises:
        OSError: If it cannot be opened, or is a link.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with said_in_our_words(path):
            flags = os.O_WRONLY | os.O_APPEND
            self._descriptor: int | None = open_no_link(str(path), flags)

    def add(self, record: bytes) -> None:
        """Write a record; a kill of this process cannot take it back any more.

        Raises:
            OSError: If it does not fit, or cannot be written.
            ValueError: If the file is closed.
        """
        descriptor = self._open
        with said_in_our_words(self.path):
            end = os.fstat(descriptor).st_size
            try:
                rest = memoryview(record)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except OSError:
                os.ftruncate(descriptor, end)  # half a line would spoil those that follow
                raise

    def sync(self) -> None:
        """Wait until all records are on the disk."""
        with said_in_our_words(self.path):
            os.fsync(self._open)

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"`{self.path}` must be open to be written, got it closed")
        return self._descriptor


@contextmanager
def said_in_our_words(path: Path) -> Iterator[None]:
    """Turn errors of the system about writing `path` into sentences that name it."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # said already
            raise
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> OSError:
    """Return an error of the same kind that names the file, the reason and the remedy."""
    if error.errno in _NO_SPACE:
        remedy = "free some space"
    elif path.is_symlink():
        remedy = "it is a link, which is not followed: remove it"
    elif not path.parent.is_dir():
        remedy = f"see that {path.parent} is a folder"
    else:
        remedy = f"see that {path.parent} can be written"
    reason = error.strerror or str(error)
    said = type(error)(
        f"`{path}` could not be written: {reason}; what was there before is as it was; {remedy}, "
        "and go on"
    )
    said.errno = error.errno
    return said


def sync(path: Path) -> None:
    """Wait until a file's content or a folder's entries are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_replaceable(path: Path) -> None:
    """Refuse to put a file where a pipe or a device is: `/dev/null` is not ours to replace."""
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
    except OSError:  # there is nothing, or what writes it will say why it cannot be seen
        return
    if kind in _KINDS and kind != stat.S_IFDIR:
        raise FileExistsError(f"`{path}` must be a file to replace, got {_KINDS[kind]}")


def _keep_mode(path: Path, temporary: Path) -> None:
    """Give a temporary file the permissions of the file that it will replace."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            os.chmod(temporary, stat.S_IMODE(mode))
