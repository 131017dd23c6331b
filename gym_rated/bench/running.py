"""Run a grid as far as it has not been run: what is done has a row, and only rows count."""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gym_rated.assembly.wording import named_as
from gym_rated.bench.attempt import conclude, prepare
from gym_rated.bench.checking import check_units
from gym_rated.bench.engine import Engine, Job
from gym_rated.bench.grid import Grid
from gym_rated.bench.rows import ROW, read_row
from gym_rated.bench.stopping import stopped_by_signals
from gym_rated.bench.table import read_table
from gym_rated.bench.unit import EDITION, Unit, canonical, folder_of, units_of
from gym_rated.runs.lock import lock_folder

_NAMED = 10  # failed runs at the end; all are told as they fail


@dataclass
class Tally:
    """How many runs of a grid are done, and which failed."""

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return both in words."""
        said = f"{self.done} of {self.total} runs are done"
        if not self.failed:
            return said
        more = " and others" if len(self.failed) > _NAMED else ""
        return f"{said}, {len(self.failed)} failed: {', '.join(self.failed[:_NAMED])}{more}"


def run_grid(
    grid: Grid, folder: str | Path, engine: Engine, *, rows: str | Path | None = None
) -> Tally:
    """Run what of a grid has no row yet, and say on the terminal how it goes.

    A run that was interrupted goes on at its checkpoint, or begins anew where its script keeps
    none. One that fails does not stop the others.

    Args:
        grid: What is to be run.
        folder: Folder of all runs, also of other grids; made if missing.
        engine: What runs them.
        rows: The rows.csv of an earlier report, whose runs count as done.

    Returns:
        How it went.

    Raises:
        KeyboardInterrupt: At Ctrl-C, and at SIGTERM; what was running has been stopped.
        RuntimeError: If another process runs a grid in `folder`.
        ValueError: If a script is not there, or would refuse its flags, or `rows` is no such table;
            nothing has been run then.
    """
    folder = Path(folder)
    earlier, num_others = ({}, 0) if rows is None else read_table(Path(rows), grid)
    cells = units_of(grid)
    done = {unit.key for unit in cells if unit.cell in earlier}
    units = list({unit.key: unit for unit in cells}.values())
    to_do = [unit for unit in units if unit.key not in done]
    check_units([unit for unit in to_do if not (folder_of(unit, folder) / ROW).exists()])
    with _held(folder), stopped_by_signals():
        missing = list(_missing(to_do, folder))
        if num_others:
            print(f"{rows}: {num_others} lines are of no run of this grid, and do not count")
        _say_outdated(missing, folder)
        tally = Tally(len(units), len(units) - len(missing))
        print(f"{grid.path}: {tally}", flush=True)
        try:
            with tqdm(
                total=tally.total, initial=tally.done, unit="run", smoothing=0, disable=None
            ) as bar:
                bar.set_postfix(done=tally.done, failed=0)
                _run(missing, folder, engine, tally, bar)
        except KeyboardInterrupt:
            print(f"interrupted: {tally}; run it again to go on")
            raise
        print(tally)
        return tally


def _missing(units: Iterable[Unit], folder: Path) -> Iterator[Unit]:
    """Yield the units without a row that holds, and say of rows that do not."""
    for unit in units:
        path = folder_of(unit, folder) / ROW
        try:
            read_row(path, unit.config)
        except FileNotFoundError:
            yield unit
        except ValueError as error:
            print(f"{unit} runs again: {error}")
            yield unit


def _say_outdated(missing: Sequence[Unit], folder: Path) -> None:
    """Say of how many runs to come there are rows of another version, which are left alone."""
    ours = {_without_edition(unit.config): unit for unit in missing}
    keys = {unit.key for unit in missing}
    versions = []
    for path in folder.glob(f"*/{ROW}"):
        if path.parent.name in keys:
            continue
        try:
            config, row = read_row(path)
        except ValueError:
            continue  # of another grid: that will say so
        if _without_edition(config) in ours:
            versions.append(row.gym_rated or "unknown")
    if versions:
        print(
            f"of another version of gym_rated ({', '.join(sorted(set(versions)))}) or of a script "
            f"there are rows in {folder}, {len(versions)} in all: they are left as they are, and "
            "run again by this one"
        )


def _without_edition(config: Mapping[str, Any]) -> bytes:
    return canonical({name: value for name, value in config.items() if name not in EDITION})


def _run(
    missing: Sequence[Unit], folder: Path, engine: Engine, tally: Tally, bar: "tqdm[Any]"
) -> None:
    """Run units, and count them as they end; where there is no bar, each has its line."""
    began, ended_here = time.monotonic(), itertools.count(1)

    def end(unit: Unit, problem: str | None) -> None:
        if problem is None:
            tally.done += 1
        else:
            tally.failed.append(str(unit))
            bar.write(f"FAILED {unit}: {problem}")
        if bar.disable:  # as in a log, which is read from afar and later
            each = (time.monotonic() - began) / (number := next(ended_here))
            left = tqdm.format_interval(each * (len(missing) - number))
            print(f"{tally.done} of {tally.total} done, about {left} left: {unit}", flush=True)
        bar.set_postfix(done=tally.done, failed=len(tally.failed), refresh=False)
        bar.update()

    def jobs() -> Iterator[Job]:
        for unit in missing:
            try:
                job = prepare(unit, folder_of(unit, folder), bar.write)
            except (RuntimeError, ValueError) as error:
                end(unit, str(error))
            else:
                if job is not None:
                    yield job
                else:
                    end(unit, None)

    with closing(engine.run(jobs())) as endings:
        for ended in endings:
            if ended is None:
                bar.refresh()
            else:
                end(ended.job.unit, conclude(ended, folder_of(ended.job.unit, folder)))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder of all runs for this process."""
    with named_as(run_dir="dir"):
        lock = lock_folder(folder)
    try:
        yield
    finally:
        lock.release()
