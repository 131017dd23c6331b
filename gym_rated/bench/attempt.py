"""How one unit begins, where an earlier attempt left it, and what it ends with."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from gym_rated.bench.engine import Ended, Job
from gym_rated.bench.rows import ROW, make_row, write_row
from gym_rated.bench.unit import Unit
from gym_rated.checkpoint.files import said_in_our_words
from gym_rated.checkpoint.state import MANIFEST
from gym_rated.runs import is_finished, read_result
from gym_rated.runs.names import CHECKPOINT, LOCK
from gym_rated.runs.reading import digest

RUN = "run"
"""Folder of the run within that of its unit."""
LOG = "log.txt"
"""File within it of what the run's process said."""

_TAIL_LINES = 15
_WAIT_FOR_LOCK_S = 30.0  # for a run whose driver was killed a moment ago


def prepare(unit: Unit, home: Path, say: Callable[[str], object]) -> Job | None:
    """Return what is to be run for a unit; None if its run was finished, and only lacked its row.

    Args:
        unit: The unit.
        home: Its folder, made if missing.
        say: Tells the user.

    Raises:
        OSError: If nothing can be written there.
        RuntimeError: If another process still writes the run.
        ValueError: If the run is finished and makes no row, or the script was edited.
    """
    with said_in_our_words(home):
        home.mkdir(exist_ok=True)
    run = home / RUN
    if run.exists():
        _wait_until_free(run)
    if is_finished(run):
        try:
            read_result(run)
        except ValueError as error:
            aside = next(a for k in count(1) if not (a := home / f"damaged-{k}").exists())
            say(f"{unit} begins anew, and what it had is in {aside}: {error}")
            run.rename(aside)
        else:
            if problem := _write_row(unit, home):
                raise ValueError(problem)
            return None
    if digest(unit.script.path) != unit.script.sha256:
        raise ValueError(f"{unit.script.path} was edited since the start; run the grid again")
    words = (*unit.script.command, *unit.words)
    if (run / CHECKPOINT / MANIFEST).exists():
        words += ("--resume", str(run))
    else:
        shutil.rmtree(run, ignore_errors=True)  # a beginning that nothing can go on from
        words += ("--run-dir", str(run))
    with said_in_our_words(home / LOG), (home / LOG).open("a") as log:
        log.write(f"$ python {' '.join(words)}\n")
    return Job(unit, words, home / LOG)


def _write_row(unit: Unit, home: Path) -> str | None:
    """Write the row of a finished run; returns why there can be none."""
    try:
        row = make_row(unit, home / RUN)
    except (ValueError, TypeError, FileNotFoundError) as error:  # of a script that writes otherwise
        return f"{error} (remove {home} to begin anew)"
    write_row(home / ROW, unit, row)
    return None


def _wait_until_free(run: Path) -> None:
    """Wait for the run of a driver that was killed to let go of its folder."""
    try:
        with FileLock(run / LOCK, timeout=_WAIT_FOR_LOCK_S):
            return
    except Timeout:
        raise RuntimeError(
            f"{run} is in use by another process, see {run / LOCK}.json; wait for it, or end it"
        ) from None


def conclude(ended: Ended, home: Path) -> str | None:
    """Write the row of a unit that has ended; returns what was wrong, if it has no result.

    The result is what counts: a run writes it last.
    """
    unit, run = ended.job.unit, home / RUN
    if is_finished(run):
        return _write_row(unit, home)
    tail = (home / LOG).read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    told = "\n".join(f"  | {line}" for line in tail)
    how = ended.lost or f"it ended with code {ended.code} and without a result"
    return (
        f"{how}; run the grid again to try again, "
        f"or remove {home} to begin anew. The end of {home / LOG}:\n{told}"
    )
