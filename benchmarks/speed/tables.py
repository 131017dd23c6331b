"""The tables of docs/performance.md, from benchmarks/results/speed.json."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.speed.cases import BEFORE, CLEANRL, MANY_ENVS, NUMS_OF_RATINGS, SB3
from benchmarks.speed.figures import (
    ALIKE,
    FIGURE,
    STAGES_FIGURE,
    Case,
    has_figure,
    image,
    label,
    stage_costs,
)
from benchmarks.speed.fits import STEPS as FIT_STEPS
from benchmarks.speed.interleaved import spread, times_faster
from benchmarks.speed.stages import STAGES

NOT_MEASURED = "Not measured yet."
AGENTS = ("ppo-defaults", *ALIKE, "sac")


def speed_blocks(cases: dict[str, Case]) -> dict[str, str]:
    """Return name -> text of every block of the page."""
    makers = {
        **{name: agents_table for name in AGENTS},
        "wrappers": wrappers_table,
        "fit-ratings": fits_table,
        "fit-members": fits_table,
        "fit-throughput": throughput_table,
        "dataset": dataset_table,
        "many-envs": many_envs_table,
    }
    blocks = {
        f"speed-{name}": make(cases[name]) if name in cases else NOT_MEASURED
        for name, make in makers.items()
    }
    blocks["speed-stages"] = NOT_MEASURED
    if "ppo-defaults" in cases:
        blocks["speed-stages"] = "\n\n".join(
            [stages_table(cases["ppo-defaults"]), image(STAGES_FIGURE)]
        )
    blocks["speed-figure"] = image(FIGURE) if has_figure(cases) else NOT_MEASURED
    return blocks | {"speed-made-on": made_on(cases)}


def agents_table(case: Case) -> str:
    """Return what a step costs each agent, and how many times as fast ours are."""
    costs = case["microseconds"]
    peers = [name for name in costs if name in (CLEANRL, SB3)]
    ours = [name for name in costs if name not in peers and not name.endswith(BEFORE)]
    earlier = [name for name in costs if name.endswith(BEFORE)]
    header = ["agent", "µs a step (quartiles)", "steps/s"]
    header += [f"{name}: times as fast (quartiles)" for name in ours]
    rows = []
    for name in (*ours, *peers, *earlier):
        cells = [label(name), in_words(costs[name]), f"{1e6 / costs[name]['median']:,.0f}"]
        for mine in ours:
            is_apart = name in ours or (name in earlier and name != mine + BEFORE)
            cells.append("" if is_apart else in_words(times_faster(case, mine, name)))
        rows.append(cells)
    return table(header, rows)


def wrappers_table(case: Case) -> str:
    """Return what a wrapper adds to a step, compared within each turn, and what a call takes."""
    costs = case["microseconds"]
    has_before = "bare" + BEFORE in costs
    header = ["", "µs of CPU time (quartiles)", *(["before"] if has_before else [])]
    names = [name for name in costs if not name.endswith(BEFORE) and not name.endswith("bare")]
    rows = []
    for name in names:
        cells = [name.replace("predict ", "one call of `predict`, steps: ")]
        for suffix in ("", BEFORE) if has_before else ("",):
            row = costs[name + suffix]
            if name.endswith(("record", "reward")):
                bare = costs[("vector bare" if name.startswith("vector") else "bare") + suffix]
                row = spread(np.subtract(row["turns"], bare["turns"]).tolist())
            cells.append(in_words(row))
        rows.append(cells)
    return table(header, rows)


def fits_table(case: Case) -> str:
    """Return how long a fit of 50 gradient steps takes, for each number of ratings or members."""
    costs = case["microseconds"]
    names = [name for name in costs if not name.endswith(BEFORE)]
    has_before = names[0] + BEFORE in costs
    header = ["", f"ms a fit of {FIT_STEPS} steps (quartiles)", "gradient steps/s"]
    header += ["before", "times as fast (quartiles)"] if has_before else []
    rows = []
    for name in names:
        cells = [name, in_words(costs[name], FIT_STEPS / 1e3)]
        cells.append(f"{1e6 / costs[name]['median']:,.0f}")
        if has_before:
            cells.append(in_words(costs[name + BEFORE], FIT_STEPS / 1e3))
            cells.append(in_words(times_faster(case, name, name + BEFORE)))
        rows.append(cells)
    return table(header, rows)


def throughput_table(case: Case) -> str:
    """Return the gradient steps a second of fits and of plain loops over their members."""
    costs = case["microseconds"]
    rows = []
    for name in (name for name in costs if not name.startswith("plain")):
        loop = "plain loop, " + name.removesuffix(BEFORE).rpartition(", ")[2]
        cells = [label(name), in_words(costs[name], 1e-3), in_words(costs[loop], 1e-3)]
        rows.append([*cells, in_words(times_faster(case, name, loop))])
    header = ["", "ms a gradient step (quartiles)", "plain loop over members"]
    return table([*header, "times as fast (quartiles)"], rows)


def dataset_table(case: Case) -> str:
    """Return how long the file of the most ratings takes."""
    costs = case["microseconds"]
    header = [f"{NUMS_OF_RATINGS[-1]:,} ratings", "seconds (quartiles)"]
    return table(header, [[label(name), in_words(row, 1e-6)] for name, row in costs.items()])


def many_envs_table(case: Case) -> str:
    """Return what the wrappers add to a step of each of many environments."""
    costs = case["microseconds"]
    suffixes = [suffix for suffix in ("", BEFORE) if f"16 environments, bare{suffix}" in costs]
    header = ["environments"]
    for suffix in suffixes:
        header += [label(name + suffix) for name in ("hide and record, µs", "both wrappers, µs")]
    rows = []
    for num in MANY_ENVS:
        cells = [f"{num:,}"]
        for suffix in suffixes:
            bare, *wrapped = (
                costs[f"{num} environments, {which}{suffix}"]["turns"]
                for which in ("bare", "hide and record", "both")
            )
            cells += [in_words(spread(np.subtract(turns, bare).tolist())) for turns in wrapped]
        rows.append(cells)
    return table(header, rows)


def stages_table(case: Case) -> str:
    """Return the share of each stage in the rated run, and its cost in each step."""
    names = [name for name in ("rated" + BEFORE, "rated") if name in case["counts"]]
    costs = {name: stage_costs(case, name) for name in names}
    header = ["stage", *(f"{label(name)}: µs a step (share)" for name in names)]
    rows = []
    for stage in STAGES:
        cells = [stage]
        for name in names:
            cost = costs[name].get(stage, 0.0)
            cells.append(f"{cost:.1f} ({cost / sum(costs[name].values()):.0%})")
        rows.append(cells)
    rows.append(["sum", *(f"{sum(costs[name].values()):.1f}" for name in names)])
    return table(header, rows)


def made_on(cases: dict[str, Case]) -> str:
    """Say on what the cases were measured, each state once; of each its time, and the load."""
    found: dict[str, list[str]] = {}
    for name, case in cases.items():
        ours, before = case["made_on"]["ours"], case["made_on"]["before"]
        versions = ", ".join(f"{k} {v[:8]}" for k, v in case["made_on"]["peers"].items() if v)
        torch = f"torch {ours['versions']['torch']}, numpy {ours['versions']['numpy']}"
        line = f"commit {(ours['commit'] or 'unknown')[:8]}"
        line += f" beside {before[:8]}" if before else ""
        line += f", {ours['cpu']['model']}, {torch}, {versions}".rstrip(", ")
        found.setdefault(line, []).append(
            f"{name} ({case['wall_s']} s, {case.get('load', 'unknown')})"
        )
    return "\n".join(f"* {line}: {', '.join(names)}." for line, names in found.items())


def in_words(row: dict[str, Any], factor: float = 1.0) -> str:
    """Return median and quartiles, to three digits."""
    low, median, high = (digits(row[key] * factor) for key in ("low", "median", "high"))
    return f"{median} ({low} to {high})"


def digits(value: float) -> str:
    """Return a number with three digits, and all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows)])
