"""Whether ratings did anything: a rated run beside runs whose reward says nothing about the task.

On a task where a constant reward, or ratings of the wrong segments, lead to the same return, a good
return is no merit of the ratings: CartPole is one, as each of its steps pays 1.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gym_rated.runs.names import SCORE_EPISODES, TRUE_RETURN
from gym_rated.runs.reading import read_metrics
from gym_rated.runs.series import Metrics, finite_rows
from gym_rated.statistics import standard_error

CONTROLS = {"constant": "a constant reward", "shuffled": "shuffled ratings"}
"""Arm that no rating can help -> what it is, in words."""

_ERRORS = 2.0  # standard errors from which on two means count as different


def compare_with_controls(
    runs: Mapping[str, str | Path | Metrics], *, wants_more: bool = True
) -> list[str]:
    """Say of each control whether the ratings did better, one line each.

    The true returns of the last 50 episodes are compared; their standard error is that between
    episodes, not between seeds.

    Args:
        runs: Arm -> run folder or metrics as `read_metrics` returns them. "rated" is compared with
            each arm of `CONTROLS` that is among them.
        wants_more: Whether the rater wanted a high true return; else a low one.

    Returns:
        Lines for the user; none without the rated arm or before its first episode has ended.
    """
    rated = _last_returns(runs["rated"]) if "rated" in runs else np.empty(0)
    lines = []
    for arm, words in CONTROLS.items():
        control = _last_returns(runs[arm]) if arm in runs else np.empty(0)
        if len(rated) and len(control):
            lines.append(_verdict(rated, control, words, wants_more))
    return lines


def _verdict(
    rated: NDArray[np.float64], control: NDArray[np.float64], words: str, wants_more: bool
) -> str:
    gap = (rated.mean() - control.mean()) * (1 if wants_more else -1)
    error = float(np.hypot(_error(rated), _error(control)))
    if gap > _ERRORS * error:
        return (
            f"the ratings beat {words} by {gap:.1f} ± {error:.1f}: "
            f"true return {rated.mean():.1f} against {control.mean():.1f}"
            f"{'' if wants_more else ', where less was wanted'}"
        )
    return (
        f"{words} does as well here, {control.mean():.1f} against {rated.mean():.1f}: "
        "this does not show what the ratings did"
    ).replace("ratings does", "ratings do")


def _error(returns: NDArray[np.float64]) -> float:
    return float(standard_error(returns)) if len(returns) > 1 else 0.0


def _last_returns(run: str | Path | Metrics) -> NDArray[np.float64]:
    metrics = run if isinstance(run, Mapping) else read_metrics(run)
    values = finite_rows(*metrics.get(TRUE_RETURN, ((), ())))[1]
    return np.asarray(values[-SCORE_EPISODES:], np.float64)
