"""What the runs of one setting say of its arms: places on a line, aggregates, and comparisons.

A score is placed on the line from random actions (0) to the arm on the true reward (1). Both ends
are means of runs and uncertain as such, so that intervals draw their runs again as well (stratified
bootstrap, Agarwal et al. 2021): seeds within each task, tasks never.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gym_rated.bench.grid import RANDOM, TRUE, Grid
from gym_rated.bench.table import Entry
from gym_rated.statistics import (
    Interval,
    holm_adjusted,
    improvement_p_value,
    normalized_score,
    probability_of_improvement,
    resampled_interval,
)
from gym_rated.statistics.scores import draw_again, interquartile_means, percentile_interval

Scores = NDArray[np.float64]
"""Of the seeds of one arm on one task, shape (seeds,), or (draws, seeds)."""

_RESAMPLES = 2_000


class Line(NamedTuple):
    """What the scores of a task are placed on: runs of random actions, and on the true reward."""

    random: Scores
    true: Scores


@dataclass(frozen=True)
class Comparison:
    """An arm beside the baseline, over the tasks on which both have two runs and more.

    Attributes:
        arm: The arm.
        tasks: Names of these tasks.
        probability: That a run of the arm scores more than one of the baseline on a random task.
        p_value: Of a permutation test of both sides, not corrected.
    """

    arm: str
    tasks: tuple[str, ...]
    probability: Interval
    p_value: float


@dataclass(frozen=True)
class Judged:
    """The scores of one setting.

    Attributes:
        scores: Task -> arm -> scores, one a seed; arms without a run are not there.
        lines: Task -> its line; tasks without one are not there.
        dropped: Task -> why its scores are placed on no line.
        arms: The arms that have a run, in the order of the grid; those of others come last.
    """

    scores: Mapping[str, Mapping[str, Scores]]
    lines: Mapping[str, Line]
    dropped: Mapping[str, str]
    arms: Sequence[str]

    def tasks_of(self, arm: str) -> list[str]:
        """Return the tasks that count in the aggregate of an arm: it has runs, they a line."""
        return [task for task in self.lines if arm in self.scores[task]]

    def place(self, arm: str, tasks: Sequence[str]) -> list[Scores]:
        """Return the normalised scores of an arm, one row a task."""
        return [
            normalized_score(self.scores[t][arm], self.lines[t].random.mean(), self._end(t))
            for t in tasks
        ]

    def profiles(self) -> dict[str, list[Scores]]:
        """Return arm -> normalised scores, one row a task, where each of these has two runs."""
        placed = {arm: self.place(arm, tasks) for arm in self.arms if (tasks := self.tasks_of(arm))}
        return {arm: rows for arm, rows in placed.items() if min(map(len, rows)) > 1}

    def mean(self, arm: str, tasks: Sequence[str]) -> Interval | float:
        """Return the mean over tasks of an arm's place; its interval if each cell has two runs."""
        return self._placed(arm, tasks, lambda rows: np.mean([row.mean(1) for row in rows], axis=0))

    def iqm(self, arm: str, tasks: Sequence[str]) -> Interval | float:
        """Return the interquartile mean of the places of all of an arm's runs, likewise."""
        return self._placed(
            arm, tasks, lambda rows: interquartile_means(np.concatenate(rows, axis=1))
        )

    def compare(self, arm: str, baseline: str) -> Comparison | None:
        """Return an arm beside the baseline; None without a task on which both have two runs.

        Tasks without a line are left out, as of the aggregates.
        """
        tasks = [
            task
            for task in self.lines
            if all(len(self.scores[task].get(name, ())) >= 2 for name in (arm, baseline))
        ]
        if not tasks:
            return None
        pairs = [[self.scores[task][name] for task in tasks] for name in (arm, baseline)]
        return Comparison(arm, tuple(tasks), _improvement(*pairs), improvement_p_value(*pairs))

    def _end(self, task: str) -> float:
        return float(self.lines[task].true.mean())

    def _placed(
        self,
        arm: str,
        tasks: Sequence[str],
        statistic: Callable[[list[Scores]], NDArray[np.float64]],
    ) -> Interval | float:
        """Return a statistic of an arm's places, drawing the runs of all three again.

        Args:
            arm: The arm.
            tasks: Tasks on which it has runs.
            statistic: From normalised scores, one array a task of shape (draws, seeds), to a number
                for each draw, shape (draws,).
        """
        parts = []
        for task in tasks:
            random, true = self.lines[task]
            # its own place is 1; drawing it twice would say how sure the line's end is by itself
            true = np.array([true.mean()]) if arm == TRUE else true
            parts += [self.scores[task][arm], random, true]
        (estimate,) = _of_draws([part[None] for part in parts], statistic)
        counted = [arm, *({TRUE} - {arm})]
        if any(len(self.scores[task][name]) < 2 for task in tasks for name in counted):
            return float(estimate)
        drawn = draw_again(parts, _RESAMPLES, np.random.default_rng(0))
        return percentile_interval(estimate, _of_draws(drawn, statistic))


def judge(grid: Grid, setting: str, entries: Iterable[Entry]) -> Judged:
    """Return what the runs of a setting say; those of random actions belong to all settings."""
    found: dict[str, dict[str, list[Entry]]] = {task: {} for task in grid.tasks}
    for entry in entries:
        if entry.setting == setting or entry.arm == RANDOM:
            found[entry.task].setdefault(entry.arm, []).append(entry)
    scores = {
        task: {
            arm: np.array([entry.score for entry in sorted(group, key=lambda entry: entry.seed)])
            for arm, group in arms.items()
        }
        for task, arms in found.items()
    }
    lines, dropped = {}, {}
    for name, task in grid.tasks.items():
        random = scores[name].pop(RANDOM, np.empty(0))
        random = np.array([task.random]) if task.random is not None else random
        line = Line(random, scores[name].get(TRUE, np.empty(0)))
        problem = _problem(line)
        if problem is None:
            lines[name] = line
        else:
            dropped[name] = problem
    order = dict.fromkeys([*grid.arms, *(arm for task in scores.values() for arm in task)])
    arms = [arm for arm in order if any(arm in task for task in scores.values())]
    return Judged(scores, lines, dropped, arms)


def adjust(comparisons: Sequence[Comparison]) -> list[float]:
    """Return the p-values of a family of comparisons, corrected for that they are several."""
    if not comparisons:
        return []
    return [float(p) for p in holm_adjusted([found.p_value for found in comparisons])]


def _problem(line: Line) -> str | None:
    """Return why there is no line to place scores on, or None."""
    if not len(line.true):
        return f"it has no run of the arm {TRUE!r}"
    if not len(line.random):
        return "it has no run of random actions"
    random, true = line.random.mean(), line.true.mean()
    if true <= random:
        return f"its arm {TRUE!r}, {true:.4g}, does not lie above random actions, {random:.4g}"
    return None


def _of_draws(
    parts: list[Scores], statistic: Callable[[list[Scores]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return a statistic of places for each draw, NaN for a draw without a line.

    Args:
        parts: Scores, random and true of each task in turn, each of shape (draws, seeds).
        statistic: See `Judged._placed`.
    """
    rows, has_lines = [], np.ones(len(parts[0]), np.bool_)
    for scores, random, true in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        start = random.mean(1, keepdims=True)
        length = true.mean(1, keepdims=True) - start
        has_lines &= length[:, 0] > 0
        rows.append((scores - start) / np.where(length > 0, length, 1.0))
    return np.where(has_lines, statistic(rows), np.nan)


def _improvement(first: list[Scores], second: list[Scores]) -> Interval:
    """Return the probability of improvement, drawing the seeds of both again within each task."""
    rows = [*first, *second]
    everything, sizes = np.concatenate(rows), [len(row) for row in rows]
    cuts = np.cumsum(sizes)[:-1]

    def of_drawn(drawn: NDArray[np.int64]) -> float:
        found = np.split(everything[drawn], cuts)
        return probability_of_improvement(found[: len(first)], found[len(first) :])

    rng = np.random.default_rng(0)
    return resampled_interval(of_drawn, sizes, rng=rng, num_resamples=_RESAMPLES)
