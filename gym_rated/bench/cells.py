"""The table of one task: what each arm scored, how that varies, and which seeds are missing."""

from collections.abc import Sequence

from gym_rated.bench.grid import RANDOM, Grid
from gym_rated.bench.judging import Judged, judge
from gym_rated.bench.table import Entry
from gym_rated.bench.unit import Cell
from gym_rated.page import Table
from gym_rated.statistics import Interval, normalized_score, standard_error


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


def runs_table(grid: Grid, entries: Sequence[Entry]) -> Table:
    """Return one line a run: of which cell and seed it is, its scores, and what was wrong."""
    judged = {setting: judge(grid, setting, entries) for setting in grid.settings}
    rows = []
    for entry in entries:
        line = judged[entry.setting].lines.get(entry.task) if entry.setting else None
        place = ""
        if line is not None:
            ends = (float(line.random.mean()), float(line.true.mean()))
            place = f"{normalized_score(entry.score, *ends):.2f}"
        row = [entry.task, entry.arm, entry.setting, str(entry.seed), f"{entry.score:.5g}", place]
        area = "" if entry.area is None else f"{entry.area:.5g}"
        rows.append([*row, area, number(entry.num_ratings, 0), entry.problem])
    columns = ["task", "arm", "setting", "seed", "true return", "normalised"]
    return Table([*columns, "in all of training", "ratings", "nothing learned, as"], rows)


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


def p_value(p: float, digits: int) -> str:
    """Return a p-value as text, one that would be rounded to 0 as the limit that it lies below."""
    least = 10.0**-digits
    return f"< {least:.{digits}f}" if p < least / 2 else number(p, digits)


def number(value: float | None, digits: int) -> str:
    """Return a number as text; empty for none."""
    return "" if value is None else f"{value:.{digits}f}"
