"""The table of a grid: a CSV file with one line a run, small enough to be committed or mailed."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace
from io import StringIO
from math import isfinite
from pathlib import Path
from types import MappingProxyType

from gym_rated.bench.grid import RANDOM, Grid
from gym_rated.bench.rows import ROW, Row, read_row
from gym_rated.bench.unit import Cell, Unit, folder_of, units_of
from gym_rated.checkpoint.files import read_file, replace_file
from gym_rated.statistics import area_under


@dataclass(frozen=True)
class Entry:
    """A line of the table: a run, and what came of it.

    Attributes:
        task: Name of the task.
        arm: Name of the arm; "random" for random actions.
        setting: Name of the setting; empty for random actions.
        seed: The seed.
        score: The score, in reward units.
        steps: Environment steps; None where that is not known.
        num_ratings: Ratings.
        episode_length: Mean steps of the last episodes.
        problem: Why nothing was learned from ratings; empty where something was.
        gym_rated: Version that made it.
        commit: Its commit.
        unit: The folder of its run.
        curve: Mean true return in equal stretches of training; None for a stretch without any.
        setup: Hash of its configuration without version and script's content; empty if not known.
    """

    task: str
    arm: str
    setting: str
    seed: int
    score: float
    steps: int | None = None
    num_ratings: int | None = None
    episode_length: float | None = None
    problem: str = ""
    gym_rated: str = ""
    commit: str = ""
    unit: str = ""
    curve: tuple[float | None, ...] = ()
    setup: str = ""

    @property
    def cell(self) -> Cell:
        """Of which cell of a grid it is, and which of its seeds."""
        return self.task, self.arm, self.setting, self.seed

    @property
    def area(self) -> float | None:
        """Area under the curve by its length: the mean true return in all of training."""
        return None if all(y is None for y in self.curve) else area_under(self.curve)


_STORED = tuple(field.name for field in fields(Entry))
COLUMNS = (*_STORED, "area")  # of the curve: it is written for others, and not read
_LATER = ("setup", "area")  # tables of before there were such columns are read


def entries_of(
    grid: Grid, folder: str | Path, earlier: Mapping[Cell, Entry] = MappingProxyType({})
) -> tuple[list[Entry], list[Cell]]:
    """Return the lines of a grid's runs, and the cells without one.

    Args:
        grid: The grid.
        folder: Folder of all runs.
        earlier: Lines that count where there is no run.

    Raises:
        ValueError: If a script of the grid is not there.
    """
    entries, missing = [], []
    for unit in units_of(grid):
        try:
            _, row = read_row(folder_of(unit, Path(folder)) / ROW, unit.config)
        except (FileNotFoundError, ValueError):  # the next run of the grid says which
            if unit.cell in earlier:
                entries.append(earlier[unit.cell])
            else:
                missing.append(unit.cell)
        else:
            entries.append(_entry(unit, row))
    return entries, missing


def write_table(path: Path, entries: Iterable[Entry]) -> None:
    """Write entries as CSV; a curve is numbers with spaces between, and "-" where there is none."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([_written(value) for value in (*astuple(entry), entry.area)])
    replace_file(path, out.getvalue().encode())


def read_table(path: Path, grid: Grid) -> tuple[dict[Cell, Entry], int]:
    """Read the lines of a grid's runs, and how many lines are of none of them.

    A line is of a run of the grid if its cell is there and has the same flags, environment and name
    of the script; whether versions are the same is not asked, nor is it where the table does not
    know its flags. Of an arm that no setting is for, a line of any setting is of all of them.

    Args:
        path: A CSV file with the columns of `write_table`.
        grid: The grid.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table, two lines are of the same run, or a script of the grid
            is not there.
    """
    lines = {line.cell: line for line in read_lines(path)}
    unrated = {
        (line.task, line.arm, line.setup): line
        for line in lines.values()
        if line.setup and line.arm in grid.arms and not grid.arms[line.arm].rated
    }
    found, used = {}, set[Cell]()
    for unit in units_of(grid):
        line = lines.get(unit.cell)
        if line is None or line.setup not in ("", unit.setup):
            line = unrated.get((unit.task, unit.arm, unit.setup))
        if line is not None:
            found[unit.cell] = replace(line, setting=unit.setting)
            used.add(line.cell)
    return found, len(lines) - len(used)


def read_compared(path: Path, grid: Grid) -> list[Entry]:
    """Read a table to be set beside the runs of a grid.

    Args:
        path: A CSV file with the columns of `write_table`; all but the first five may be empty.
        grid: The grid, whose tasks and settings its lines must be of, and whose arms they must not.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table, a line is of a task or setting that the grid has not or
            of an arm that it has, or two lines are of the same run.
    """
    entries = list(read_lines(path, "compare"))
    for entry in entries:
        _check_known("task", entry.task, grid.tasks, path)
        _check_known("setting", entry.setting, grid.settings, path)
        if entry.arm in (*grid.arms, RANDOM):
            raise ValueError(
                f"`compare` must have arms of its own, got {entry.arm!r} in {path}, which the grid "
                "has; rename it, or leave its lines out"
            )
    return entries


def read_lines(path: Path, name: str = "rows") -> Iterator[Entry]:
    """Yield all lines of a table, of whatever grid.

    Args:
        path: A CSV file with the columns of `write_table`.
        name: What errors call it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table, or two lines are of the same run.
    """
    try:
        lines = list(csv.reader(StringIO(read_file(path).decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"`{name}` must be a CSV file, got {path}: {error}") from error
    columns = [name for name in COLUMNS if name not in _LATER or name in lines[0]] if lines else []
    if not lines or lines[0] != columns:
        found = ", ".join(lines[0]) if lines else "none"
        raise ValueError(
            f"`{name}` must have the columns {', '.join(COLUMNS)}, got {found} in {path}"
        )
    seen: set[Cell] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        try:
            entry = _parsed(line, lines[0])
        except ValueError as error:
            raise ValueError(
                f"`{name}` must have a run in each line, got line {number} of {path}: {error}"
            ) from error
        if entry.cell in seen:
            raise ValueError(
                f"`{name}` must have one line a run, got two of {entry.cell} in {path}"
            )
        seen.add(entry.cell)
        yield entry


def _parsed(line: list[str], columns: list[str]) -> Entry:
    if len(line) != len(columns):
        raise ValueError(f"it has {len(line)} columns")
    of = dict(zip(columns, line, strict=True))
    return Entry(
        of["task"],
        of["arm"],
        of["setting"],
        _count(of["seed"]),
        _number(of["score"]),
        _count(of["steps"]) if of["steps"] else None,
        _count(of["num_ratings"]) if of["num_ratings"] else None,
        _number(of["episode_length"]) if of["episode_length"] else None,
        of["problem"],
        of["gym_rated"],
        of["commit"],
        of["unit"],
        tuple(None if point == "-" else _number(point) for point in of["curve"].split()),
        of.get("setup", ""),
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError(f"{text[:80]!r} is no whole number of at least 0")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:80]!r} is no finite number")
    return number


def _written(value: object) -> object:
    if isinstance(value, tuple):
        return " ".join("-" if point is None else f"{point:g}" for point in value)
    return "" if value is None else value


def _entry(unit: Unit, row: Row) -> Entry:
    return Entry(
        *unit.cell,
        row.score,
        row.steps,
        row.num_ratings,
        row.episode_length,
        row.problem or "",
        row.gym_rated or "",
        row.commit or "",
        unit.key,
        row.curve,
        unit.setup,
    )


def _check_known(name: str, value: str, known: Collection[str], path: Path) -> None:
    if value not in known:
        raise ValueError(
            f"`compare` must be of the {name}s of the grid, {', '.join(known)}, got {value!r} in "
            f"{path}"
        )
