"""How many of a rater's ratings contradict the rest, learned from the ratings alone.

A reward that was fitted to other ratings says where among all that a rater has seen a segment
stands. Where the reward predicts anything, ratings scatter around that place, and a share of them,
the mistakes, does not depend on it. The two are told apart by maximum likelihood, as in the
quantile task, with the share as one more number to learn [our inference, measured:
`benchmarks/contradictions.py`].
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import check_num_classes
from gym_rated.metrics import spearman

MIN_JUDGED = 40
"""Judged ratings of a rater from which on something is said of them."""
FEWEST = 0.05
"""A share below which no number is said: the method errs by about as much."""
_FEWEST_CLASSES = 3  # of two, a mistake cannot be told from a reward that is a little off
_WIDTHS = np.geomspace(0.02, 1.0, 24)  # of the scatter, as a share of all places
_RATES = np.linspace(0.005, 0.995, 100)  # of ratings that do not depend on the segment
_PRIOR_RATE, _PRIOR_RATINGS = 0.1, 4.0
_ERRORS = 2.0  # standard errors of a correlation, which chance gives once in 40 times


def contradicting_shares(
    placed: Mapping[str, NDArray[np.float64]], num_classes: int
) -> dict[str, float]:
    """Return the share of each rater's ratings that contradict the rest.

    With the place x of a segment, a rating y is taken as
    `P(y | x) = (1 - e) (sigmoid((b_y - x) / s) - sigmoid((a_y - x) / s)) + e / C`, where class y
    reaches from place a_y to b_y. The width s is how far off the reward is, the same for all
    raters; e is each rater's own, with a prior of 4 ratings of which a tenth is by chance. By
    chance, one in C of them is right, so that the share is `e (C - 1) / C`.

    A reward that an agent is trained on may call all that is new better than all before. So the
    ratings are read in two ways, with their places, and with those that they have among each other;
    the more probable one counts.

    Args:
        placed: By rater, one row a rating, shape (n, 4): the class, and what `place` returned of
            it, by a reward that was not fitted to the rating.
        num_classes: Number of classes C, at least 2.

    Returns:
        Raters with at least `MIN_JUDGED` ratings, and their shares, in [0, 1). None of them where
        the places do not predict the ratings, as then nobody can tell who is wrong; nor where there
        are only two classes, as then a mistake looks like a reward that is a little off.
    """
    check_num_classes(num_classes)
    placed = {name: rows for name, rows in placed.items() if len(rows)}
    if num_classes < _FEWEST_CLASSES or not _is_predicted(list(placed.values())):
        return {}
    anew = [place(rows[:, 1], rows[:, 0]) for rows in placed.values()]
    readings = [_read(rows, num_classes) for rows in ([r[:, 1:] for r in placed.values()], anew)]
    _, rates = max(readings, key=lambda reading: reading[0])
    return {
        name: float(rate * (num_classes - 1) / num_classes)
        for (name, rows), rate in zip(placed.items(), rates, strict=True)
        if len(rows) >= MIN_JUDGED
    }


def place(values: NDArray[Any], ratings: NDArray[Any]) -> NDArray[np.float64]:
    """Say where ratings stand among all of their rater.

    Args:
        values: What a reward predicts of their segments, shape (B,).
        ratings: Their classes, shape (B,).

    Returns:
        Shape (B, 3): the share of predictions that are lower, half of the equal ones included, and
        the shares of ratings that are of lower classes, and of lower ones or the same.
    """
    middle = (_share_below(values, "left") + _share_below(values, "right")) / 2
    return np.stack([middle, _share_below(ratings, "left"), _share_below(ratings, "right")], 1)


def as_fraction(share: float) -> tuple[int, int] | None:
    """Return a share in small numbers, such as (1, 5); None below `FEWEST`."""
    if share < FEWEST:
        return None
    near = Fraction(1, round(1 / share)) if share < 0.35 else Fraction(share).limit_denominator(5)
    return near.numerator, near.denominator


def in_words(share: float) -> str:
    """Say how many ratings contradict the rest."""
    fraction = as_fraction(share)
    if fraction is None:
        return f"fewer than 1 in {round(1 / FEWEST)} ratings contradict the rest"
    return f"about {fraction[0]} in {fraction[1]} ratings contradict the rest"


def _is_predicted(raters: list[NDArray[np.float64]]) -> bool:
    """Return whether places and ratings go together by more than chance gives."""
    if not raters:
        return False
    who = np.repeat(np.arange(len(raters)), [len(rows) for rows in raters])
    _, places, low, high = np.concatenate(raters).T
    num = len(who) - len(raters)
    return num > 0 and spearman(places, low + high, who) > _ERRORS / sqrt(num)


def _read(raters: Sequence[NDArray[np.float64]], num_classes: int) -> tuple[float, list[float]]:
    """Return how probable the ratings of all raters are, and each one's rate, at the best width."""
    chances = [_log_chances(rows, num_classes) for rows in raters]
    together = sum((found.max(1) for found in chances), np.zeros(len(_WIDTHS)))
    width = int(together.argmax())
    return float(together[width]), [float(_RATES[found[width].argmax()]) for found in chances]


def _share_below(values: NDArray[Any], side: Any) -> NDArray[np.float64]:
    """Return which share of the values lies below each, equal ones counted with side "right"."""
    return np.searchsorted(np.sort(values), values, side) / len(values)


def _log_chances(rows: NDArray[np.float64], num_classes: int) -> NDArray[np.float64]:
    """Return the log-probability of a rater's ratings by width and rate, with the prior."""
    places, low, high = rows.T
    below = np.where(low <= 0, -np.inf, low - places) / _WIDTHS[:, None]  # (S, n)
    above = np.where(high >= 1, np.inf, high - places) / _WIDTHS[:, None]
    chance = _sigmoid(above) - _sigmoid(below)
    prior = _PRIOR_RATE * np.log(_RATES) + (1 - _PRIOR_RATE) * np.log(1 - _RATES)
    found = np.empty((len(_WIDTHS), len(_RATES)))
    for i, rate in enumerate(_RATES):
        found[:, i] = np.log((1 - rate) * chance + rate / num_classes).sum(1)
    return found + _PRIOR_RATINGS * prior


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)), np.float64)
