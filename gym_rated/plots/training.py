"""How training went: one comparison on one page, and curves over many seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.plots.canvas import (
    MARKERS,
    OTHER_COLORS,
    add_legend,
    arm_colors,
    arm_strokes,
    class_shades,
    figure,
    format_powers,
    format_steps,
    note,
    say,
)
from gym_rated.runs import read_metrics
from gym_rated.runs.names import CLASS_PREFIX, LEARNED_RETURN, TRUE_RETURN, WEIGHT_PREFIX
from gym_rated.runs.series import Metrics, Series, finite_rows, last_known, smooth
from gym_rated.statistics import standard_error

if TYPE_CHECKING:
    from gym_rated.plots.canvas import Axes

_BANDWIDTH = 0.02  # of the run's length: standard deviation of the moving average
_MOST_POINTS = 200  # of a line
_MARKED = 40  # points that are so few are marked


def plot_report(runs: Mapping[str, str | Path | Metrics], path: str | Path, *, title: str) -> None:
    """Draw one comparison: true and learned return of its arms, task weights, and ratings.

    Args:
        runs: Arm -> run folder or metrics as `read_metrics` returns them; arms keep their order.
            Weights and ratings are those of "rated", or of the first arm that has any.
        path: File to write, .png, .svg or .pdf; its folder is made if missing.
        title: Heading, such as the task and the number of ratings.

    Raises:
        FileNotFoundError: If a folder holds no run.
        ValueError: If `runs` is empty, or metrics are damaged.
    """
    if not runs:
        raise ValueError("`runs` must hold at least one arm, got none")
    arms = {arm: m if isinstance(m, Mapping) else read_metrics(m) for arm, m in runs.items()}
    end = max(
        (steps.max() for m in arms.values() for steps, _ in m.values() if len(steps)), default=1
    )
    with figure(path, title, rows=2, columns=2, size=(12.5, 8.2)) as axes:
        for ax in axes:
            format_steps(ax, end)
        axes[0].set(title="True return, by the reward trained on", ylabel="true return per episode")
        _draw_returns(axes[0], arms, TRUE_RETURN, end)
        axes[1].set(
            title="Learned return, by the reward trained on", ylabel="learned return per episode"
        )
        _draw_returns(axes[1], arms, LEARNED_RETURN, end)
        _draw_weights(axes[2], *_rated_arm(arms, WEIGHT_PREFIX))
        _draw_classes(axes[3], *_rated_arm(arms, CLASS_PREFIX), end)


def plot_curves(
    groups: Mapping[str, Sequence[tuple[ArrayLike, ArrayLike]]],
    path: str | Path,
    *,
    title: str,
    ylabel: str = "true return per episode",
) -> None:
    """Draw the mean over seeds of each arm, with a band of one standard error.

    A line has points only where there is data, and is straight between them.

    Args:
        groups: Arm -> one (steps, values) a seed, each of shape (rows,). A curve spans the steps
            that all its seeds reached; one seed alone gets no band.
        path: File to write, .png, .svg or .pdf; its folder is made if missing.
        title: Heading.
        ylabel: What the values are, with their unit.

    Raises:
        ValueError: If `groups` is empty.
    """
    if not groups:
        raise ValueError("`groups` must hold at least one arm, got none")
    colors, strokes = arm_colors(list(groups)), arm_strokes(list(groups))
    with figure(path, title, rows=1, columns=1, size=(8.5, 5.0)) as (ax,):
        ends = [0.0]
        for arm, seeds in groups.items():
            curves = [s for s in (finite_rows(*seed) for seed in seeds) if len(s[0])]
            if curves:
                look = {"color": colors[arm], "linestyle": strokes[arm]}
                ends.append(_draw_mean(ax, curves, f"{arm} (n = {len(curves)})", look))
        ax.set(ylabel=ylabel)
        if len(ends) == 1:
            say(ax, "No episode has ended yet.")
            return
        format_steps(ax, max(ends))
        if any(len(seeds) > 1 for seeds in groups.values()):
            note(ax, "bands: ± one standard error")
        add_legend(ax, columns=4)


def _draw_returns(ax: "Axes", arms: Mapping[str, Metrics], tag: str, end: float) -> None:
    """Draw every episode as a faint dot and its moving average as a line."""
    colors = arm_colors(list(arms))
    for arm, metrics in arms.items():
        steps, values = finite_rows(*metrics.get(tag, ((), ())))
        if len(steps) == 0:
            continue
        color = colors[arm]
        ax.plot(steps, values, ".", color=color, markersize=4, alpha=0.22, markeredgewidth=0)
        grid = _places(steps)
        average = smooth(steps, values, grid, _BANDWIDTH * end)
        ax.plot(grid, average, color=color, linewidth=2, label=arm)
    if ax.lines:
        add_legend(ax)
    else:
        nothing = "No episode has ended yet."
        say(ax, nothing if tag == TRUE_RETURN else "No arm here was trained on a learned reward.")


def _draw_weights(ax: "Axes", arm: str, weights: Mapping[str, Series]) -> None:
    """Draw the weight of each task at each fit."""
    ax.set(title=_of_arm("Task weights at each fit", arm), ylabel="weight of the task's loss")
    for i, (task, (steps, values)) in enumerate(weights.items()):
        color, marker = OTHER_COLORS[i % 5], MARKERS[i % 5]
        ax.plot(steps, values, marker=marker, markersize=4, linewidth=1.6, color=color, label=task)
    if not weights:
        say(ax, "No fit with weighted tasks yet.")
        return
    values = np.concatenate([v for _, v in weights.values()])
    if values.min() > 0 and values.max() > 20 * values.min():
        format_powers(ax)
    else:
        ax.set_ylim(min(0, values.min()), None)
    add_legend(ax)


def _draw_classes(ax: "Axes", arm: str, classes: Mapping[str, Series], end: float) -> None:
    """Stack how many ratings there were of each class, the worst at the bottom."""
    ax.set(title=_of_arm("Ratings by class", arm), ylabel="number of ratings")
    if not classes:
        say(ax, "No ratings yet.")
        return
    names = sorted(classes, key=int)
    steps = np.unique(np.concatenate([[*classes[name][0], end] for name in names]))
    counts = [last_known(steps, *classes[name]) for name in names]
    shades = class_shades(len(names))
    between = names[1:-1] if len(names) <= 7 else ["_"] * (len(names) - 2)  # "_": not in the legend
    labels = [f"{names[0]} (worst)", *between, f"{names[-1]} (best)"][: len(names)]
    ax.stackplot(steps, counts, step="post", colors=shades, labels=labels, linewidth=0)
    ax.set_ylim(0, None)
    add_legend(ax)


def _draw_mean(ax: "Axes", curves: Sequence[Series], label: str, look: Mapping[str, Any]) -> float:
    """Draw the mean of the curves with its standard error; return the last step."""
    start = max(steps[0] for steps, _ in curves)
    end = min(steps[-1] for steps, _ in curves)
    fewest = min((np.unique(steps) for steps, _ in curves), key=len)
    within = fewest[(fewest >= min(start, end)) & (fewest <= end)]
    grid = _places(within if len(within) else np.array([end]))
    values = np.stack([smooth(*curve, grid, _BANDWIDTH * end) for curve in curves])  # (seeds, grid)
    mean = values.mean(0)
    marker = "o" if len(grid) <= _MARKED else ""
    ax.plot(grid, mean, linewidth=2, label=label, marker=marker, markersize=3.5, **look)
    if len(curves) > 1:
        error = standard_error(values)
        low, high = mean - error, mean + error
        ax.fill_between(grid, low, high, color=look["color"], alpha=0.18, linewidth=0)
    return float(end)


def _places(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the steps at which a line has its points: those of the data, evenly thinned."""
    there = np.unique(steps)
    chosen = np.linspace(0, len(there) - 1, min(len(there), _MOST_POINTS)).round().astype(int)
    return np.asarray(there[chosen])


def _rated_arm(arms: Mapping[str, Metrics], prefix: str) -> tuple[str, dict[str, Series]]:
    """Return the arm whose tags start with `prefix`, and its series by the rest of the tag."""
    for arm in sorted(arms, key=lambda arm: arm != "rated"):
        series = {
            tag.removeprefix(prefix): finite_rows(*arms[arm][tag])
            for tag in arms[arm]
            if tag.startswith(prefix)
        }
        series = {name: (steps, values) for name, (steps, values) in series.items() if len(steps)}
        if series:
            return arm, series
    return "", {}


def _of_arm(heading: str, arm: str) -> str:
    return f"{heading} ({arm})" if arm else heading
