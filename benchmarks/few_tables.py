"""What few ratings are worth over all tasks, and what the learned reward was like: two tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gym_rated.metrics import spearman
from gym_rated.statistics import Interval, normalized_score, resampled_interval

Scores = Mapping[str, Mapping[str, Sequence[float]]]
"""suite -> arm -> scores, one a seed"""
MEASURES = {
    "step": "single steps",
    "advantage": "advantages",
    "spearman": "segments",
    "best_third_slope": "slope in the best third",
}
"""Number of `Truth` -> its name in the table."""


def means_table(scores: Scores, arms: Sequence[str], words: Mapping[str, str]) -> str:
    """Return one row an arm that was run on every task: the mean over tasks, and the worst.

    Args:
        scores: Those of all tasks.
        arms: Arms in the order of the rows.
        words: Arm -> what it is, in words.
    """
    lines = [
        "| trained on | mean of the tasks (95 % interval) | worst task | worst run |",
        "|---|---|---|---|",
    ]
    for arm in (arm for arm in arms if all(task.get(arm) for task in scores.values())):
        unit = {suite: _places(task, task[arm]) for suite, task in scores.items()}
        worst = min(unit, key=lambda suite: float(unit[suite].mean()))
        run = min(unit, key=lambda suite: float(unit[suite].min()))
        mean = mean_over_tasks(scores, arm)
        cells = [words[arm], f"{mean.estimate:.2f} ({mean.low:.2f} to {mean.high:.2f})"]
        cells += [f"{unit[worst].mean():.2f} ({_short(worst)})"]
        cells += [f"{unit[run].min():.2f} ({_short(run)})"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mean_over_tasks(scores: Scores, arm: str) -> Interval:
    """Place an arm between random actions (0) and true reward (1), the mean over tasks.

    Seeds of all three are drawn again within each task, as all three are uncertain; tasks never.
    The true reward's own place is 1, and its interval says how far the line's end is.
    """
    drawn_again = (arm, "random") if arm == "true" else (arm, "random", "true")
    cells = [(suite, kind) for suite in scores for kind in drawn_again]
    values = [np.asarray(scores[suite][kind], np.float64) for suite, kind in cells]
    everything = np.concatenate(values)
    sizes = [len(x) for x in values]

    def statistic(drawn: np.ndarray) -> float:
        parts = np.split(everything[drawn], np.cumsum(sizes)[:-1])
        found = dict(zip(cells, [float(part.mean()) for part in parts], strict=True))
        places = []
        for suite, task in scores.items():
            true = np.mean(task["true"]) if arm == "true" else found[suite, "true"]
            if true <= found[suite, "random"]:
                return float("nan")  # a draw without a line
            places.append(normalized_score(found[suite, arm], found[suite, "random"], true))
        return float(np.mean(places))

    return resampled_interval(statistic, sizes, rng=np.random.default_rng(0), num_resamples=2_000)


def truth_table(rows: Sequence[Mapping[str, Any]], scores: Scores, arm: str) -> str:
    """Return one row a task: how the reward of the last fit agreed with the true one.

    Beside it is what the agent got. The last row is the rank correlation of each measure with the
    score, over all runs.

    Args:
        rows: Rows of the benchmark; those of the arm whose fits know it count.
        scores: Those of all tasks.
        arm: The arm.
    """
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        known = row.get("fit", {})
        if row["arm"] == arm and "truth/step" in known:
            place = _places(scores[row["suite"]], row["score"])
            measured = {name: known.get(f"truth/{name}", np.nan) for name in MEASURES}
            found[row["suite"]].append(measured | {"score": float(place)})
    lines = [
        f"| task | {' | '.join(MEASURES.values())} | normalised score |",
        "|---" * (len(MEASURES) + 2) + "|",
    ]
    for suite, runs in found.items():
        means = [np.mean([run[name] for run in runs]) for name in (*MEASURES, "score")]
        lines.append(f"| {_short(suite)} | " + " | ".join(_number(mean) for mean in means) + " |")
    runs = [run for task in found.values() for run in task]
    ranks = [_rank_correlation(runs, name) for name in MEASURES]
    lines.append("| rank correlation with the score | " + " | ".join(map(_number, ranks)) + " | |")
    return "\n".join(lines)


def _places(task: Mapping[str, Sequence[float]], scores: ArrayLike) -> np.ndarray:
    """Place scores on the line from random actions (0) to true reward (1)."""
    return normalized_score(scores, np.mean(task["random"]), np.mean(task["true"]))


def _rank_correlation(runs: Sequence[Mapping[str, float]], name: str) -> float:
    pairs = np.array([(run[name], run["score"]) for run in runs if np.isfinite(run[name])])
    return spearman(*pairs.T) if len(pairs) > 1 else float("nan")


def _short(suite: str) -> str:
    return suite.removeprefix("few-")


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"
