"""Normalised scores, what sums them up, and how sure one may be of it.

Interquartile mean, performance profile and stratified bootstrap as in Agarwal et al. 2021, "Deep
reinforcement learning at the edge of the statistical precipice": seeds are drawn again within each
task, tasks never.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_number, whole_number


class Interval(NamedTuple):
    """A statistic with the limits between which it lies, in the unit of the scores."""

    low: float
    estimate: float
    high: float


def normalized_score(score: ArrayLike, random: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Place scores on the line from the random policy (0) to the true reward (1).

    Args:
        score: Scores, any shape, in reward units.
        random: Scores of uniform actions, broadcast against `score`.
        true: Scores of training on the true reward, broadcast against `score`.

    Returns:
        (score - random) / (true - random), not clipped, no unit, of the broadcast shape.

    Raises:
        ValueError: If a number is not finite, or `true` does not lie above `random`.
    """
    score, random, true = (
        finite(x, name) for x, name in ((score, "score"), (random, "random"), (true, "true"))
    )
    if not np.all(true > random):
        raise ValueError(
            f"`true` must lie above `random`, got true={true} and random={random};"
            " leave out tasks that training on the true reward does not learn"
        )
    return np.asarray((score - random) / (true - random))


def interquartile_mean(scores: ArrayLike) -> float:
    """Mean of the middle half: as little swayed by outliers as needed, and no less sharp.

    Args:
        scores: Scores of any shape, taken together; at least 1.

    Returns:
        The mean without the lowest and the highest quarter, each rounded down to whole scores.

    Raises:
        ValueError: If there is no score, or one is not finite.
    """
    return float(interquartile_means(finite(scores, "scores").ravel()))


def interquartile_means(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interquartile mean of each line of scores, shape (..., n) to (...)."""
    ordered = np.sort(scores, axis=-1)
    num = ordered.shape[-1]
    return np.asarray(ordered[..., num // 4 : num - num // 4].mean(-1))


def performance_profile(
    scores: Sequence[ArrayLike] | NDArray[Any], thresholds: ArrayLike
) -> NDArray[np.float64]:
    """Return which share of the runs scores more than each threshold (Agarwal et al. 2021, eq. 2).

    Every task counts the same, however many seeds it has.

    Args:
        scores: One row of seeds a task, rows of any length >= 2; a flat list is one task.
        thresholds: Scores tau, shape (K,).

    Returns:
        The mean over tasks of the share of seeds with a score above tau, shape (K,), in [0, 1].

    Raises:
        ValueError: If there is no row, or one of fewer than 2 scores, or a number is not finite.
    """
    at = np.atleast_1d(finite(thresholds, "thresholds"))
    shares = [(row[:, None] > at).mean(0) for row in rows_of(scores)]
    return np.asarray(np.mean(shares, axis=0))


def bootstrap_profile(
    scores: Sequence[ArrayLike] | NDArray[Any],
    thresholds: ArrayLike,
    *,
    confidence: float = 0.95,
    num_resamples: int = 1_000,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return between what limits a performance profile lies at each threshold by itself.

    Args:
        scores: One row of seeds a task, rows of any length >= 2; a flat list is one task.
        thresholds: Scores tau, shape (K,).
        confidence: How often such limits shall hold the truth at a threshold, in (0, 1).
        num_resamples: How often to draw seeds again within each task.
        seed: Of the draws; the same seed gives the same limits.

    Returns:
        The lower and the upper limit, each of shape (K,), in [0, 1].

    Raises:
        ValueError: As of `performance_profile`, or if `confidence` lies outside (0, 1).
    """
    _check_confidence(confidence)
    at = np.atleast_1d(finite(thresholds, "thresholds"))
    drawn = draw_again(rows_of(scores), num_resamples, np.random.default_rng(seed))
    shares = [(row[:, :, None] > at).mean(1) for row in drawn]  # (draws, K) each
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.mean(shares, axis=0), [tail, 1 - tail], axis=0)
    return low, high


def bootstrap_interval(
    scores: Sequence[ArrayLike] | NDArray[Any],
    statistic: Callable[[NDArray[np.float64]], Any] = interquartile_mean,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic, drawing seeds again within each task.

    Args:
        scores: One row of seeds a task, rows of any length >= 2; a flat list is one task.
        statistic: From all scores drawn, shape (sum of the rows' lengths,), to a number.
        confidence: How often such an interval shall hold the truth, in (0, 1).
        num_resamples: How often to draw.
        seed: Of the draws; the same seed gives the same interval.

    Returns:
        Its limits and the statistic of the scores themselves.

    Raises:
        ValueError: If there is no row, or one of fewer than 2 scores, or a score is not finite, or
            `confidence` lies outside (0, 1).
    """
    rows = rows_of(scores)
    everything = np.concatenate(rows)
    return resampled_interval(
        lambda drawn: statistic(everything[drawn]),
        [len(row) for row in rows],
        confidence=confidence,
        num_resamples=num_resamples,
        rng=np.random.default_rng(seed),
    )


def resampled_interval(
    statistic: Callable[[NDArray[np.int64]], Any],
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    num_resamples: int = 1_000,
) -> Interval:
    """Percentile bootstrap interval of whatever is computed from items.

    Args:
        statistic: From numbers of items, shape (sum of `sizes`,), to a number; where it is NaN the
            draw says nothing and is left out.
        sizes: How many items each stratum has; each is drawn again within itself.
        rng: Source of the draws.
        confidence: How often such an interval shall hold the truth, in (0, 1).
        num_resamples: How often to draw.

    Returns:
        Its limits and the statistic of all items, each once.

    Raises:
        ValueError: If `confidence` lies outside (0, 1).
    """
    whole_number("num_resamples", num_resamples)
    _check_confidence(confidence)
    starts = np.cumsum([0, *sizes[:-1]])
    draws = []
    for _ in range(num_resamples):
        drawn = [start + rng.integers(n, size=n) for start, n in zip(starts, sizes, strict=True)]
        draws.append(statistic(np.concatenate(drawn)))
    return percentile_interval(statistic(np.arange(sum(sizes))), np.array(draws), confidence)


def draw_again(
    rows: Sequence[NDArray[np.float64]], num_resamples: int, rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Return rows of scores with their seeds drawn again, each of shape (num_resamples, seeds)."""
    whole_number("num_resamples", num_resamples)
    return [row[rng.integers(len(row), size=(num_resamples, len(row)))] for row in rows]


def percentile_interval(
    estimate: float, draws: NDArray[np.float64], confidence: float = 0.95
) -> Interval:
    """Return the percentile interval of what was drawn; draws that are NaN say nothing."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(estimate), float(high))


def area_under(curve: Sequence[float | None]) -> float:
    """Area under a learning curve divided by its length: a method that learns sooner has more.

    Args:
        curve: Means in equal stretches of training, at least one of them known; a stretch without
            one lies on the line between its neighbours, or is as the nearest at an end.

    Returns:
        The mean over all stretches, in the unit of the curve.

    Raises:
        ValueError: If no stretch is known, or one is not finite.
    """
    at = [i for i, value in enumerate(curve) if value is not None]
    known = finite([value for value in curve if value is not None], "curve")
    return float(np.interp(np.arange(len(curve)), at, known).mean())


def standard_error(scores: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """Standard error of the mean, from the unbiased variance.

    Args:
        scores: Scores, at least 2 along `axis`.
        axis: The axis of the seeds.

    Returns:
        Standard deviation (n - 1) over the root of n, without that axis.

    Raises:
        ValueError: If there are fewer than 2 scores along `axis`, or one is not finite.
    """
    array = finite(scores, "scores")
    num = array.shape[axis] if array.ndim else 1
    if num < 2:
        raise ValueError(f"`scores` must hold at least 2 along axis {axis}, got {num}")
    return np.asarray(array.std(axis=axis, ddof=1) / np.sqrt(num))


def _check_confidence(confidence: float) -> None:
    if not 0 < check_number("confidence", confidence) < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1, got {confidence}")


def finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return `values` as an array with at least one number, all of them finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must hold finite numbers, at least one, got {array}")
    return array


def rows_of(scores: Sequence[ArrayLike] | NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return one row of scores a task."""
    rows = [finite(row, "scores") for row in scores]
    if rows and all(row.ndim == 0 for row in rows):
        rows = [np.array(rows)]
    for row in rows:
        if row.ndim != 1 or len(row) < 2:
            raise ValueError(
                "`scores` must be rows of at least 2 seeds, one row a task, got a row of shape"
                f" {row.shape}"
            )
    if not rows:
        raise ValueError("`scores` must hold at least one row, got none")
    return rows
