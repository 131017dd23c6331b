"""How the reward model did from fit to fit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gym_rated.plots.canvas import add_legend, arm_colors, figure, format_steps, say
from gym_rated.runs.names import FRESH_SPEARMAN, HELD_OUT_KAPPA, HELD_OUT_SPEARMAN
from gym_rated.runs.series import Metrics, finite_rows

if TYPE_CHECKING:
    from gym_rated.plots.canvas import Axes

_PANELS = {
    HELD_OUT_SPEARMAN: "Rank correlation with held-out ratings",
    FRESH_SPEARMAN: "Rank correlation with new ratings",
    HELD_OUT_KAPPA: "Agreement of classes (weighted kappa), held out",
}


def plot_fits(groups: Mapping[str, Sequence[Metrics]], path: str | Path, *, title: str) -> None:
    """Draw the quality of the learned reward at each fit, one line a run, coloured by arm.

    Args:
        groups: Arm -> metrics of its runs.
        path: PNG to write; its folder is made if missing.
        title: Heading.

    Raises:
        ValueError: If `groups` is empty.
    """
    if not groups:
        raise ValueError("`groups` must hold at least one arm, got none")
    colors = arm_colors(list(groups))
    with figure(path, title, rows=1, columns=len(_PANELS), size=(15, 4.8)) as axes:
        for ax, (tag, heading) in zip(axes, _PANELS.items(), strict=True):
            ax.set(title=heading, ylim=(-1.05, 1.05))
            _draw(ax, groups, tag, colors)


def _draw(
    ax: "Axes", groups: Mapping[str, Sequence[Metrics]], tag: str, colors: Mapping[str, str]
) -> None:
    end = 0.0
    for arm, runs in groups.items():
        label = arm
        for metrics in runs:
            steps, values = finite_rows(*metrics.get(tag, ((), ())))
            if len(steps):
                (line,) = ax.plot(steps, values, color=colors[arm], linewidth=1.5, alpha=0.85)
                line.set(marker="o", markersize=3.5, label=label)
                label, end = "_", max(end, float(steps.max()))
    if not end:
        say(ax, "No fit with enough ratings to say.")
        return
    ax.axhline(0, color="#bbbbbb", linewidth=1)
    format_steps(ax, end)
    add_legend(ax)
