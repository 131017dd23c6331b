"""Where units are run: one small interface, and processes of this machine behind it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gym_rated.bench.environ import environ_of_runs
from gym_rated.bench.unit import Unit
from gym_rated.checks import whole_number

_LEASH = Path(__file__).with_name("leash.py")
_POLL_S = 0.05
_TICK_S = 1.0
_GRACE_S = 15.0  # that a script has to end after it was interrupted


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
    """A job that has ended, with the exit code of its process."""

    job: Job
    code: int


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
                    running[_start(job)] = job
                if not running:
                    return
                for process in [p for p in running if p.poll() is not None]:
                    yield Ended(running.pop(process), process.returncode)
                if time.monotonic() - last_tick > _TICK_S:
                    last_tick = time.monotonic()
                    yield None
                time.sleep(_POLL_S)
        finally:
            _stop(running)


def _start(job: Job) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-S", "-E", str(_LEASH), str(os.getpid()), *job.words]
    with job.log.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environ_of_runs(),
            start_new_session=True,  # a Ctrl-C on the terminal is for the driver alone
        )


def _stop(processes: Collection["subprocess.Popen[bytes]"]) -> None:
    """Interrupt processes, with all that they have started, and kill those that do not end."""
    for process in processes:
        _signal(process, signal.SIGINT)
    deadline = time.monotonic() + _GRACE_S
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            if process.poll() is None:
                _signal(process, signal.SIGKILL)
                process.wait()


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
