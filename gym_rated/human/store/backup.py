"""A copy of an SQLite database while others write to it: one state of it, whole, in one file."""

import errno
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from gym_rated.checkpoint.files import sync
from gym_rated.human.store.failures import (
    StoreDamaged,
    StoreFull,
    StoreReadOnly,
    clear_errors,
)
from gym_rated.human.store.tables import metadata

Counts = dict[str, int]
"""Rows of each table."""


def back_up(connection: Connection, target: Path) -> Counts:
    """Copy what a reading transaction sees; a file that is there is never replaced.

    The copy appears under its name only when it is whole, was read again, and is on the disk. Its
    owner alone may read it.

    Args:
        connection: A reading transaction of SQLite.
        target: The copy.

    Returns:
        How many rows there are in each table of the copy.

    Raises:
        FileExistsError: If there is a file of that name.
        StoreDamaged: If the copy is not what was read.
        StoreFull: If there is no room for it.
        StoreReadOnly: If its folder cannot be written.
    """
    _check_free(target)
    temporary = _make_beside(target)
    counts = _count(connection)  # reads, and so fixes the state that is copied
    try:
        driver: Any = connection.connection.driver_connection
        opened = closing(sqlite3.connect(temporary, isolation_level=None))
        with clear_errors(str(target), target.parent), opened as copy:
            driver.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log
            _check_whole(copy, counts, target)
        sync(temporary)
        _give_name(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    sync(target.parent)
    return counts


def _make_beside(target: Path) -> Path:
    """Make an empty file in the folder of another, readable by its owner only."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    except OSError as error:
        kind = StoreFull if error.errno == errno.ENOSPC else StoreReadOnly
        raise kind(f"`out` {target} cannot be made: {error.strerror}; name another") from error
    os.close(handle)
    return Path(name)


def _count(connection: Connection) -> Counts:
    return {
        name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for name, table in metadata.tables.items()
    }


def _check_whole(copy: sqlite3.Connection, expected: Counts, target: Path) -> None:
    found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    counts = {
        name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in expected
    }
    if found != "ok" or counts != expected:
        raise StoreDamaged(
            f"`out` {target} was not written: the copy is not whole ({found}; rows {counts} of "
            f"{expected}); the database itself may be damaged, or its disk"
        )


def _check_free(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise FileExistsError(
            f"`out` must be a new file, got {target}, which is there; name another"
        )


def _give_name(temporary: Path, target: Path) -> None:
    """Move a file to a name that is free, even if another takes it at this moment."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        _check_free(target)
        raise
    except OSError:  # a file system without links
        _check_free(target)
        temporary.rename(target)
