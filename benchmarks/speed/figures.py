"""The figures of docs/performance.md, from benchmarks/results/speed.json."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.cases import ALIKE_ENVS, BEFORE
from benchmarks.speed.stages import STAGES
from gym_rated.plots.canvas import ARM_COLORS, OTHER_COLORS, add_legend, figure, format_powers

Case = dict[str, Any]
Costs = dict[str, dict[int, dict[str, Any]]]
ALIKE = tuple(f"ppo-alike-{num_envs}" for num_envs in ALIKE_ENVS)
FIGURE, STAGES_FIGURE = "speed.png", "speed_stages.png"
ALT = {
    FIGURE: "Steps a second of CPU time against the number of environments, ratings and members",
    STAGES_FIGURE: "The stages of the rated run as one bar, in microseconds of a step",
}


def draw_speed(cases: dict[str, Case], folder: Path) -> None:
    """Draw the figures of the page, if all that they show was measured."""
    if has_figure(cases):
        path, title = folder / FIGURE, "Steps a second of CPU time (dashed: before)"
        with figure(path, title, rows=2, columns=2, size=(12.5, 8.5)) as axes:
            agents, wrappers, ratings, members = axes
            draw_rates(agents, "PPO, rollouts of 2,048 steps", "environments", agent_costs(cases))
            draw_rates(wrappers, "Wrappers alone", *numbered(cases["many-envs"]), powers=True)
            draw_rates(
                ratings, "Fits, gradient steps", *numbered(cases["fit-ratings"]), powers=True
            )
            draw_rates(members, "Fits, gradient steps", *numbered(cases["fit-members"]))
    if "ppo-defaults" in cases:
        draw_stages(cases["ppo-defaults"], folder / STAGES_FIGURE)


def agent_costs(cases: dict[str, Case]) -> Costs:
    """Return agent -> number of environments -> what a step costs."""
    found: Costs = {}
    for num_envs, name in zip(ALIKE_ENVS, ALIKE, strict=True):
        for agent, row in cases[name]["microseconds"].items():
            found.setdefault(agent, {})[num_envs] = row
    return found


def numbered(case: Case) -> tuple[str, Costs]:
    """Return what the numbers count that the names of a case begin with, and kind -> them."""
    found: Costs = {}
    for name, row in case["microseconds"].items():
        number, _, kind = name.removesuffix(BEFORE).partition(" ")
        axis, _, kind = kind.partition(", ")
        suffix = BEFORE if name.endswith(BEFORE) else ""
        found.setdefault((kind or "now") + suffix, {})[int(number)] = row
    return axis, found


def draw_rates(ax: Any, title: str, axis: str, lines: Costs, powers: bool = False) -> None:
    """Draw steps a second, median and quartiles."""
    kinds = dict.fromkeys(name.removesuffix(BEFORE) for name in lines)
    colors = dict(zip(kinds, (ARM_COLORS["rated"], *OTHER_COLORS), strict=False))
    for name, points in lines.items():
        low, median, high = (
            [1e6 / row[key] for row in points.values()] for key in ("high", "median", "low")
        )
        color = colors[name.removesuffix(BEFORE)]
        style, words = ("o--", "_") if name.endswith(BEFORE) else ("o-", name)
        ax.plot(list(points), median, style, color=color, markersize=4, label=words)
        ax.fill_between(list(points), low, high, color=color, alpha=0.15, linewidth=0)
    ax.set(title=title, xlabel=axis, xscale="log")
    ax.set_xticks(list(points), [f"{number:,}" for number in points])
    ax.minorticks_off()
    if powers:
        format_powers(ax)
    else:
        ax.set_ylim(bottom=0)
    add_legend(ax, columns=4)


def draw_stages(case: Case, path: Path) -> None:
    """Draw where the time of a step goes, one bar now and one before."""
    import matplotlib

    names = [name for name in ("rated", "rated" + BEFORE) if name in case["counts"]]
    shades = matplotlib.colormaps["tab20"].colors
    with figure(path, "Where the time goes", rows=1, columns=1, size=(13, 4.4)) as axes:
        (ax,) = axes
        left = np.zeros(len(names))
        for stage, color in zip(STAGES, shades, strict=False):
            widths = np.array([stage_costs(case, name).get(stage, 0.0) for name in names])
            ax.barh([label(name) for name in names], widths, left=left, color=color, label=stage)
            left += widths
        ax.set(xlabel="µs of CPU time per environment step")
        ax.grid(axis="y", visible=False)
        add_legend(ax, columns=4)


def has_figure(cases: dict[str, Case]) -> bool:
    """Return whether all that the figure shows was measured."""
    return {*ALIKE, "many-envs", "fit-ratings", "fit-members"} <= set(cases)


def image(name: str) -> str:
    """Return the Markdown of a figure."""
    return f"![{ALT[name]}](_static/{name})"


def stage_costs(case: Case, name: str) -> dict[str, float]:
    """Return stage -> microseconds of a step, by the share of its samples."""
    counts = case["counts"][name]
    cost = case["microseconds"][name]["median"] / sum(counts.values())
    return {stage: cost * counts[stage] for stage in STAGES if stage in counts}


def label(name: str) -> str:
    """Return a contender's name as a reader sees it."""
    return name.replace(BEFORE, " (before)").replace(" x ", " by ")
