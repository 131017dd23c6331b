"""How a learned reward agrees with the true one: of steps, of advantages, and at the top."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_number, whole_number
from gym_rated.metrics.sides import in_unit, is_constant, is_flat, same_length

_RIDGE = 1e-12  # settles terms that other terms make up
_NOTHING = 1e-10  # of the variance: what a float32 reward that only the state decides leaves


def step_correlation(learned: ArrayLike, true: ArrayLike) -> float:
    """Return Pearson's correlation of the learned and the true rewards of single steps.

    Args:
        learned: Learned rewards, shape (N,).
        true: True rewards of the same steps, shape (N,).

    Returns:
        A number in [-1, 1]; NaN for fewer than two steps, or where one side is constant or not
        finite.

    Raises:
        ValueError: If the shapes differ.
    """
    x, y = same_length(learned, true)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or is_flat(x) or is_flat(y):
        return float("nan")
    return float(np.corrcoef(in_unit(x), in_unit(y))[0, 1])


def advantage_correlation(
    learned: ArrayLike,
    true: ArrayLike,
    obs: ArrayLike,
    episodes: ArrayLike,
    *,
    horizon: int = 20,
    discount: float = 0.99,
    every: int = 1,
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
        every: Only each so many-th step counts, at least 1: the sums from neighbours are much the
            same, and 4 is four times as fast.

    Returns:
        A number in [-1, 1]; NaN where not twice as many steps count as the function has terms,
        nothing is left of one side, or a number is not finite.

    Raises:
        ValueError: If lengths differ or a number is out of range.
    """
    x, y = same_length(learned, true)
    _, which = same_length(learned, episodes)
    states = np.asarray(obs, np.float64)
    if states.ndim != 2 or len(states) != len(x):
        raise ValueError(f"`obs` must have shape ({len(x)}, D), got {states.shape}")
    check_number("discount", discount, 0, 1)
    horizon = whole_number("horizon", horizon)
    starts = windows_within(which, horizon)[:: whole_number("every", every)]
    states = states[starts]
    num_terms = 1 + states.shape[1] * (states.shape[1] + 3) // 2
    if len(starts) < 2 * num_terms or not all(np.isfinite(v).all() for v in (x, y, states)):
        return float("nan")
    weights = discount ** np.arange(horizon)
    sums = np.stack([np.correlate(in_unit(side), weights, "valid")[starts] for side in (x, y)])
    if any(is_flat(total) for total in sums):
        return float("nan")
    sums -= sums.mean(1, keepdims=True)
    left = _products_left(sums, states)
    if (left.diagonal() <= _NOTHING * np.square(sums).sum(1)).any():
        return float("nan")
    return float((left[0, 1] / np.sqrt(left[0, 0] * left[1, 1])).clip(-1, 1))


def windows_within(episodes: ArrayLike, length: int) -> NDArray[np.int64]:
    """Return the steps from which on `length` steps, at least 1, are of one episode.

    Args:
        episodes: Which episode each step is of, shape (N,); the steps of one stand together.
        length: Steps of a window.
    """
    which = np.asarray(episodes)
    changes = np.cumsum(np.diff(which, prepend=which[:1]) != 0)
    starts = np.arange(max(len(which) - length + 1, 0))
    return np.flatnonzero(changes[starts] == changes[starts + length - 1])


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
    x, y = same_length(predicted, true)
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


def _products_left(sums: NDArray[np.float64], states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the products of two centred rows, shape (2, W), without what the states tell of them.

    Least squares by normal equations: they take a fifth of the time of an orthogonal basis.

    Args:
        sums: The two rows.
        states: States that a quadratic function of is taken out, shape (W, D).

    Returns:
        Sums of squares and of products, shape (2, 2).
    """
    terms = _quadratic_terms(states)
    gram = terms @ terms.T
    gram[np.diag_indices_from(gram)] += _RIDGE * len(states)
    shares = terms @ sums.T  # (terms, 2)
    left: NDArray[np.float64] = sums @ sums.T - shares.T @ np.linalg.solve(gram, shares)
    return left


def _quadratic_terms(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, all coordinates and all their products for standardised states, (terms, W)."""
    std = states.std(0)
    unit = ((states - states.mean(0)) / np.where(std > 0, std, 1)).clip(-5, 5)
    with_one = np.vstack([np.ones(len(unit)), unit.T])
    i, j = np.triu_indices(len(with_one))
    return np.asarray(with_one[i] * with_one[j])


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the slope of x on y, NaN where y is constant."""
    return float("nan") if is_constant(y) else float(np.cov(x, y, bias=True)[0, 1] / y.var())
