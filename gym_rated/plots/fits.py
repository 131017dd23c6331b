"""How the reward model did from fit to fit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gym_rated.plots.canvas import add_legend, arm_colors, figure, format_steps, say
from gym_rated.runs.names import (
    FRESH_SPEARMAN,
    HELD_OUT_KAPPA,
    HELD_OUT_SPEARMAN,
    TRUE_ADVANTAGE,
    TRUE_STEP,
)
from gym_rated.runs.series import Metrics, finite_rows

if TYPE_CHECKING:
    from gym_rated.plots.canvas import Axes

_PANELS = {
    HELD_OUT_SPEARMAN: "Rank correlation with held-out ratings",
    FRESH_SPEARMAN: "Rank correlation with new ratings",
    HELD_OUT_KAPPA: "Agreement of classes (weighted kappa), held out",
}
_TRUTH = "Agreement with the true reward on what the agent does now"
_TRUE_LINES = {TRUE_ADVANTAGE: ("advantages", "-"), TRUE_STEP: ("single steps", "--")}


def plot_fits(groups: Mapping[str, Sequence[Metrics]], path: str | Path, *, title: str) -> None:
    """Draw the quality of the learned reward at each fit, one line a run, coloured by arm.

    Where a run knows the true reward, a fourth panel shows how the learned one agrees with it.

    Args:
        groups: Arm -> metrics of its runs.
        path: File to write, .png, .svg or .pdf; its folder is made if missing.
        title: Heading.

    Raises:
        ValueError: If `groups` is empty.
    """
    if not groups:
        raise ValueError("`groups` must hold at least one arm, got none")
    colors = arm_colors(list(groups))
    is_known = any(tag in run for runs in groups.values() for run in runs for tag in _TRUE_LINES)
    rows, columns, size = (2, 2, (12.5, 8.8)) if is_known else (1, len(_PANELS), (15, 4.8))
    with figure(path, title, rows=rows, columns=columns, size=size) as axes:
        for ax, (tag, heading) in zip(axes, _PANELS.items(), strict=False):
            ax.set(title=heading, ylim=(-1.05, 1.05))
            _finish(ax, _draw(ax, groups, tag, colors))
        if is_known:
            axes[-1].set(title=_TRUTH, ylim=(-1.05, 1.05))
            _draw_truth(axes[-1], groups, colors)


def _draw_truth(
    ax: "Axes", groups: Mapping[str, Sequence[Metrics]], colors: Mapping[str, str]
) -> None:
    """Draw both correlations with the true reward: colours are arms, strokes say of what."""
    ends = [
        _draw(ax, groups, tag, colors, style, is_named=style == "-")
        for tag, (_, style) in _TRUE_LINES.items()
    ]
    for name, style in _TRUE_LINES.values():
        ax.plot([], [], color="#777777", linestyle=style, linewidth=1.5, label=name)
    _finish(ax, max(ends))


def _draw(
    ax: "Axes",
    groups: Mapping[str, Sequence[Metrics]],
    tag: str,
    colors: Mapping[str, str],
    style: str = "-",
    is_named: bool = True,
) -> float:
    """Draw a tag of every run; return the last step, 0 where there is none."""
    end = 0.0
    for arm, runs in groups.items():
        label = arm if is_named else "_"
        for metrics in runs:
            steps, values = finite_rows(*metrics.get(tag, ((), ())))
            if len(steps):
                (line,) = ax.plot(steps, values, color=colors[arm], linewidth=1.5, alpha=0.85)
                line.set(marker="o", markersize=3.5, linestyle=style, label=label)
                label, end = "_", max(end, float(steps.max()))
    return end


def _finish(ax: "Axes", end: float) -> None:
    """Give a panel its zero, its axis of steps up to `end` and its legend, or words."""
    if not end:
        say(ax, "No fit with enough ratings to say.")
        return
    ax.axhline(0, color="#bbbbbb", linewidth=1)
    format_steps(ax, end)
    add_legend(ax)
