"""How many runs of each arm score more than so much (Agarwal et al. 2021, section 4.2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from gym_rated.plots.canvas import add_legend, arm_colors, arm_strokes, figure
from gym_rated.statistics import bootstrap_profile, performance_profile

_POINTS = 200
_SHOWN = (-1.0, 2.0)  # what lies beyond is far beyond: one such run would hide all others


def plot_profiles(arms: Mapping[str, Sequence[ArrayLike]], path: str | Path, *, title: str) -> None:
    """Draw the performance profile of each arm, with a band of 95 % at each score by itself.

    Args:
        arms: Arm -> normalised scores, one row of seeds a task, of at least 2 seeds each.
        path: File to write, .png, .svg or .pdf; its folder is made if missing.
        title: Heading.

    Raises:
        ValueError: If `arms` is empty, or a row has fewer than 2 scores.
    """
    if not arms:
        raise ValueError("`arms` must hold at least one arm, got none")
    everything = np.concatenate([np.ravel(row) for rows in arms.values() for row in rows])
    low = max(_SHOWN[0], min(0.0, float(everything.min())))
    high = min(_SHOWN[1], max(1.0, float(everything.max())))
    at = np.linspace(low, high, _POINTS)
    colors, strokes = arm_colors(list(arms)), arm_strokes(list(arms))
    with figure(path, title, rows=1, columns=1, size=(8.5, 5.0)) as (ax,):
        for arm, rows in arms.items():
            color = colors[arm]
            label = f"{arm} ({len(rows)} task{'s' if len(rows) > 1 else ''})"
            share = performance_profile(rows, at)
            ax.plot(at, share, color=color, linestyle=strokes[arm], linewidth=2, label=label)
            ax.fill_between(at, *bootstrap_profile(rows, at), color=color, alpha=0.12, linewidth=0)
        ax.set(xlabel="normalised score", ylabel="share of runs that score more")
        ax.set(xlim=(low, high), ylim=(-0.02, 1.02))
        add_legend(ax, columns=4)
