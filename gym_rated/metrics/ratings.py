"""How well ratings are predicted by a reward that was not fitted to them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_num_classes, whole_number
from gym_rated.metrics.sides import is_constant, same_length


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
    x, y = same_length(predictions, ratings)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or is_constant(x) or is_constant(y):
        return float("nan")
    if groups is None:
        return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])
    _, group = same_length(predictions, groups)
    x, y = _ranks_within(x, group), _ranks_within(y, group)
    return float("nan") if is_constant(x) or is_constant(y) else float(np.corrcoef(x, y)[0, 1])


def accuracy(predicted_classes: ArrayLike, ratings: ArrayLike) -> float:
    """Return the fraction of predicted classes, shape (B,), that are the rating; NaN for none."""
    x, y = same_length(predicted_classes, ratings)
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
    x, y = (side.astype(np.int64) for side in same_length(predicted_classes, ratings))
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
    x, y = same_length(predictions, ratings)
    better = y[:, None] > y
    if groups is not None:
        _, group = same_length(predictions, groups)
        better &= group[:, None] == group
    if not better.any():
        return float("nan")
    agreement = 0.5 + 0.5 * np.sign(x[:, None] - x)
    return float(agreement[better].mean())


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
