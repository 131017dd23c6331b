"""The tables of grids: is a task learned at all, and what each arm makes of how many ratings."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gym_rated.bench.budgets import scores_by_budget
from gym_rated.bench.cells import p_value, placed
from gym_rated.bench.grid import RANDOM, TRUE, Grid
from gym_rated.bench.judging import Judged, adjust
from gym_rated.bench.table import Entry
from gym_rated.statistics import Interval, standard_error

LEARNED_AT = 5.0
"""Standard errors of the difference that the true reward must be above random actions."""


def pilot_table(entries: Sequence[Entry]) -> str:
    """Return one row a task: random actions, the true reward, and how sure the difference is."""
    lines = [
        "| task | random actions | true reward | difference in its s.e. | kept |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(entry.task for entry in entries):
        ends = [
            np.array([entry.score for entry in entries if entry.cell[:2] == (name, arm)])
            for arm in (RANDOM, TRUE)
        ]
        if min(map(len, ends)) > 1:
            errors = [float(standard_error(end)) for end in ends]
            sure = float((ends[1].mean() - ends[0].mean()) / np.hypot(*errors))
            spread = zip(ends, errors, strict=True)
            cells = [name, *(f"{end.mean():.1f} ± {error:.1f}" for end, error in spread)]
            cells += [f"{sure:.1f}", "yes" if sure >= LEARNED_AT else "no"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def arms_table(grid: Grid, here: Judged, baseline: str) -> str:
    """Return one row an arm: its mean and IQM over tasks, its worst, and how it compares."""
    arms = [arm for arm in here.arms if here.tasks_of(arm)]
    compared = [
        found
        for arm in arms
        if arm not in (TRUE, baseline) and (found := here.compare(arm, baseline)) is not None
    ]
    compared_with = {
        found.arm: (found.probability, p)
        for found, p in zip(compared, adjust(compared), strict=True)
    }
    lines = [
        f"| arm | runs | tasks | mean | IQM | worst task | better than {baseline} | p |",
        "|---" * 8 + "|",
    ]
    for arm in arms:
        tasks = here.tasks_of(arm)
        rows = dict(zip(tasks, here.place(arm, tasks), strict=True))
        worst = min(tasks, key=lambda task: float(rows[task].mean()))
        cells = [
            f"`{arm}`",
            str(sum(map(len, rows.values()))),
            f"{len(tasks)} of {len(grid.tasks)}",
        ]
        cells += [placed(here.mean(arm, tasks)), placed(here.iqm(arm, tasks))]
        cells += [f"{rows[worst].mean():.2f} ({worst})"]
        better, p = compared_with.get(arm, (None, 1.0))
        cells += ["", ""] if better is None else [placed(better), p_value(p, 3)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tasks_table(here: Judged) -> str:
    """Return one row a task: the place of each arm, with the number of its runs."""
    arms = [arm for arm in here.arms if arm != TRUE and here.tasks_of(arm)]
    lines = [f"| task | {' | '.join(f'`{arm}`' for arm in arms)} |", "|---" * (len(arms) + 1) + "|"]
    for task in here.lines:
        lines.append(f"| {task} | {' | '.join(_places(here, task, arms))} |")
    return "\n".join(lines)


def places_by_arm(here: Judged) -> str:
    """Return one row an arm: its place on each task. For grids of more arms than tasks."""
    lines = [f"| arm | {' | '.join(here.lines)} |", "|---" * (len(here.lines) + 1) + "|"]
    for arm in here.arms:
        if arm != TRUE and here.tasks_of(arm):
            cells = [cell for task in here.lines for cell in _places(here, task, [arm])]
            lines.append(f"| `{arm}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def budget_table(grid: Grid, judged: Mapping[str, Judged], budget: Mapping[str, int]) -> str:
    """Return one row an arm and task, the mean over all first: its place by number of ratings."""
    numbers = [f"{number} ratings" for number in budget.values()]
    lines = [f"| task | arm | {' | '.join(numbers)} |", "|---" * (len(numbers) + 2) + "|"]
    found = scores_by_budget(grid, judged, budget)
    for arm, (tasks, means) in found.items():
        cells = [f"mean of {len(tasks)}", f"`{arm}`", *map(placed, means)]
        lines.append(f"| {' | '.join(cells)} |")
    for task in grid.tasks:
        for arm in (arm for arm, (tasks, _) in found.items() if task in tasks):
            means = [judged[setting].mean(arm, [task]) for setting in budget]
            lines.append(f"| {' | '.join([task, f'`{arm}`', *map(placed, means)])} |")
    return "\n".join(lines)


def _places(here: Judged, task: str, arms: Sequence[str]) -> Iterator[str]:
    for arm in arms:
        if arm not in here.scores[task]:
            yield ""
            continue
        found = here.mean(arm, [task])
        runs = len(here.scores[task][arm])
        yield placed(found) if isinstance(found, Interval) else f"{found:.2f} ({runs} run)"
