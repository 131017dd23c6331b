"""Whether one method is better than another: how often, by chance how often, and among how many.

Probability of improvement as in Agarwal et al. 2021, a permutation test, and Holm's correction for
several comparisons.
"""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import whole_number
from gym_rated.statistics.scores import finite, rows_of


def probability_of_improvement(
    first: Sequence[ArrayLike] | NDArray[Any], second: Sequence[ArrayLike] | NDArray[Any]
) -> float:
    """Return how likely a run of `first` scores more than one of `second` on a random task.

    P(X > Y), the mean over tasks of the Mann-Whitney statistic divided by the number of pairs of
    seeds (Agarwal et al. 2021, section 4.3); equal scores count one half.

    Args:
        first: One row of seeds a task, rows of any length >= 2; a flat list is one task.
        second: The same tasks in the same order; the number of seeds may differ.

    Returns:
        A number in [0, 1]; 0.5 where neither is better.

    Raises:
        ValueError: If the numbers of tasks differ, there is no row, or one of fewer than 2 scores,
            or a score is not finite.
    """
    xs, ys = rows_of(first), rows_of(second)
    if len(xs) != len(ys):
        raise ValueError(
            f"`first` and `second` must hold the same tasks, got {len(xs)} and {len(ys)}"
        )
    per_task = [0.5 + 0.5 * np.sign(x[:, None] - y).mean() for x, y in zip(xs, ys, strict=True)]
    return float(np.mean(per_task))


def improvement_p_value(
    first: Sequence[ArrayLike] | NDArray[Any],
    second: Sequence[ArrayLike] | NDArray[Any],
    *,
    num_draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Return how often runs that are alike would look as different as these: a permutation test.

    If it made no difference, any runs of a task could as well have been those of `first`. So runs
    change sides within each task, tasks never, and counted is how often the probability of
    improvement gets as far from one half as it was. All ways of changing sides are counted where
    they are at most `num_draws`; else so many are drawn, and what was found counts as one more
    (Phipson and Smyth 2010, "Permutation p-values should never be zero").

    Args:
        first: One row of seeds a task, rows of any length >= 2; a flat list is one task.
        second: The same tasks in the same order; the number of seeds may differ.
        num_draws: How often to draw, at least 1.
        seed: Of the draws; the same seed gives the same number.

    Returns:
        The p-value of both sides, in (0, 1].

    Raises:
        ValueError: As of `probability_of_improvement`, or if `num_draws` is below 1.
    """
    whole_number("num_draws", num_draws)
    found = abs(probability_of_improvement(first, second) - 0.5)
    tasks = list(zip(rows_of(first), rows_of(second), strict=True))
    rng = np.random.default_rng(seed)
    is_exact = math.prod(math.comb(len(x) + len(y), len(x)) for x, y in tasks) <= num_draws
    if is_exact:
        per_task = [_with_sides(x, y, _all_sides(len(x), len(y))) for x, y in tasks]
        sums = reduce(np.add.outer, per_task)
    else:
        drawn = [_drawn_sides(len(x), len(y), num_draws, rng) for x, y in tasks]
        per_task = [_with_sides(*task, sides) for task, sides in zip(tasks, drawn, strict=True)]
        sums = np.sum(per_task, axis=0)
    as_far = int(np.sum(np.abs(sums) / len(tasks) >= found - 1e-12))  # the margin is for rounding
    return as_far / np.size(sums) if is_exact else (1 + as_far) / (1 + num_draws)


def holm_adjusted(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct p-values for that several comparisons were made.

    Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 65-70: of m, the k-th smallest is multiplied by m - k + 1, and none is below a
    smaller one's. Calling those up to alpha a difference is wrong about any of them with
    probability alpha at most, however they depend on each other.

    Args:
        p_values: One a comparison, shape (m,), m >= 1.

    Returns:
        The adjusted ones, shape (m,), at most 1.

    Raises:
        ValueError: If there is none, or one lies outside [0, 1].
    """
    p = finite(p_values, "p_values")
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"`p_values` must be a list of numbers in [0, 1], got {p}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0)


def _all_sides(num_first: int, num_second: int) -> NDArray[np.float64]:
    """Return every way to choose runs of the first side, 1 for chosen, shape (ways, runs)."""
    chosen = np.array(list(combinations(range(num_first + num_second), num_first)))
    sides = np.zeros((len(chosen), num_first + num_second))
    np.put_along_axis(sides, chosen, 1.0, axis=1)
    return sides


def _drawn_sides(
    num_first: int, num_second: int, num_draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return random ways to do so, shape (num_draws, runs)."""
    sides = np.tile(np.repeat([1.0, 0.0], [num_first, num_second]), (num_draws, 1))
    return rng.permuted(sides, axis=1)


def _with_sides(
    x: NDArray[np.float64], y: NDArray[np.float64], sides: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P(X > Y) - 1/2 of one task for each way to choose sides, shape (ways,)."""
    runs = np.concatenate([x, y])
    wins = 0.5 * np.sign(runs[:, None] - runs)  # (runs, runs)
    return np.asarray(((sides @ wins) * (1 - sides)).sum(1) / (len(x) * len(y)))
