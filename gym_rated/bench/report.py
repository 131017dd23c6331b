"""The page of a grid: which runs there are, and what they say, with how sure that is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from gym_rated.bench.budgets import budgets_of, scores_by_budget
from gym_rated.bench.cells import p_value, placed, runs_table, task_table
from gym_rated.bench.grid import TRUE, Grid, check_baseline
from gym_rated.bench.judging import Comparison, Judged, adjust, judge
from gym_rated.bench.table import (
    Entry,
    entries_of,
    read_compared,
    read_table,
    write_table,
)
from gym_rated.bench.unit import Cell
from gym_rated.choices import PictureFormat
from gym_rated.page import Block, Filtered, Heading, Table, Text, write_page
from gym_rated.plots import plot_budgets, plot_curves, plot_profiles
from gym_rated.plots.pictures import Pictures

TABLE = "rows.csv"


def write_report(
    grid: Grid,
    folder: str | Path,
    out: str | Path,
    *,
    baseline: str | None = None,
    compare: str | Path | None = None,
    rows: str | Path | None = None,
    formats: tuple[PictureFormat, ...] = (),
) -> None:
    """Write rows.csv, report.md with its pictures, and report.html, which needs nothing else.

    Args:
        grid: The grid; what of it has not been run is listed.
        folder: Folder of its runs.
        out: Folder of the report, made if missing.
        baseline: The arm that others are compared with; that of the grid by default.
        compare: A table with the columns of rows.csv, whose arms are set beside those of the grid.
        rows: The rows.csv of an earlier report, whose lines count where `folder` has no run.
        formats: Further formats of each picture, beside the PNG that the page shows.

    Raises:
        ValueError: If there is no run at all, `compare` or `rows` is no such table, or `baseline`
            no arm.
    """
    out = Path(out)
    earlier, num_others = ({}, 0) if rows is None else read_table(Path(rows), grid)
    own, missing = entries_of(grid, folder, earlier)
    others = [] if compare is None else read_compared(Path(compare), grid)
    if not own and not others:
        at = folder if rows is None else f"{folder} and {rows}"
        raise ValueError(f"`dir` must hold runs of {grid.path}, got none in {at}; run it first")
    arms = [*grid.arms, *dict.fromkeys(entry.arm for entry in others)]
    if baseline is not None:
        check_baseline("baseline", baseline, arms)
    elif grid.baseline in arms:  # a part of a grid may be without
        baseline = grid.baseline
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / TABLE, [*own, *others])
    left_out = f"Left out, as of no run of this grid: {num_others} lines of {rows}."
    blocks = [
        *_what_there_is(grid, own, others, missing),
        *([Text(left_out)] if num_others else []),
        *_settings(grid, [*own, *others], missing, baseline, Pictures(out, formats)),
        Filtered("All runs", runs_table(grid, [*own, *others]), by=3),
    ]
    write_page(out, "report", f"Grid {grid.path.stem}", blocks)


def _what_there_is(
    grid: Grid, own: Sequence[Entry], others: Sequence[Entry], missing: Sequence[Cell]
) -> Iterator[Block]:
    """Yield whether the grid is complete, and what its rows were made by."""
    total = len(own) + len(missing)
    if missing:
        yield Text(
            f"Incomplete: {len(own)} of {total} runs are done. Below, every number is of the runs "
            "that there are."
        )
        yield Heading("Missing runs")
        seeds: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for *cell, seed in missing:
            seeds[tuple(cell)].append(seed)  # type: ignore[index]  # three names
        rows = [[*cell, ", ".join(map(str, lacking))] for cell, lacking in seeds.items()]
        yield Table(["task", "arm", "setting", "seeds that are missing"], rows)
    else:
        yield Text(f"Complete: all {total} runs are done.")
    if set(grid.seeds) & set(grid.tuning_seeds):
        yield Text(
            "Seeds that methods may have been tuned on are among them: show no such numbers."
        )
    editions = sorted({(entry.gym_rated or "unknown", entry.commit or "unknown") for entry in own})
    made = "; ".join(f"{version}, commit {commit}" for version, commit in editions)
    by = f" They were made by gym_rated {made}." if own else ""
    yield Text(f"All runs are in {TABLE}, one a line.{by}")
    if others:
        arms = ", ".join(dict.fromkeys(entry.arm for entry in others))
        yield Text(f"Not of the grid, but set beside it: {arms} ({len(others)} runs).")
    nothing = [f"{'/'.join(map(str, e.cell))}: {e.problem}" for e in own if e.problem]
    if nothing:
        yield Text(f"Runs that learned nothing from ratings: {'; '.join(nothing)}.")


def _settings(
    grid: Grid,
    entries: Sequence[Entry],
    missing: Sequence[Cell],
    baseline: str | None,
    pictures: Pictures,
) -> Iterator[Block]:
    """Yield aggregates and tasks of each setting; all comparisons together are one family."""
    judged = {setting: judge(grid, setting, entries) for setting in grid.settings}
    compared = {
        setting: [
            found
            for arm in here.arms
            if baseline is not None and arm not in (TRUE, baseline)
            if (found := here.compare(arm, baseline)) is not None
        ]
        for setting, here in judged.items()
    }
    adjusted = iter(adjust([found for group in compared.values() for found in group]))
    for setting, here in judged.items():
        yield Heading(f"Setting {setting}")
        yield from _aggregate(grid, here, pictures, setting)
        if baseline is not None:
            comparisons = compared[setting]
            family = sum(map(len, compared.values()))
            p_values = [next(adjusted) for _ in comparisons]
            yield from _comparisons(grid, here, comparisons, p_values, baseline, family)
        for task in grid.tasks:
            if here.scores[task]:
                yield Heading(f"{task} ({grid.tasks[task].env_id})", 3)
                yield task_table(grid, here, task, setting, entries, missing)
                yield from _curves(here, task, setting, entries, pictures)
    for budget in budgets_of(grid):
        yield from _budget(grid, judged, budget, pictures)


def _aggregate(grid: Grid, here: Judged, pictures: Pictures, setting: str) -> Iterator[Block]:
    """Yield the table over tasks, with what is left out of it, and the profile."""
    yield Text(
        f"Scores are placed on a line: random actions are 0, the arm {TRUE!r} is 1. Means and "
        "interquartile means (IQM) are over tasks and seeds; 95 % intervals are of a bootstrap "
        "that draws the seeds of the arm and of both ends of the line again within each task. "
        "There is none where a cell has a single run."
    )
    for task, problem in here.dropped.items():
        yield Text(f"Dropped from the aggregate: {task}, as {problem}.")
    rows, is_partial = [], False
    for arm in here.arms:
        tasks = here.tasks_of(arm)
        if not tasks:
            continue
        lacking = [task for task in here.lines if task not in tasks]
        is_partial |= bool(lacking)
        of = f"{len(tasks)} of {len(here.lines)}" + (
            f" (not {', '.join(lacking)})" if lacking else ""
        )
        rows.append([arm, of, placed(here.mean(arm, tasks)), placed(here.iqm(arm, tasks))])
    if not rows:
        yield Text("There is nothing to aggregate.")
        return
    yield Table(["arm", "tasks", "mean (95 % interval)", "IQM (95 % interval)"], rows)
    if is_partial:
        yield Text(
            "Arms with fewer tasks are aggregated over those on which they have runs, and are not "
            "to be compared with arms of other tasks by these numbers."
        )
    if profiles := here.profiles():
        title = f"{grid.path.stem}, {setting}: performance profile"
        yield pictures.draw(
            f"{setting}-profile",
            "share of runs that score more, by normalised score and arm",
            partial(plot_profiles, profiles, title=title),
        )


def _comparisons(
    grid: Grid,
    here: Judged,
    comparisons: Sequence[Comparison],
    p_values: Sequence[float],
    baseline: str,
    family: int,
) -> Iterator[Block]:
    yield Heading(f"Compared with {baseline}", 3)
    if not comparisons:
        yield Text(f"No arm has a task on which both it and {baseline} have two runs or more.")
        return
    yield Text(
        f"How likely a run of the arm scores more than one of {baseline} on a random task, equal "
        "scores counting one half, over the tasks on which both have two runs or more. p is of a "
        "permutation test of both sides that exchanges runs within each task, and corrected by "
        f"Holm's method for all comparisons of this page, of which there are {family}."
    )
    rows = [
        [
            found.arm,
            f"{len(found.tasks)} of {len(here.lines)}",
            placed(found.probability),
            p_value(found.p_value, 4),
            p_value(p, 4),
        ]
        for found, p in zip(comparisons, p_values, strict=True)
    ]
    yield Table(
        ["arm", "tasks", f"P(better than {baseline}) (95 % interval)", "p", "p (Holm)"], rows
    )


def _budget(
    grid: Grid, judged: Mapping[str, Judged], budget: Mapping[str, int], pictures: Pictures
) -> Iterator[Block]:
    """Yield what the arms make of few and of many ratings, where the settings differ in that."""
    found = scores_by_budget(grid, judged, budget)
    if not found:
        return
    numbers = list(budget.values())
    yield Heading(f"Score by number of ratings: settings {', '.join(budget)}")
    yield Text(
        "The mean normalised score over the tasks on which an arm has runs with every number of "
        "ratings, with its 95 % interval."
    )
    rows = [[arm, ", ".join(tasks), *map(placed, means)] for arm, (tasks, means) in found.items()]
    yield Table(["arm", "tasks", *(f"{number} ratings" for number in numbers)], rows)
    means = {arm: of_arm for arm, (_, of_arm) in found.items()}
    title = f"{grid.path.stem}: normalised score by number of ratings"
    yield pictures.draw(
        f"ratings-{'-'.join(budget)}",
        "mean normalised score by number of ratings and arm",
        partial(plot_budgets, means, numbers, title=title),
    )


def _curves(
    here: Judged, task: str, setting: str, entries: Iterable[Entry], pictures: Pictures
) -> Iterator[Block]:
    """Draw the true return over training of every arm, from the curves of the rows."""
    groups: dict[str, list[tuple[list[float], list[float]]]] = {}
    for arm in here.scores[task]:
        for entry in entries:
            is_here = entry.cell[:3] == (task, arm, setting)
            if is_here and entry.steps and any(y is not None for y in entry.curve):
                groups.setdefault(arm, []).append(_curve(entry, entry.steps))
    if groups:
        yield pictures.draw(
            f"{setting}-{task}",
            "true return over training by arm, mean and standard error over seeds",
            partial(plot_curves, groups, title=f"{task}, {setting}: mean and standard error"),
        )


def _curve(entry: Entry, steps: int) -> tuple[list[float], list[float]]:
    """Return steps and values of a run's curve, each value in the middle of its stretch."""
    stretch = steps / len(entry.curve)
    known = [((i + 0.5) * stretch, y) for i, y in enumerate(entry.curve) if y is not None]
    return [x for x, _ in known], [y for _, y in known]
