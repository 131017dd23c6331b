"""How steady raters are, and how far they agree with each other.

A few clips are shown to the same rater for a second time, unmarked; their pairs of ratings say how
steady that rater is. Where several raters rate each clip, Krippendorff's alpha says how far they
share one scale. Ratings are ordered, so a miss by two classes weighs more than one by one.

Kappa is `gym_rated.metrics.quadratic_weighted_kappa`. Alpha: Krippendorff 2011, "Computing
Krippendorff's Alpha-Reliability", ordinal metric.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.metrics import quadratic_weighted_kappa
from gym_rated.statistics import Interval, resampled_interval

if TYPE_CHECKING:
    from gym_rated.human.store import AgreementRow

ENOUGH = 20
"""Below so many clips a coefficient says more about chance than about raters."""
MISSING = -1  # no rating, or "can't tell"


@dataclass(frozen=True)
class Agreement:
    """Two ratings each of the same clips.

    Attributes:
        num: Clips that got a class both times.
        exact: Share of the same class both times; NaN where there is no clip.
        within_one: Share of classes at most one apart.
        kappa: Quadratic-weighted kappa with its 95 % interval; None below `ENOUGH` clips, or where
            all ratings are of one class.
    """

    num: int
    exact: float
    within_one: float
    kappa: Interval | None

    def __str__(self) -> str:
        """Say it in one line."""
        if not self.num:
            return "no clip rated twice"
        counted = f"{self.exact:.0%} the same, {self.within_one:.0%} within one class"
        return f"{counted}, kappa {_interval_text(self.kappa, self.num)}"


@dataclass(frozen=True)
class RaterQuality:
    """What the log says about one rater.

    Attributes:
        rater: Who.
        num_rated: Clips with a class, second showings included.
        share_skipped: Share of "can't tell" among all answers.
        median_s: Median time from the first picture to the answer, in seconds; NaN if unknown.
        drift: Mean class of the later half of the ratings minus that of the earlier half; an agent
            that gets better makes it positive, too. NaN below two ratings.
        repeat_drift: Mean of second minus first rating of clips shown twice: of the rater alone.
        repeats: Agreement between first and second showings.
    """

    rater: str
    num_rated: int
    share_skipped: float
    median_s: float
    drift: float
    repeat_drift: float
    repeats: Agreement


@dataclass(frozen=True)
class Overlap:
    """Clips that several raters rated.

    Attributes:
        num: Clips with a class from at least two raters.
        alpha: Krippendorff's alpha with its 95 % interval; None below `ENOUGH` clips.
    """

    num: int
    alpha: Interval | None

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.num} clips with several raters, alpha {_interval_text(self.alpha, self.num)}"


def krippendorff_alpha(ratings: ArrayLike, num_classes: int) -> float:
    """Return Krippendorff's alpha for ordered classes.

    Args:
        ratings: Shape (R, N), one row a rater: classes 0..num_classes-1, or `MISSING`.
        num_classes: Number of classes C, at least 2.

    Returns:
        1 - observed / expected disagreement; 1 is agreement, 0 is chance. NaN where fewer than two
        classes occur in clips with two ratings.

    Raises:
        ValueError: If the shape is another, or a rating is none of the classes.
    """
    table = np.asarray(ratings)
    if table.ndim != 2:
        raise ValueError(f"`ratings` must have shape (raters, clips), got {table.shape}")
    known = _classes("ratings", table[table != MISSING], num_classes)
    counts = np.zeros((table.shape[1], num_classes))  # of each class at each clip
    np.add.at(counts, (np.nonzero(table != MISSING)[1], known), 1)
    counts = counts[counts.sum(1) >= 2]
    pairs = 1 / (counts.sum(1) - 1)
    together = (counts * pairs[:, None]).T @ counts - np.diag(pairs @ counts)  # (C, C)
    of_class = counts.sum(0)
    # distance of two classes: ratings between them, half of those at either end
    middle = np.cumsum(of_class) - of_class / 2
    distances = np.subtract.outer(middle, middle) ** 2
    expected = float(of_class @ distances @ of_class)
    if not expected:
        return float("nan")
    observed = float((together * distances).sum())
    return 1 - (float(of_class.sum()) - 1) * observed / expected


def compare(
    first: ArrayLike, second: ArrayLike, num_classes: int, rng: np.random.Generator
) -> Agreement:
    """Compare two ratings each of N clips, shapes (N,); N may be 0."""
    a, b = _classes("first", first, num_classes), _classes("second", second, num_classes)
    if not a.size:
        return Agreement(0, float("nan"), float("nan"), None)
    apart = np.abs(a - b)
    kappa = _with_interval(lambda k: quadratic_weighted_kappa(a[k], b[k], num_classes), len(a), rng)
    return Agreement(len(a), float(np.mean(apart == 0)), float(np.mean(apart <= 1)), kappa)


def judge_raters(
    rows: Sequence["AgreementRow"], num_classes: int, rng: np.random.Generator
) -> list[RaterQuality]:
    """Judge each rater by `Store.agreement_rows`; who rated most comes first."""
    by_rater: dict[str, list[AgreementRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.at):
        by_rater[row.rater].append(row)
    found = [_judge(rater, mine, num_classes, rng) for rater, mine in by_rater.items()]
    return sorted(found, key=lambda one: -one.num_rated)


def judge_overlap(
    rows: Sequence["AgreementRow"], num_classes: int, rng: np.random.Generator
) -> Overlap:
    """Judge how far raters agree on clips that several have rated, by `Store.agreement_rows`."""
    first = [row for row in rows if not row.repeat]
    raters = {rater: k for k, rater in enumerate(sorted({row.rater for row in first}))}
    clips = {clip: k for k, clip in enumerate(dict.fromkeys(row.segment_id for row in first))}
    table = np.full((len(raters), len(clips)), MISSING)
    for row in first:
        table[raters[row.rater], clips[row.segment_id]] = row.rating
    table = table[:, (table != MISSING).sum(0) >= 2]
    num = table.shape[1]
    alpha = _with_interval(lambda k: krippendorff_alpha(table[:, k], num_classes), num, rng)
    return Overlap(num, alpha)


def repeated_pairs(rows: Sequence["AgreementRow"]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one rater's first and second ratings of clips shown twice, shapes (N,)."""
    first = {row.segment_id: row.rating for row in rows if not row.repeat}
    pairs = [
        (first[row.segment_id], row.rating)
        for row in rows
        if row.repeat and MISSING not in (row.rating, first.get(row.segment_id, MISSING))
    ]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _judge(
    rater: str, rows: Sequence["AgreementRow"], num_classes: int, rng: np.random.Generator
) -> RaterQuality:
    classes = np.array([row.rating for row in rows if row.rating != MISSING], np.int64)
    shown_s = [row.shown_ms / 1000 for row in rows if row.shown_ms is not None]
    half = len(classes) // 2
    first, second = repeated_pairs(rows)
    nan = float("nan")
    return RaterQuality(
        rater=rater,
        num_rated=len(classes),
        share_skipped=1 - len(classes) / len(rows),
        median_s=float(np.median(shown_s)) if shown_s else nan,
        drift=float(classes[-half:].mean() - classes[:half].mean()) if half else nan,
        repeat_drift=float(np.mean(second - first)) if len(first) else nan,
        repeats=compare(first, second, num_classes, rng),
    )


def _with_interval(
    statistic: Callable[[NDArray[np.int64]], float], num: int, rng: np.random.Generator
) -> Interval | None:
    """Return a statistic of `num` clips and its bootstrap interval; None if it says nothing."""
    if num < ENOUGH or np.isnan(statistic(np.arange(num))):
        return None
    return resampled_interval(statistic, [num], rng=rng)


def _interval_text(value: Interval | None, num: int) -> str:
    if value is None:
        return f"n={num}: too few" if num < ENOUGH else "undefined: one class only"
    return f"{value.estimate:.2f} ({value.low:.2f} to {value.high:.2f}, n={num})"


def _classes(name: str, ratings: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    values = np.asarray(ratings)
    if values.size and not (0 <= values.min() and values.max() < num_classes):
        raise ValueError(
            f"`{name}` must hold classes 0 to {num_classes - 1}, got "
            f"{values.min()} to {values.max()}"
        )
    return values.astype(np.int64)
