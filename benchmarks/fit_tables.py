"""The tables of the check of the reward, for the docs."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.fit_targets import COLUMNS, by_kind, mean_and_lowest, verdicts

METHOD_WORDS = {
    "ours": "`ours`",
    "wu2025": "multi-task, one scale (`wu2025`)",
    "rbrl": "classification, one scale (`rbrl`)",
    "pairs-once": "pairs within a round",
    "pairs": "pairs, one scale (`pairs`)",
    "regression, one scale": "regression, one scale",
    "classes alone": "from the classes alone",
    "scores alone": "from the scores alone",
    "ours, explained": "from both, weights `explained`",
    "ours, fixed": "from both, equal weights",
}


def fit_blocks(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables by the name of their mark, from the content of reward_fit.json."""
    rows = content["rows"]
    others = [row for row in rows if row["part"] in ("clean", "wrong", "alone")]
    return {
        "reward_fit": check_table(others),
        "both_fit": raters_table([row for row in rows if row["part"] == "both"]),
        "task_weights": weights_table(content["weights"]),
        "fit_missed": missed_list(rows),
    }


def raters_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line a rater and method: mean (lowest) over seeds of each correlation."""
    lines = [
        "| rater | wrong | method | all stages: mean (worst) | best third | latest stage |",
        "|---|---|---|---|---|---|",
    ]
    kinds = by_kind(rows, lambda row: (row["rater"], wrong_ratings(row), row["method"]))
    for (rater, wrong, method), found in kinds.items():
        columns = [mean_and_lowest(found, name, 2) for name in COLUMNS]
        name = METHOD_WORDS[method]
        lines.append(f"| {rater} | {wrong} | {name} | " + " | ".join(columns) + " |")
    return "\n".join(lines)


def wrong_ratings(row: Mapping[str, Any]) -> str:
    """Say which ratings of a row are wrong."""
    found = [f"{row[kind]:.0%} {kind}" for kind in ("slips", "mistakes") if row[kind]]
    return ", ".join(found) or "none"


def check_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line for each task, rater, number of ratings and method."""
    lines = [
        "| task | answers | wrong | number | method | all stages: mean (worst) | best third |",
        "|---|---|---|---|---|---|---|",
    ]
    names = ("env_id", "rater", "mistakes", "num_ratings", "method", "part")
    kinds = by_kind(rows, lambda row: tuple(row[name] for name in names))
    for (env_id, rater, mistakes, num, method, part), found in kinds.items():
        columns = [mean_and_lowest(found, name, 2) for name in COLUMNS[:2]]
        rater += "" if part == "clean" else ", in rounds"
        cells = [env_id, rater, f"{mistakes:.0%}", str(num), METHOD_WORDS[method], *columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def weights_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the weights of both tasks while one has wrong targets, and after they were mended."""
    lines = [
        "| wrong targets | seed | weights after the fit to them | after later fits to right ones |",
        "|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row["noisy"], row["seed"])):
        told = [
            ", ".join(f"{task} {weight:.2f}" for task, weight in row[name].items())
            for name in ("weights_noisy", "weights_right")
        ]
        lines.append(f"| {row['noisy']} | {row['seed']} | {told[0]} | {told[1]} |")
    return "\n".join(lines)


def missed_list(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how many of the expectations were met, and name those that were not."""
    found = [line for line in verdicts(rows).splitlines() if line]
    missed = [line for line in found if line.startswith("MISSED")]
    said = f"{len(found) - len(missed)} of {len(found)} are met."
    return "\n".join([said, "", *(f"* {line}" for line in missed)]) if missed else said
