"""One database, opened: transactions, the clock, and the version of the tables.

SQLite runs with its write-ahead log, waits for the disk at every commit, and takes the write lock
at the start of every writing transaction: one that began by reading could fail with "database is
locked" whatever the timeout. Every commit is copied from the log into the file at once, so that
who moves the file alone loses nothing (`settle`). PostgreSQL runs at READ COMMITTED; code that
chooses rows locks them.
"""

import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gym_rated.human.store import tables
from gym_rated.human.store.failures import StoreMoved, StoreNewer, clear_errors
from gym_rated.human.store.places import Place, prepare
from gym_rated.human.store.whereabouts import Whereabouts

BUSY_TIMEOUT_S = 10
_APPLICATION = 0x47524154  # "GRAT": PRAGMA application_id of our files
_SCHEMA = "gym_rated"  # of PostgreSQL, so that our tables meet nobody else's


class Database:
    """A database with our tables in it.

    Args:
        place: Where it is.
        clock: Time in seconds since 1970; the server's by default.

    Raises:
        StoreError: If it cannot be opened, for each cause with its remedy.
        ValueError: If the file lies on a network file system, or belongs to something else.
        ImportError: If the driver of PostgreSQL is not installed.
    """

    def __init__(self, place: Place, clock: Callable[[], float] | None = None) -> None:
        self.place = place
        self.is_sqlite = place.file is not None
        self._clock = clock
        self._writing = threading.BoundedSemaphore(1 if self.is_sqlite else 10_000)
        self._whereabouts: Whereabouts | None = None
        if place.file is not None:
            prepare(place.file)
        self._engine = _make_engine(place)
        self._writer = self._engine.execution_options(gym_rated_write=True)
        self._reader = self._engine
        if not self.is_sqlite:  # SQLite's readers see one state anyway
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            with self._clear_errors():
                self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections; nothing is left in the log alone, as far as others let us."""
        pool: Any = self._engine.pool
        if self._whereabouts is not None and pool.checkedin():
            with suppress(StoreMoved):
                self._whereabouts.check()
                self.settle("TRUNCATE", wait_s=1.0)
        self._engine.dispose()

    def settle(self, how: str = "FULL", wait_s: float = 0.2) -> None:
        """Copy what is in the log alone into the file, as a commit does unless somebody reads.

        It is safe in the log, too, so that it does not matter if this takes too long.

        Args:
            how: "FULL", or "TRUNCATE" to empty the log as well.
            wait_s: How long to wait for readers, in seconds.
        """
        if not self.is_sqlite:
            return
        with suppress(DBAPIError, sqlite3.Error), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout = {int(1000 * wait_s)}")
            try:
                driver.execute(f"PRAGMA wal_checkpoint({how})")
            finally:
                driver.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees one state of the database and writes nothing."""
        with self._clear_errors():
            self._see_that_it_is_here()
            with self._reader.begin() as connection:
                yield connection
                self._see_that_it_is_here(within=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a transaction; what it wrote is on disk when the block ends without an error."""
        with self._clear_errors(), self._turn():
            self._see_that_it_is_here()
            with self._writer.begin() as connection:
                yield connection
                self._see_that_it_is_here(within=True)

    def _see_that_it_is_here(self, *, within: bool = False) -> None:
        """See that the file is the one that was opened; raising undoes what was written.

        Args:
            within: Whether this is within a transaction that has read.
        """
        if self._whereabouts is None:
            return
        if self._whereabouts.is_elsewhere:
            self._engine.dispose()  # what was opened meanwhile may be another file, for good
            self._whereabouts.forget_log()
        self._whereabouts.check()
        if within:
            self._whereabouts.note_log()

    def now(self, connection: Connection) -> float:
        """Return the server's time, in seconds since 1970."""
        if self._clock is not None:
            return self._clock()
        if self.is_sqlite:
            return time.time()
        return float(connection.execute(_CLOCK).scalar_one())

    def lock_rater(self, connection: Connection, rater: str) -> float:
        """Wait until no other transaction acts for this rater; returns the server's time.

        SQLite has one writer anyway.
        """
        if not self.is_sqlite:
            connection.execute(_LOCK, {"low": zlib.crc32(rater.encode()) - 2**31})
        return self.now(connection)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let threads write one after another; SQLite would let them sleep and try, in no order."""
        if not self._writing.acquire(timeout=3 * BUSY_TIMEOUT_S):
            raise PoolTimeout("other threads of this process write")
        try:
            yield
        finally:
            self._writing.release()

    def _clear_errors(self) -> AbstractContextManager[None]:
        folder = None if self.place.file is None else self.place.file.parent
        return clear_errors(self.place.name, folder)

    def _open(self) -> None:
        if self.place.file is not None:
            _use_write_ahead_log(self.place.file)
            self._whereabouts = Whereabouts(self.place.file)
        with self._engine.begin() as connection:  # mostly all is there, and others write
            if self._version(connection) == tables.SCHEMA:
                return
        with self._writer.begin() as connection:
            if not self.is_sqlite:
                _make_schema(connection)
            version = self._version(connection)
            if version > tables.SCHEMA:
                raise StoreNewer(
                    f"`db` {self.place.name} has tables of version {version}, this gym_rated "
                    f"knows versions up to {tables.SCHEMA}; install a newer gym_rated"
                )
            if version == 0:
                self._create(connection)
            elif version < tables.SCHEMA:
                self._upgrade(connection, version)

    def _version(self, connection: Connection) -> int:
        if self.is_sqlite:
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if not inspect(connection).has_table(tables.schema_version.name):
            return 0
        return int(connection.execute(select(tables.schema_version.c.version)).scalar_one())

    def _create(self, connection: Connection) -> None:
        tables.metadata.create_all(connection)
        connection.exec_driver_sql(tables.CREATE_VIEW)
        connection.exec_driver_sql(tables.CREATE_REMARK_VIEW)
        if self.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION}")
            connection.exec_driver_sql(f"PRAGMA user_version = {tables.SCHEMA}")
        else:
            tables.schema_version.create(connection)
            connection.execute(insert(tables.schema_version).values(version=tables.SCHEMA))

    def _upgrade(self, connection: Connection, version: int) -> None:
        """Bring tables of an earlier version up to date; all rows stay."""
        if version < 2:
            tables.remark.create(connection)
            connection.exec_driver_sql(tables.CREATE_REMARK_VIEW)
        tables.told.create(connection)
        if self.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA user_version = {tables.SCHEMA}")
        else:
            connection.execute(update(tables.schema_version).values(version=tables.SCHEMA))


_CLOCK = text("SELECT extract(epoch FROM clock_timestamp())")
_LOCK = text(f"SELECT pg_advisory_xact_lock({_APPLICATION}, :low)")


def _use_write_ahead_log(file: Path) -> None:
    """Switch the log on, once and for all; the busy timeout does not cover the switch."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            with closing(
                sqlite3.connect(file, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as connection:
                return _switch(connection, file)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        time.sleep(0.02)


def _switch(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute("BEGIN")
    application, *_ = connection.execute("PRAGMA application_id").fetchone()
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.execute("ROLLBACK")
    if application != _APPLICATION and not is_empty:
        raise ValueError(
            f"`db` must be a database of ratings or a new file, got {file} with other tables; "
            "name another file"
        )
    connection.execute("PRAGMA journal_mode = WAL")


def _make_schema(connection: Connection) -> None:
    """Make the schema if there is none; its maker holds off all others until the tables stand."""
    connection.execute(select(func.pg_advisory_xact_lock(_APPLICATION)))
    known = text("SELECT 1 FROM pg_namespace WHERE nspname = :name").bindparams(name=_SCHEMA)
    if connection.execute(known).first() is None:
        connection.exec_driver_sql(f"CREATE SCHEMA {_SCHEMA}")


def _make_engine(place: Place) -> Engine:
    if place.file is not None:
        existing = {"uri": "true", "mode": "rw"}  # a file that was moved away is not made anew
        url = place.url.set(database=place.file.as_uri(), query=existing)
        engine = create_engine(url, pool_size=8, max_overflow=56)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            place.url,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={"connect_timeout": BUSY_TIMEOUT_S, "options": _postgres_options()},
        )
    except (ImportError, NoSuchModuleError) as error:
        raise ImportError(
            "`psycopg` is not installed; pip install 'gym_rated[postgres]'"
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 1")  # pages: at every commit
    connection.execute("PRAGMA foreign_keys = ON")


def _postgres_options() -> str:
    """Return the session's settings: answers are on disk when we say so, nobody waits for ever."""
    return (
        f"-c search_path={_SCHEMA} -c lock_timeout={int(BUSY_TIMEOUT_S * 1000)} "
        "-c statement_timeout=30s -c idle_in_transaction_session_timeout=30s "
        "-c synchronous_commit=on"
    )


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("gym_rated_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
