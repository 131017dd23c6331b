"""Where units are run: one small interface, and processes of this machine behind it."""

import os
import subprocess
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gym_rated.bench.environ import variables_of_runs
from gym_rated.bench.processes import begin, stop
from gym_rated.bench.unit import Unit
from gym_rated.checks import whole_number

TICK_S = 1.0
"""How often an engine says that time passes."""

_POLL_S = 0.05


@dataclass(frozen=True)
class Job:
    """What an engine is to run.

    Attributes:
        unit: What it is for.
        words: What Python is called with.
        log: File that output and errors are added to.
    """

    unit: Unit
    words: tuple[str, ...]
    log: Path


@dataclass(frozen=True)
class Ended:
    """A job that has ended.

    Attributes:
        job: The job.
        code: Exit code of its process.
        lost: Why that is not known, or why there was no process; empty where it ended by itself.
    """

    job: Job
    code: int
    lost: str = ""


class Engine(Protocol):
    """What runs jobs, each in a process of its own."""

    def run(self, jobs: Iterable[Job]) -> Generator[Ended | None, None, None]:
        """Run jobs, each taken from the iterable only when it can begin.

        Yields:
            Each job when it has ended; None now and then, so that who waits sees time pass.

        Closing the generator, or an exception within it, stops what is running.
        """
        ...


class LocalProcesses:
    """Processes of this machine, each with one thread.

    Args:
        workers: How many at a time.

    Raises:
        ValueError: If `workers` is below 1.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = whole_number("workers", workers)

    def run(self, jobs: Iterable[Job]) -> Generator[Ended | None, None, None]:
        """Run jobs, as many at a time as there are workers; see `Engine.run`."""
        waiting = iter(jobs)
        running: dict[subprocess.Popen[bytes], Job] = {}
        last_tick = time.monotonic()
        try:
            while True:
                while len(running) < self.workers and (job := next(waiting, None)) is not None:
                    environ = os.environ | variables_of_runs()
                    running[begin(job.words, job.log, environ)] = job
                if not running:
                    return
                for process in [p for p in running if p.poll() is not None]:
                    yield Ended(running.pop(process), process.returncode)
                if time.monotonic() - last_tick > TICK_S:
                    last_tick = time.monotonic()
                    yield None
                time.sleep(_POLL_S)
        finally:
            stop(running)
