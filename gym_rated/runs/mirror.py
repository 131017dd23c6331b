"""A run's rows on their way to a tracker, such that training neither waits for it nor fails by it.

Clients of trackers wait for servers, and raise what they like. So rows wait in a queue, a thread
sends them, and its first error ends the sending with one warning: the files of the run are whole
without it, and when the run is resumed, the tracker gets the rows that it has not.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, NamedTuple

from gym_rated.runs.rows import Row
from gym_rated.runs.tracked import Status, TrackedRun, Tracker, read_ids, write_ids

PATIENCE_S = 120.0
"""Seconds that a run waits at its end for a tracker from which nothing comes back."""

_PAUSE_S = 1.0  # between two sendings, so that a server gets few of them
_MOST_SENT = 500  # rows at a time
_MOST_WAITING = 100_000  # rows


class _End(NamedTuple):
    status: Status
    result: Mapping[str, Any]


class Mirror:
    """A run at a tracker.

    Args:
        name: Name of the tracker.
        tracker: Its client.
        run: What it is told of the run.
        is_new: Whether the run begins; then a tracker that cannot begin refuses it. One that goes
            on goes on without the tracker.

    Raises:
        ValueError: If the tracker cannot begin, and the run is new.
    """

    def __init__(self, name: str, tracker: Tracker, run: TrackedRun, *, is_new: bool) -> None:
        self.name = name
        self.place: str | None = None
        self._tracker, self._run = tracker, run
        self._jobs: SimpleQueue[Row | _End] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_ending = Event()
        self._failure: Exception | None = None
        self._is_said = False
        self._result: Mapping[str, Any] = {}
        self._heard_s = time.monotonic()
        try:
            ids = {} if is_new else read_ids(run.folder, name)
            self._ids, self._num_rows, self.place = tracker.begin(run, ids)
        except Exception as error:  # clients raise what they like
            if is_new:
                raise ValueError(
                    f"`track` must name a tracker that can begin a run, got {name}: "
                    f"{_said(error)}; mend that, or leave it out"
                ) from error
            self._failure = error

    def open(self, rows: Sequence[Row], step: int | None) -> None:
        """Note the ids in the run's folder, and send what the tracker has not of `rows`."""
        if self._failure is not None:
            self._warn()
            return
        write_ids(self._run.folder, self.name, self._ids)
        self._thread = Thread(target=self._work, name=f"track-{self.name}", daemon=True)
        self._thread.start()
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Let a row wait for the thread; rows that the tracker has already are left out."""
        if self._failure is None and self._jobs.qsize() > _MOST_WAITING:
            self._failure = TimeoutError(f"{_MOST_WAITING} rows wait for it")
        if self._failure is not None:
            self._warn()
        elif row.number >= self._num_rows:
            self._jobs.put(row)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Keep the result, for the end."""
        self._result = dict(result)

    def close(self, error: BaseException | None = None) -> None:
        """Wait until the tracker has everything, for `PATIENCE_S` after its last sign of life."""
        if self._is_ending.is_set():
            return
        self._jobs.put(_End(self._status(error), self._result))
        self._is_ending.set()
        if self._thread is None:  # nothing was ever sent
            self._end_at_once()
            return
        self._heard_s = time.monotonic()
        while self._thread.is_alive() and self._failure is None:
            self._thread.join(0.5)
            if time.monotonic() - self._heard_s > PATIENCE_S:
                self._failure = TimeoutError(f"nothing came back for {PATIENCE_S:.0f} s")
        if self._failure is not None:
            self._warn()

    def _status(self, error: BaseException | None) -> Status:
        if isinstance(error, Exception):
            return "failed"
        return "finished" if error is None and self._result else "killed"

    def _end_at_once(self) -> None:
        if self._failure is None:
            with suppress(Exception):  # the run did not begin, and its own error says why
                self._tracker.end("failed", {})

    def _work(self) -> None:
        try:
            while True:
                rows, end = self._next_jobs()
                if rows:
                    self._tracker.send(rows)
                self._heard_s = time.monotonic()
                if end is not None:
                    self._tracker.end(*end)
                    return
        except Exception as error:  # of a server, a network, a disk: clients raise what they like
            self._failure = error

    def _next_jobs(self) -> tuple[list[Row], _End | None]:
        """Wait for rows; return those that have come together, and the end if that is behind."""
        jobs = [self._jobs.get()]
        self._is_ending.wait(_PAUSE_S)
        with suppress(Empty):
            while len(jobs) < _MOST_SENT and not isinstance(jobs[-1], _End):
                jobs.append(self._jobs.get_nowait())
        last = jobs[-1]
        rows = [job for job in jobs if isinstance(job, Row)]
        return rows, last if isinstance(last, _End) else None

    def _warn(self) -> None:
        """Say once that the tracker is left alone, in the thread that trains."""
        if not self._is_said and self._failure is not None:
            self._is_said = True
            warnings.warn(
                f"`track`: {self.name} gets no more of this run: {_said(self._failure)}; the run "
                f"goes on, and all of it is in {self._run.folder}",
                stacklevel=4,
            )


def _said(error: Exception) -> str:
    """Return an error of a client in one line, with its kind."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
