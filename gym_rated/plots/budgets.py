"""The score of each arm against the number of ratings that it learned from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gym_rated.plots.canvas import MARKERS, add_legend, arm_colors, arm_strokes, figure
from gym_rated.statistics import Interval

_APART = 0.02  # decades between the intervals of arms with the same number of ratings


def plot_budgets(
    arms: Mapping[str, Sequence[Interval | float]],
    numbers: Sequence[int],
    path: str | Path,
    *,
    title: str,
) -> None:
    """Draw a line for each arm, with the interval of each point that has one.

    Args:
        arms: Arm -> normalised score with each number of ratings, N of them.
        numbers: The numbers of ratings, N of them, each at least 1.
        path: File to write, .png, .svg or .pdf; its folder is made if missing.
        title: Heading.

    Raises:
        ValueError: If `arms` is empty, or an arm has not N scores.
    """
    if not arms:
        raise ValueError("`arms` must hold at least one arm, got none")
    colors, strokes = arm_colors(list(arms)), arm_strokes(list(arms))
    with figure(path, title, rows=1, columns=1, size=(8.5, 5.0)) as (ax,):
        for end in (0.0, 1.0):  # random actions, and the true reward
            ax.axhline(end, color="#bbbbbb", linewidth=1)
        for place, (arm, scores) in enumerate(arms.items()):
            means = [score.estimate if isinstance(score, Interval) else score for score in scores]
            if len(means) != len(numbers):
                raise ValueError(
                    f"`arms` must have {len(numbers)} scores each, one for each of `numbers`, "
                    f"got {len(means)} for {arm!r}"
                )
            at = np.asarray(numbers) * 10 ** (_APART * (place - (len(arms) - 1) / 2))
            color, marker = colors[arm], MARKERS[place % len(MARKERS)]
            ax.plot(at, means, strokes[arm], color=color, marker=marker, linewidth=2, label=arm)
            for x, score in zip(at, scores, strict=True):
                if isinstance(score, Interval):
                    ax.vlines(x, score.low, score.high, color=color, linewidth=1.5, alpha=0.6)
        ax.set_xscale("log")
        ax.set_xticks(list(numbers), [str(number) for number in numbers])
        ax.set_xticks([], minor=True)
        ax.set(xlabel="ratings", ylabel="normalised score")
        add_legend(ax, columns=4)
