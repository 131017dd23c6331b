"""Stores for tests: a PostgreSQL server of our own, a clock that stands still, clips to rate."""

import grp
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from gym_rated.human.store import Clip, Event, Job, Run

RUN = Run("r1", 4, ("falls", "crawls", "walks", "runs"), "How well does it run?", duplicate_rate=0)


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def make_job(number: int, step: int = 0) -> Job:
    return Job(f"0-0-{number}", f"blob {number}".encode(), {"episode_seed": number}, step)


def make_clip(number: int, codec: str = "h264") -> Clip:
    return Clip(f"{codec} video {number}".encode(), codec, 240, 240, 20.0, 50)


def fill(store, number: int, run: Run = RUN) -> list[int]:
    """Open a run with `number` clips to rate; returns the ids of the queries."""
    store.open_run(run)
    store.add_jobs(run.id, [make_job(i, step=10 * i) for i in range(number)])
    return [store.finish_job(store.take_job("worker"), make_clip(i)) for i in range(number)]


_numbers = itertools.count()


def deed(query, rater: str, kind: str = "rate", rating: int | None = None, client_id=None) -> Event:
    """Return an event; a rating without a class is of class 0."""
    query_id = getattr(query, "id", query)
    rating = 0 if rating is None and kind == "rate" else rating
    client_id = client_id or f"{os.getpid()}-{next(_numbers)}"
    return Event(client_id, query_id, rater, kind, rating, shown_ms=900)


def answers(store, run_id: str = RUN.id) -> dict[tuple[str, str], int]:
    """Return what a reader who has read everything takes to stand: (segment, rater) -> rating."""
    rows, _ = store.answers_since(run_id, None)
    return {(row.segment_id, row.rater): row.rating for row in rows}


def memory_disk() -> str | None:
    """Return a folder in memory, where waiting for the disk takes no time, if there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class PostgresServer:
    """A server on a Unix socket in a folder of its own, run by a user without privileges."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="gym_rated_pg", dir=memory_disk()))
        self._user: dict = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, grp.getgrgid(user.pw_gid).gr_gid)
        self._run("initdb", "-D", self.data, "-U", "rater", "--auth=trust", "--no-sync")
        self.log = (self.folder / "log").open("w+")
        self.server = subprocess.Popen(
            [
                *(programs / "postgres", "-D", self.data, "-k", self.folder),
                *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=250"),
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **self._user,
        )
        self._wait()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *words) -> None:
        subprocess.run(
            [self.programs / program, *words], check=True, capture_output=True, **self._user
        )

    def _wait(self) -> None:
        give_up = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > give_up or self.server.poll() is not None:
                    self.log.seek(0)
                    raise RuntimeError(f"PostgreSQL did not start: {self.log.read()}") from None
                time.sleep(0.05)
            else:
                return

    def execute(self, statement: str) -> None:
        where = f"host={self.folder} user=rater dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)

    def new_url(self) -> str:
        """Make an empty database."""
        name = f"ratings{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql://rater@/{name}?host={self.folder}"

    def stop(self) -> None:
        self.server.send_signal(signal.SIGQUIT)  # at once; nothing in it is needed any more
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs, or skip the test."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    if not folders:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return folders[-1]
