"""What can go wrong with a database, each as one sentence with its remedy."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import exc


class StoreError(RuntimeError):
    """The store cannot do what it was asked; nothing was written."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreLocked(StoreError):
    """Another process holds the database for too long."""


class StoreReadOnly(StoreError):
    """The database, or its folder, cannot be written."""


class StoreNewer(StoreError):
    """A later version of gym_rated made the database."""


class StoreDamaged(StoreError):
    """The file is no database, or a broken one."""


class StoreUnreachable(StoreError):
    """The database server does not answer."""


class StoreMoved(StoreError):
    """The database was moved, replaced or deleted while it was open."""


class StoreBehind(StoreError):
    """The database lacks answers that were read from it before: it is an older copy."""


PASSING = (StoreFull, StoreLocked, StoreUnreachable, StoreMoved)
"""What a database recovers from: go on, and try again later."""


class Unsound(ValueError):
    """A row that no store wrote; `clear_errors` says of which database."""


class Conflict(StoreError):
    """An answer, or a clip, came too late or does not fit; the message is for the rater."""


_SENTENCES: dict[type[StoreError], str] = {
    StoreFull: "`db` {place} was not written: the disk, or your share of it, is full; free some "
    "space and try again, what was saved before is intact",
    StoreLocked: "`db` {place} is locked by another process; close what writes to it (a backup, "
    "a database browser) and try again",
    StoreReadOnly: "`db` {place} cannot be written; give this user write permission to the file "
    "and its folder, or name another",
    StoreDamaged: "`db` {place} is no database of ratings, or a damaged one; restore it from a "
    "copy, or name another file",
    StoreUnreachable: "`db` {place} does not answer; start the database server, and check host, "
    "port, name and password",
    StoreMoved: "`db` {place} was moved, replaced or deleted while it was open, so nothing is "
    "written; put it back, or end what has it open (page, trainer) and start it again",
}
_SQLITE = {  # by the first letters of the name
    "SQLITE_FULL": StoreFull,
    "SQLITE_IOERR_WRITE": StoreFull,  # a quota, or the largest file allowed
    "SQLITE_IOERR_SHMSIZE": StoreFull,
    "SQLITE_IOERR": StoreDamaged,
    "SQLITE_BUSY": StoreLocked,
    "SQLITE_LOCKED": StoreLocked,
    "SQLITE_PROTOCOL": StoreLocked,
    "SQLITE_READONLY_DBMOVED": StoreMoved,
    "SQLITE_READONLY": StoreReadOnly,
    "SQLITE_CANTOPEN": StoreReadOnly,
    "SQLITE_PERM": StoreReadOnly,
    "SQLITE_CORRUPT": StoreDamaged,
    "SQLITE_NOTADB": StoreDamaged,
}
_POSTGRES = {  # by the first letters of SQLSTATE
    "53100": StoreFull,
    "55P03": StoreLocked,
    "57014": StoreLocked,
    "25006": StoreReadOnly,
    "42501": StoreReadOnly,
    "08": StoreUnreachable,
    "57P": StoreUnreachable,
    "28": StoreUnreachable,
    "3D000": StoreUnreachable,
    "53": StoreUnreachable,
}
_OF_DATA = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_LITTLE = 100_000  # bytes: too few for another page of the log


def failure(kind: type[StoreError], place: object) -> StoreError:
    """Return an error of a kind that says what it is of a database, and what to do."""
    return kind(_SENTENCES[kind].format(place=place))


@contextmanager
def sound_row(table: str) -> Iterator[None]:
    """Refuse a row of which no record can be made.

    Raises:
        Unsound: In the place of whatever its values raise.
    """
    try:
        yield
    except _OF_DATA as error:
        raise Unsound(f"a row of table {table} makes no sense: {error}") from error


@contextmanager
def clear_errors(place: str, folder: Path | None = None) -> Iterator[None]:
    """Turn what a database driver raises into one of our own errors.

    Args:
        place: The database, as the user named it, without a password.
        folder: Where its file lies, if it is one.

    Raises:
        StoreError: In the place of an error with a known cause, or of one that values raise which
            no store wrote; others pass.
    """
    try:
        yield
    except Unsound as error:
        raise StoreDamaged(f"{failure(StoreDamaged, place)} ({error})") from error
    except (exc.InvalidRequestError, *_OF_DATA) as error:
        if "`" in str(error):  # it says what is wrong with an argument
            raise
        reason = f"{type(error).__name__}: {error}"
        raise StoreDamaged(f"{failure(StoreDamaged, place)} ({reason})") from error
    except exc.TimeoutError as error:
        raise StoreLocked(f"{failure(StoreLocked, place)} ({error})") from error
    except (exc.DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        kind = _kind_of(cause, folder)
        if kind is None:
            raise
        raise kind(f"{failure(kind, place)} ({cause})") from error


def _kind_of(error: BaseException | None, folder: Path | None) -> type[StoreError] | None:
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_IOERR") and folder is not None:
            if shutil.disk_usage(folder).free < _LITTLE:
                return StoreFull
        known = next((kind for letters, kind in _SQLITE.items() if name.startswith(letters)), None)
        if known is None and type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError):
            return StoreDamaged  # tables that are not ours any more, text that is none
        return known
    state = getattr(error, "sqlstate", None)
    if state is None:  # no answer at all
        return StoreUnreachable if type(error).__name__ == "OperationalError" else None
    return next((kind for known, kind in _POSTGRES.items() if state.startswith(known)), None)
