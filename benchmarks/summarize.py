"""Write the tables and the figure of README and docs from the committed results.

    python -m benchmarks.summarize
    python -m benchmarks.summarize --check

Rewrites what stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`, so that no number is
typed by hand.
"""

import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks import choosing, contradictions, eight_tasks, few_tables, human
from benchmarks.fit_tables import fit_blocks
from benchmarks.grid_results import draw_grids, grid_blocks
from benchmarks.speed.figures import draw_speed
from benchmarks.speed.tables import speed_blocks
from benchmarks.training import ENDING, FEW_ARMS, SUITES
from gym_rated.assembly.presets import PRESETS
from gym_rated.checkpoint import replace_file
from gym_rated.plots import plot_curves
from gym_rated.statistics import (
    standard_error,
)

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
WORDS = {
    "random": "uniformly random actions",
    "true": "true reward",
    "constant": "constant reward",
    "ours": "`ours`",
    "wu2025": "classification and regression, re-rated (`wu2025`)",
    "rbrl": "classification, re-rated (`rbrl`)",
    "pairs": "all pairs, re-rated (`pairs`)",
    "shuffled": "`ours`, shuffled ratings",
    "pairs-once": "pairs within a round",
    "wu2025-once": "classification and regression (`wu2025`)",
    "rbrl-once": "classification (`rbrl`)",
    "regression-once": "regression",
    "pairs-50": "pairs within a round",
    "pairs-10": "pairs, segments of 10 steps",
    "pairs-10-decay": "pairs, segments of 10 steps, decay",
    "thresholds": "`ours` as for people (thresholds)",
    "ours-no-bonus": "`ours` without a bonus",
    "ours-bare": "`ours` without squares and bonus",
    "ours-bare-50": "the same, with segments of 50 steps, without decay",
}
MAIN = ("true", "ours", "wu2025", "rbrl", "pairs", "constant", "shuffled")
NEVER_RERATED = ("ours", "thresholds", "pairs-once", "wu2025-once")
CONTINUOUS = ("halfcheetah", "pendulum", "reacher")
DISCRETE = ("cartpole", "acrobot")
TRUST = ("faults", "hostile", "fuzz", "outside")
FEW = tuple(name for name in SUITES if name.startswith("few-"))
DM_CONTROL = ("dm-cartpole", "dm-cheetah", "dm-walker", "dm-finger")


def json_rows(file: str) -> list[dict[str, Any]]:
    """Return the rows of a result file, one a run."""
    return json.loads((RESULTS / file).read_text())["rows"]


def training_rows() -> list[dict[str, Any]]:
    """Return the rows of the training benchmark, those of few ratings among them."""
    files = [name for name in ("training.json", "few_ratings.json") if (RESULTS / name).exists()]
    return [row for name in files for row in json_rows(name)]


def columns(name: str) -> dict[str, dict[str, list[float]]]:
    """Return suite -> arm -> a column of the rows, in the order of the seeds."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in training_rows():
        found[row["suite"]][row["arm"]].append(row.get(name, float("nan")))
    return found


def few_scores() -> dict[str, dict[str, list[float]]]:
    """Return the scores of the tasks of few ratings, as `columns` does."""
    return {suite: task for suite, task in columns("score").items() if suite in FEW}


def training_table(
    suites: tuple[str, ...],
    arms: tuple[str, ...],
    *,
    with_length: bool = False,
    with_worst: bool = False,
) -> str:
    """Return one row a suite and arm: score, spread over seeds, normalised score and interval."""
    header = ["task", "trained on", "seeds", "true return (mean ± s.e.)"]
    header += ["normalised (95 % interval)", *(["steps of an episode"] if with_length else [])]
    header += ["worst seed"] if with_worst else []
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    scores, lengths = columns("score"), columns("episode_length")
    tasks = {row["suite"]: row["env_id"] for row in training_rows()}
    for suite in (suite for suite in suites if suite in tasks):
        for arm in (arm for arm in arms if scores[suite][arm]):
            values = np.array(scores[suite][arm])
            digits = 0 if abs(values).max() >= 100 else 1
            cells = [tasks[suite], WORDS[arm], str(len(values))]
            error = f" ± {float(standard_error(values)):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{values.mean():.{digits}f}{error}")
            unit = few_tables.mean_over_tasks({suite: scores[suite]}, arm)
            spread = f" ({unit.low:.2f} to {unit.high:.2f})" if len(values) > 1 else ""
            cells.append(f"{unit.estimate:.2f}{spread}")
            cells += [f"{np.mean(lengths[suite][arm]):.0f}"] if with_length else []
            cells += [f"{values.min():.{digits}f}"] if with_worst else []
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def training_block() -> str:
    """Return the table of re-rated ratings, and how far the rated arm is above its control."""
    lines = [training_table(CONTINUOUS, MAIN), ""]
    for suite, task in columns("score").items():
        if len(task["shuffled"]) > 1:
            pairs = [np.array(task[arm]) for arm in ("ours", "shuffled")]
            gap = pairs[0].mean() - pairs[1].mean()
            error = float(np.hypot(*(standard_error(values) for values in pairs)))
            lines.append(
                f"{suite}: ratings beat shuffled ratings by {gap:.0f} ± {error:.0f}, "
                f"{gap / error:.1f} standard errors of the difference."
            )
    return "\n".join(lines)


def eight_tasks_block(column: str) -> str:
    """Return the table of losses and raters, and how often `ours` is close to the best."""
    rows = json_rows("eight_tasks.json")
    table = eight_tasks.means_table(rows, column)
    return f"{table}\n\n{eight_tasks.close_to_best(rows, column)}"


def agents_table() -> str:
    """Return the script beside the same agent of another library, on the seeds that both have."""
    lines = [
        "| task | trained on | seeds | our script | Stable-Baselines3 | difference |",
        "|---|---|---|---|---|---|",
    ]
    rows = json_rows("agents.json")
    others = {(row["suite"], row["arm"], row["seed"]): row["score"] for row in rows}
    ours = {(row["suite"], row["arm"], row["seed"]): row["score"] for row in training_rows()}
    for suite, env_id in dict.fromkeys((row["suite"], row["env_id"]) for row in rows):
        for arm in ("true", "wu2025"):
            both = [key for key in others if key[:2] == (suite, arm) and key in ours]
            pair = [np.array([scores[key] for key in both]) for scores in (ours, others)]
            if len(both) > 1:
                errors = [float(standard_error(values)) for values in pair]
                cells = [env_id, WORDS[arm], str(len(both))]
                cells += [f"{v.mean():.0f} ± {e:.0f}" for v, e in zip(pair, errors, strict=True)]
                cells.append(f"{pair[1].mean() - pair[0].mean():+.0f} ± {np.hypot(*errors):.0f}")
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def presets_table() -> str:
    """Return what each preset sets, as rows of flags."""
    lines = ["| preset | sets |", "|---|---|"]
    for preset, flags in PRESETS.items():
        words = " ".join(f"`{word}`" for word in as_words(flags))
        lines.append(f"| `{preset}` | {words} |")
    return "\n".join(lines)


def as_words(flags: dict[str, Any]) -> list[str]:
    """Return fields of a script's flags as they are written on a command line."""
    words = []
    for field, value in flags.items():
        name = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            words.append(" ".join([f"--{name}", *map(str, values)]))
    return words


def draw_curves(suite: str, arms: tuple[str, ...], path: Path, title: str) -> None:
    """Draw the true return over training of the arms of one task, mean and error over seeds."""
    groups: dict[str, list[tuple[list[float], list[float]]]] = defaultdict(list)
    for row in training_rows():
        if row["suite"] == suite and row["arm"] in arms:
            points = len(row["curve"])
            middles = [(i + 0.5) * row["steps"] / points for i in range(points)]
            known = [(x, y) for x, y in zip(middles, row["curve"], strict=True) if y is not None]
            groups[row["arm"]].append(([x for x, _ in known], [y for _, y in known]))
    if groups:
        plot_curves({arm: groups[arm] for arm in arms if arm in groups}, path, title=title)


def environments_table() -> str:
    """Return every id that was run in the wrappers, and what failed with its reason."""
    rows = json.loads((RESULTS / "environments.json").read_text())["rows"]
    lines = [
        "| id | observation | action | segments rated | µs a step: single | vector |",
        "|---|---|---|---|---|---|",
    ]
    failed = []
    for row in rows:
        single, vector = row["single"], row["vector"]
        reasons = {result["failed"] for result in (single, vector) if "failed" in result}
        if reasons:
            failed.append(f"* `{row['env_id']}`: {'; '.join(sorted(reasons))}")
            continue
        obs, action = single["spaces"]
        lines.append(
            f"| `{row['env_id']}` | {obs} | {action} | {single['ratings']} + {vector['ratings']} | "
            f"{single['us_per_step']:.0f} | {vector['us_per_step']:.0f} |"
        )
    lines += ["", f"{len(rows) - len(failed)} of {len(rows)} ids ran.", "", *failed]
    return "\n".join(lines)


def trust_table(suite: str) -> str:
    """Return what a suite of faults tried, by kind, and how each trial ended."""
    content = json.loads((RESULTS / "trust" / f"{suite}.json").read_text())
    names = ("tried", "kept", "refused", "lost")
    total = {name: sum(row[name] for row in content["rows"]) for name in names}
    lines = ["| what | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in [*content["rows"], {"kind": "**sum**", **total}]:
        lines.append(f"| {row['kind']} | " + " | ".join(str(row[name]) for name in names) + " |")
    return "\n".join([*lines, "", f"`{content['command']}`, Python {content['python']}."])


def mutants_table() -> str:
    """Return how many broken places the tests noticed, and those that they did not."""
    content = json.loads((RESULTS / "trust" / "mutants.json").read_text())
    tried, noticed, survivors = (content[name] for name in ("tried", "noticed", "survivors"))
    lines = ["| tried | noticed | not noticed |", "|---|---|---|"]
    lines += [f"| {tried} of {content['places']} places | {noticed} | {tried - noticed} |", ""]
    if survivors:
        lines += ["| not noticed | before | after |", "|---|---|---|"]
    for row in survivors:
        before, after = (
            f"`` {row[name].replace('|', chr(92) + '|')} ``" for name in ("before", "after")
        )
        lines.append(f"| `{row['path']}:{row['line']}` | {before} | {after} |")
    return "\n".join([*lines, "", f"`{content['command']}`."])


def choosing_blocks() -> dict[str, str]:
    """Return the tables of the first hour: which flags, how many ratings, and what they brought."""
    return {
        "choosing": choosing.trained_table(training_rows(), columns("score")),
        "choosing_fits": choosing.fitted_table(json_rows("reward_fit.json")),
    }


def car_racing_table() -> str:
    """Return what three agents of images got, each the mean of its last 50 episodes."""
    names = {"true": "true reward", "rated": "ratings of pixels", "shuffled": "of the wrong images"}
    lines = ["| trained on | true return of the last 50 episodes |", "|---|---|"]
    rows = json_rows("car_racing.json")
    return "\n".join([*lines, *(f"| {names[row['arm']]} | {row['score']:.1f} |" for row in rows)])


def rewritten(text: str, blocks: dict[str, str]) -> str:
    """Return a page with each block between its marks, where it has them."""
    for name, block in blocks.items():
        marks = rf"(<!-- begin: {name} -->\n).*?(<!-- end: {name} -->)"
        text = re.sub(marks, lambda m, b=block: f"{m[1]}{b}\n{m[2]}", text, flags=re.DOTALL)
    return text


def all_blocks() -> dict[str, str]:
    """Return name -> table, of all for which there are results."""
    makers = {
        "training": ("training.json", training_block),
        "never_rerated": ("training.json", lambda: training_table(CONTINUOUS, NEVER_RERATED)),
        "training_discrete": (
            "training.json",
            lambda: training_table(DISCRETE, ENDING, with_length=True),
        ),
        "training_dm": ("training.json", lambda: training_table(DM_CONTROL, MAIN)),
        "few_ratings": (
            "few_ratings.json",
            lambda: training_table(FEW, FEW_ARMS, with_worst=True),
        ),
        "few_means": (
            "few_ratings.json",
            lambda: few_tables.means_table(few_scores(), FEW_ARMS, WORDS),
        ),
        "few_truth": (
            "few_ratings.json",
            lambda: few_tables.truth_table(json_rows("few_ratings.json"), few_scores(), "ours"),
        ),
        "eight_tasks": ("eight_tasks.json", partial(eight_tasks_block, "spearman_all")),
        "eight_tasks_step": ("eight_tasks.json", partial(eight_tasks_block, "step_latest")),
        "training_sac": ("training.json", lambda: training_table(("sac-halfcheetah",), MAIN)),
        "agents": ("agents.json", agents_table),
        "human_training": ("human.json", lambda: human.table(json_rows("human.json"))),
        "car_racing": ("car_racing.json", car_racing_table),
        "environments": ("environments.json", environments_table),
        "contradictions": (
            "contradictions.json",
            lambda: contradictions.table(json_rows("contradictions.json")),
        ),
    }
    for suite in TRUST:
        makers[f"trust-{suite}"] = (f"trust/{suite}.json", partial(trust_table, suite))
    makers["trust-mutants"] = ("trust/mutants.json", mutants_table)
    blocks = {name: make() for name, (file, make) in makers.items() if (RESULTS / file).exists()}
    blocks["presets"] = presets_table()
    blocks |= choosing_blocks() | grid_blocks()
    if (RESULTS / "speed.json").exists():
        cases = json.loads((RESULTS / "speed.json").read_text())["cases"]
        blocks |= speed_blocks(cases)
    content = json.loads((RESULTS / "reward_fit.json").read_text())
    if "weights" in content:
        blocks |= fit_blocks(content)
    return blocks


def draw_all() -> None:
    """Draw all figures for which there are results."""
    static = ROOT / "docs" / "_static"
    if (RESULTS / "speed.json").exists():
        draw_speed(json.loads((RESULTS / "speed.json").read_text())["cases"], static)
    if (RESULTS / "training.json").exists():
        suite, task, spread = "halfcheetah", "HalfCheetah-v5", " (mean ± s.e.)"
        draw_curves(
            suite, MAIN, static / "training.png", f"{task}, 500 ratings without mistakes{spread}"
        )
        once = ("true", *NEVER_RERATED)
        draw_curves(
            suite, once, static / "never_rerated.png", f"{task}, ratings never re-rated{spread}"
        )
    draw_grids(static)


@dataclass
class Args:
    """Write the tables and figures of README and docs from the committed results."""

    check: bool = False
    """write nothing, and fail where a table is not that of the results"""


def main(args: Args) -> int:
    """Write all tables and figures, or compare the tables; returns 1 where they differ."""
    blocks = all_blocks()
    texts = {page: page.read_text() for page in PAGES}
    new = {page: rewritten(text, blocks) for page, text in texts.items()}
    changed = [page for page in PAGES if new[page] != texts[page]]
    if args.check:
        for page in changed:
            print(f"{page.relative_to(ROOT)} is not what the results say; run it without --check")
        return 1 if changed else 0
    for page in changed:
        replace_file(page, new[page].encode())
    draw_all()
    for name, block in blocks.items():
        print(f"\n{name}\n{block}")
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Args)))
