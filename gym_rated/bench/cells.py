"""The table of one task: what each arm scored, how that varies, and which seeds are missing."""

from collections.abc import Sequence

from gym_rated.bench.grid import RANDOM, Grid
from gym_rated.bench.judging import Judged
from gym_rated.bench.table import Entry
from gym_rated.bench.unit import Cell
from gym_rated.page import Table
from gym_rated.statistics import Interval, standard_error


def task_table(
    grid: Grid,
    here: Judged,
    task: str,
    setting: str,
    entries: Sequence[Entry],
    missing: Sequence[Cell],
) -> Table:
    """Return one line an arm: runs, true return, place, worst seed, and seeds that are missing.

    Args:
        grid: The grid.
        here: Its setting, judged.
        task: Name of the task.
        setting: Name of the setting.
        entries: All runs.
        missing: Cells of the grid without a run.
    """
    rows = []
    for arm in dict.fromkeys([RANDOM, *grid.arms, *here.scores[task]]):
        of = (task, arm, "" if arm == RANDOM else setting)
        runs = [entry for entry in entries if entry.cell[:3] == of]
        lacking = [str(seed) for *cell, seed in missing if tuple(cell) == of]
        if arm == RANDOM and grid.tasks[task].random is not None:
            rows.append([RANDOM, "given", number(grid.tasks[task].random, 1), *["", "0", "", ""]])
        elif runs or lacking:
            rows.append([arm, *_scores(here, task, arm, runs), ", ".join(lacking)])
    columns = ["arm", "runs", "true return (mean ± s.e.)", "in all of training (mean ± s.e.)"]
    columns += ["normalised (95 % interval)", "worst seed", "seeds missing"]
    return Table(columns, rows)


def _scores(here: Judged, task: str, arm: str, runs: Sequence[Entry]) -> list[str]:
    if not runs:
        return ["0", "", "", "", ""]
    digits = 0 if max(abs(run.score) for run in runs) >= 100 else 2
    areas = [run.area for run in runs if run.area is not None]
    worst = min(runs, key=lambda run: run.score)
    place = "0" if arm == RANDOM else ""
    if arm != RANDOM and task in here.lines:
        place = placed(here.mean(arm, [task]))
    at = f"{number(worst.score, digits)} (seed {worst.seed})"
    means = [_mean([run.score for run in runs], digits), _mean(areas, digits)]
    return [str(len(runs)), *means, place if task in here.lines else "", at]


def _mean(values: Sequence[float], digits: int) -> str:
    """Return a mean with its standard error, if it has one; empty for no values."""
    if not values:
        return ""
    spread = f" ± {float(standard_error(values)):.{digits}f}" if len(values) > 1 else ""
    return number(sum(values) / len(values), digits) + spread


def placed(found: Interval | float) -> str:
    """Return a statistic with its interval, if it has one."""
    if isinstance(found, Interval):
        return f"{found.estimate:.2f} ({found.low:.2f} to {found.high:.2f})"
    return f"{found:.2f}"


def number(value: float | None, digits: int) -> str:
    """Return a number as text; empty for none."""
    return "" if value is None else f"{value:.{digits}f}"
