"""The tables of the grid of ten tasks: is a task learned at all, and what each arm makes of it."""

from collections.abc import Iterator, Sequence

import numpy as np

from gym_rated.bench.cells import number, placed
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
    p_values = {
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
        better, p = p_values.get(arm, (None, None))
        cells = [
            f"`{arm}`",
            str(sum(map(len, rows.values()))),
            f"{len(tasks)} of {len(grid.tasks)}",
        ]
        cells += [placed(here.mean(arm, tasks)), placed(here.iqm(arm, tasks))]
        cells += [f"{rows[worst].mean():.2f} ({worst})"]
        cells += ["" if better is None else placed(better), number(p, 3)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tasks_table(here: Judged) -> str:
    """Return one row a task: the place of each arm, with the number of its runs."""
    arms = [arm for arm in here.arms if arm != TRUE and here.tasks_of(arm)]
    lines = [f"| task | {' | '.join(f'`{arm}`' for arm in arms)} |", "|---" * (len(arms) + 1) + "|"]
    for task in here.lines:
        lines.append(f"| {task} | {' | '.join(_places(here, task, arms))} |")
    return "\n".join(lines)


def _places(here: Judged, task: str, arms: Sequence[str]) -> Iterator[str]:
    for arm in arms:
        if arm not in here.scores[task]:
            yield ""
            continue
        found = here.mean(arm, [task])
        runs = len(here.scores[task][arm])
        yield placed(found) if isinstance(found, Interval) else f"{found:.2f} ({runs} run)"
