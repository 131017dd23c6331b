"""Judging a reward by ratings it was not fitted to, or by the true one; NaN where nothing is said.

These numbers tell a broken fit from a working one. They do not rank methods: a better correlation
with held-out ratings is not a better agent.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_num_classes, check_number, whole_number

__all__ = [
    "accuracy",
    "advantage_correlation",
    "best_third",
    "best_third_slope",
    "confidence_bins",
    "expected_calibration_error",
    "pair_accuracy",
    "quadratic_weighted_kappa",
    "spearman",
]


def spearman(predictions: ArrayLike, ratings: ArrayLike, groups: ArrayLike | None = None) -> float:
    """Return Spearman's rank correlation, ties sharing their mean rank.

    Args:
        predictions: Predicted values, shape (B,).
        ratings: Ratings or true returns, shape (B,).
        groups: One integer per (rater, round), shape (B,): ranks are taken in each group, as shares
            of its size and around its mean [our inference], and rows alone in theirs are left out.
            None is one group.

    Returns:
        A number in [-1, 1]; NaN for fewer than two rows, or where one side is constant or not
        finite.

    Raises:
        ValueError: If the shapes differ.
    """
    x, y = _same_length(predictions, ratings)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or _constant(x) or _constant(y):
        return float("nan")
    if groups is None:
        return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])
    _, group = _same_length(predictions, groups)
    x, y = _ranks_within(x, group), _ranks_within(y, group)
    return float("nan") if _constant(x) or _constant(y) else float(np.corrcoef(x, y)[0, 1])


def accuracy(predicted_classes: ArrayLike, ratings: ArrayLike) -> float:
    """Return the fraction of predicted classes, shape (B,), that are the rating; NaN for none."""
    x, y = _same_length(predicted_classes, ratings)
    return float(np.mean(x == y)) if len(x) else float("nan")


def quadratic_weighted_kappa(
    predicted_classes: ArrayLike, ratings: ArrayLike, num_classes: int
) -> float:
    """Return Cohen's kappa with quadratic weights (Cohen, 1968): agreement beyond chance.

    Disagreement by two classes counts four times as much as by one.

    Args:
        predicted_classes: Predicted classes, or the ratings of somebody else, shape (B,), in
            0..C-1.
        ratings: Ratings, shape (B,), in 0..C-1.
        num_classes: Number of classes C, at least 2.

    Returns:
        1 for perfect agreement, 0 for chance, below 0 for worse; NaN for no rows, or where both
        sides name one and the same class only.

    Raises:
        ValueError: If the shapes differ or a class lies outside 0..C-1.
    """
    check_num_classes(num_classes)
    x, y = (side.astype(np.int64) for side in _same_length(predicted_classes, ratings))
    if len(x) == 0:
        return float("nan")
    if min(x.min(), y.min()) < 0 or max(x.max(), y.max()) >= num_classes:
        raise ValueError(
            f"`predicted_classes` and `ratings` must be classes 0 to {num_classes - 1}, got "
            f"{min(x.min(), y.min())} to {max(x.max(), y.max())}"
        )
    observed = np.zeros((num_classes, num_classes))
    np.add.at(observed, (x, y), 1 / len(x))
    by_chance = np.outer(observed.sum(1), observed.sum(0))
    cost = np.square(np.subtract.outer(np.arange(num_classes), np.arange(num_classes)))
    expected = float((cost * by_chance).sum())
    return 1 - float((cost * observed).sum()) / expected if expected > 0 else float("nan")


def pair_accuracy(
    predictions: ArrayLike, ratings: ArrayLike, groups: ArrayLike | None = None
) -> float:
    """Return the fraction of differently rated pairs that the predictions order as the ratings do.

    Args:
        predictions: Predicted values, shape (B,).
        ratings: Ratings, shape (B,).
        groups: One integer per (rater, round), shape (B,): pairs are formed within a group only.
            None forms all pairs.

    Returns:
        A number in [0, 1], equal predictions counting one half; NaN where there is no such pair.

    Raises:
        ValueError: If the shapes differ.
    """
    x, y = _same_length(predictions, ratings)
    better = y[:, None] > y
    if groups is not None:
        _, group = _same_length(predictions, groups)
        better &= group[:, None] == group
    if not better.any():
        return float("nan")
    agreement = 0.5 + 0.5 * np.sign(x[:, None] - x)
    return float(agreement[better].mean())


def advantage_correlation(
    learned: ArrayLike,
    true: ArrayLike,
    obs: ArrayLike,
    episodes: ArrayLike,
    *,
    horizon: int = 20,
    discount: float = 0.99,
) -> float:
    """Return how far a learned reward prefers the same actions as the true one [our inference].

    Pearson's correlation of the discounted sums of `horizon` rewards from each step on, after a
    quadratic function of the observation, by least squares, was taken from both: what is left is
    what an agent could have done otherwise, an advantage. Observations are standardised, and cut
    off at five deviations. Two rewards that differ by a function of the state and its end have
    much the same advantages.

    Args:
        learned: Learned rewards of N steps in their order, shape (N,).
        true: True rewards of the same steps, shape (N,).
        obs: Observations of the steps, shape (N, D).
        episodes: Which episode each step is of, shape (N,); the steps of one stand together. Only
            steps whose whole horizon is in their episode count.
        horizon: Steps that are summed, at least 1.
        discount: Factor per step, in [0, 1].

    Returns:
        A number in [-1, 1]; NaN where there are not twice as many steps as terms of the function,
        nothing is left of one side, or a number is not finite.

    Raises:
        ValueError: If lengths differ or a number is out of range.
    """
    x, y = _same_length(learned, true)
    _, which = _same_length(learned, episodes)
    states = np.asarray(obs, np.float64)
    if states.ndim != 2 or len(states) != len(x):
        raise ValueError(f"`obs` must have shape ({len(x)}, D), got {states.shape}")
    check_number("discount", discount, 0, 1)
    horizon = whole_number("horizon", horizon)
    starts = np.arange(max(len(x) - horizon + 1, 0))
    changes = np.cumsum(np.diff(which, prepend=which[:1]) != 0)
    starts = starts[changes[starts] == changes[starts + horizon - 1]]
    states = states[starts]
    num_terms = 1 + states.shape[1] * (states.shape[1] + 3) // 2
    if len(starts) < 2 * num_terms or not all(np.isfinite(v).all() for v in (x, y, states)):
        return float("nan")
    basis = np.linalg.qr(_quadratic_terms(states))[0]
    weights = discount ** np.arange(horizon)
    sums = [np.correlate(rewards, weights, "valid")[starts] for rewards in (x, y)]
    left = [total - basis @ (basis.T @ total) for total in sums]
    if any(
        rest.std() <= 1e-9 * np.abs(total).max() for rest, total in zip(left, sums, strict=True)
    ):
        return float("nan")
    return float(np.corrcoef(*left)[0, 1])


def best_third_slope(predicted: ArrayLike, true: ArrayLike) -> float:
    """Return how steeply predicted returns rise in the best third, over how they do in all.

    1 where they rise as evenly as the true ones; below it where what is good is told apart less
    well than what is bad, which stops an agent that has become good [our inference].

    Args:
        predicted: Predicted returns, shape (B,).
        true: True returns, shape (B,).

    Returns:
        A ratio of slopes of predicted on true returns; NaN where one of them is not defined, or
        where predictions do not rise at all.
    """
    x, y = _same_length(predicted, true)
    if len(x) < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    best = best_third(y)
    top, whole = _slope(x[best], y[best]), _slope(x, y)
    return top / whole if whole > 0 else float("nan")


def best_third(returns: ArrayLike) -> NDArray[np.bool_]:
    """Mark the third of returns that is the best, shape (B,) -> (B,).

    Where so many tie that it is more than half of them, only what lies above the tie.
    """
    values = np.asarray(returns, np.float64)
    limit = np.quantile(values, 2 / 3)
    best: NDArray[np.bool_] = values >= limit
    return best if best.mean() <= 0.5 else values > limit


def expected_calibration_error(
    probabilities: ArrayLike, classes: ArrayLike, num_bins: int = 10
) -> float:
    """Return how far confidence and accuracy of predicted classes are apart (Guo et al. 2017).

    The predictions are sorted into bins of equal width by the probability of their most probable
    class; the error is the mean over predictions of how far their bin's accuracy and its mean
    confidence are apart.

    Args:
        probabilities: Probability of every class, shape (B, C), rows that sum to 1.
        classes: The true classes, shape (B,), in 0..C-1.
        num_bins: Number of bins in [0, 1], at least 1.

    Returns:
        A number in [0, 1], 0 for the best; NaN for no rows.

    Raises:
        ValueError: If shapes do not fit, or a row is no probability distribution.
    """
    whole_number("num_bins", num_bins)
    confidence, correct = _confidence(probabilities, classes)
    if len(confidence) == 0:
        return float("nan")
    bins = confidence_bins(confidence, num_bins)
    gaps = [abs(correct[bins == i].sum() - confidence[bins == i].sum()) for i in range(num_bins)]
    return float(sum(gaps) / len(confidence))


def confidence_bins(confidence: ArrayLike, num_bins: int = 10) -> NDArray[np.int64]:
    """Return which of the bins `(i / num_bins, (i + 1) / num_bins]` each confidence falls into."""
    whole_number("num_bins", num_bins)
    inner = np.linspace(0, 1, num_bins + 1)[1:-1]
    return np.asarray(np.searchsorted(inner, confidence, side="left"), np.int64)


def _confidence(
    probabilities: ArrayLike, classes: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the probability of each predicted class, and whether it is the true one."""
    p, y = np.asarray(probabilities, np.float64), np.asarray(classes)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ValueError(
            f"`probabilities` must have shape (B, C) and `classes` (B,), got {p.shape} and "
            f"{y.shape}"
        )
    if len(p) and not (np.allclose(p.sum(1), 1, atol=1e-4) and p.min() >= 0):
        raise ValueError("`probabilities` must be rows of probabilities that sum to 1")
    return p.max(1, initial=0.0), p.argmax(1) == y if p.size else np.zeros(0, np.bool_)


def _same_length(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"both sides must have the same shape (B,), got {x.shape} and {y.shape}")
    return x, y


def _ranks_within(values: NDArray[np.float64], group: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks around their group's mean, as shares of its size, of groups of two or more."""
    parts = [values[group == g] for g in np.unique(group)]
    centred = [(_ranks(p) - (len(p) + 1) / 2) / len(p) for p in parts if len(p) > 1]
    return np.concatenate([np.zeros(0), *centred])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1, ties sharing their mean rank; importing scipy.stats takes a second."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _quadratic_terms(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, all coordinates and all their products, for standardised states (N, D)."""
    std = states.std(0)
    unit = ((states - states.mean(0)) / np.where(std > 0, std, 1)).clip(-5, 5)
    i, j = np.triu_indices(unit.shape[1])
    return np.column_stack([np.ones(len(unit)), unit, unit[:, i] * unit[:, j]])


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the slope of x on y, NaN where y is constant."""
    return float("nan") if _constant(y) else float(np.cov(x, y, bias=True)[0, 1] / y.var())


def _constant(values: NDArray[np.float64]) -> bool:
    return len(values) < 2 or bool(values.min() == values.max())
