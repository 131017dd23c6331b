"""How a learned reward agrees with the true one on what an agent did last, in one summary.

That is where an agent under training decides: agreement on what it did at first says little of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import whole_number
from gym_rated.metrics.ratings import spearman
from gym_rated.metrics.sides import in_unit, is_flat, same_length
from gym_rated.metrics.truth import (
    advantage_correlation,
    best_third_slope,
    step_correlation,
    windows_within,
)

_NAN = float("nan")
_EVERY = 4  # of the steps, a sum of advantages begins there
_AT_ONCE = 256  # steps predicted together: their layers fit into a cache


@dataclass(frozen=True)
class Truth:
    """How a learned reward agrees with the true one; NaN where that is not known or not defined.

    None of these numbers predicts training by itself.

    Attributes:
        num_steps: Steps that it was measured on.
        step: Correlation of the rewards of single steps, see
            `gym_rated.metrics.step_correlation`.
        spearman: Rank correlation of the sums over windows as long as a segment, from each step on
            that has so many of its episode ahead.
        advantage: Whether the same actions are preferred, see
            `gym_rated.metrics.advantage_correlation`; of observations of at most 30 numbers.
        best_third_slope: Whether what is good is told apart as well as what is bad, of the same
            windows; see `gym_rated.metrics.best_third_slope`.
    """

    num_steps: int = 0
    step: float = _NAN
    spearman: float = _NAN
    advantage: float = _NAN
    best_third_slope: float = _NAN

    def as_dict(self) -> dict[str, float]:
        """Return what is known by its name, and the number of steps; nothing where nothing is."""
        known = {name: x for name, x in vars(self).items() if name != "num_steps" and isfinite(x)}
        return {"num_steps": self.num_steps} | known if known else {}


def agreement_with_truth(
    reward_fn: Callable[[NDArray[Any], NDArray[Any]], ArrayLike],
    obs: ArrayLike,
    actions: ArrayLike,
    true_rewards: ArrayLike,
    episodes: ArrayLike,
    *,
    segment_length: int = 50,
) -> Truth:
    """Compare a reward function with the true reward on steps in their order.

    Args:
        reward_fn: Maps observations and actions of some steps to their rewards; it is called a few
            hundred steps at a time, and not at all where the true reward says nothing.
        obs: Observation before each of N steps, shape (N, *).
        actions: Action of each step, shape (N, *).
        true_rewards: True reward of each step, shape (N,).
        episodes: Which episode each step is of, shape (N,); the steps of one stand together.
        segment_length: Steps of a window, at least 1.

    Returns:
        The agreement. NaN for whatever is not defined: where a reward is constant or not finite,
        and where steps are too few.

    Raises:
        TypeError: If `segment_length` is no whole number.
        ValueError: If lengths differ, `reward_fn` returns another shape than (N,), or
            `segment_length` is below 1.
    """
    length = whole_number("segment_length", segment_length)
    true, which = same_length(true_rewards, episodes)
    seen, acts = np.asarray(obs), np.asarray(actions)
    if not len(seen) == len(acts) == len(true):
        raise ValueError(
            "`obs`, `actions` and `true_rewards` must be of the same steps, got "
            f"{len(seen)}, {len(acts)} and {len(true)}"
        )
    if not np.isfinite(true).all() or is_flat(true):
        return Truth(len(true))
    learned = _rewards(reward_fn, seen, acts)
    if not np.isfinite(learned).all():
        return Truth(len(true))
    learned, true = in_unit(learned), in_unit(true)
    windows = windows_within(which, length)
    returns = [np.correlate(side, np.ones(length), "valid")[windows] for side in (learned, true)]
    ranked = len(windows) > 0 and not any(is_flat(side) for side in returns)
    return Truth(
        len(true),
        step=step_correlation(learned, true),
        spearman=spearman(*returns) if ranked else _NAN,
        advantage=advantage_correlation(
            learned, true, seen.reshape(len(seen), -1), which, every=_EVERY
        ),
        best_third_slope=best_third_slope(*returns) if ranked else _NAN,
    )


def _rewards(
    reward_fn: Callable[[NDArray[Any], NDArray[Any]], ArrayLike],
    obs: NDArray[Any],
    actions: NDArray[Any],
) -> NDArray[np.float64]:
    """Return the learned rewards, shape (N,)."""
    found = []
    for start in range(0, len(obs), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        rewards = np.asarray(reward_fn(obs[part], actions[part]), np.float64)
        if rewards.shape != obs[part].shape[:1]:
            raise ValueError(
                f"`reward_fn` must return shape ({len(obs[part])},) for {len(obs[part])} steps, "
                f"got {rewards.shape}"
            )
        found.append(rewards)
    return np.concatenate(found)
