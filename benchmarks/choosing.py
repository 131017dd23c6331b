"""Which flags and how many ratings, and what they brought: two tables of the first hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.few_tables import Scores, mean_over_tasks
from benchmarks.training import SUITES
from gym_rated.statistics import normalized_score

FEW = tuple(name for name in SUITES if name.startswith("few-"))
CONTINUOUS = ("halfcheetah", "pendulum", "reacher")
DM_CONTROL = ("dm-cartpole", "dm-cheetah", "dm-walker", "dm-finger")


@dataclass(frozen=True)
class Trained:
    """What one has, what to do with it, and which runs say what it brings."""

    have: str
    flags: str
    suites: tuple[str, ...]
    arm: str


@dataclass(frozen=True)
class Fitted:
    """The same where only the reward was measured: the rows of a check of the fit."""

    have: str
    flags: str
    rows: Mapping[str, Any]
    """what the rows have in common"""
    method: str = "ours"


ALIKE = "the same"
WU_2025, RERATED = "`--preset wu2025`", (*CONTINUOUS, *DM_CONTROL)
CARTPOLE, ACROBOT = ("cartpole",), ("acrobot",)
TRAINED = (
    Trained("a person who gives classes", "`--rater human`", FEW, "thresholds"),
    Trained("a computed rater, wrong in a fifth", "`--mistake-rate 0.2`", FEW, "ours"),
    Trained(ALIKE, f"{WU_2025} `--no-regrade`", FEW, "wu2025-once"),
    Trained(ALIKE, "`--preset rbrl` `--no-regrade`", FEW, "rbrl-once"),
    Trained(ALIKE, f"{WU_2025} `--no-regrade` `--tasks regression`", FEW, "regression-once"),
    Trained(
        ALIKE,
        "`--preset pairs` `--no-regrade` `--scale group` `--relative-to round`",
        FEW,
        "pairs-50",
    ),
    Trained("a computed rater who is right", "none", CONTINUOUS, "ours"),
    Trained("one who also rates everything again", WU_2025, RERATED, "wu2025"),
    Trained(f"{ALIKE}, and SAC", "`--preset pairs`", ("sac-halfcheetah",), "pairs"),
    Trained(f"{ALIKE}, and SAC", WU_2025, ("sac-halfcheetah",), "wu2025"),
    Trained("episodes that end by a failure", f"`--offset worst` {WU_2025}", CARTPOLE, "wu2025"),
    Trained(ALIKE, "`--reward constant`", CARTPOLE, "constant"),
    Trained(
        "episodes that end when all is done",
        f"`--offset best` `--explore knn-entropy` {WU_2025}",
        ACROBOT,
        "wu2025",
    ),
    Trained(ALIKE, "`--reward constant`", ACROBOT, "constant"),
)
ONE_SITTING = {"env_id": "HalfCheetah-v5", "rater": "re-rated", "part": "clean", "mistakes": 0.2}
BOTH = {"part": "both", "rater": "both so-so"}
FIT, FIT_WU_2025 = "`gym-rated fit`", "`gym-rated fit` `--preset wu2025`"
FITTED = (
    Fitted("a table of ratings, a fifth wrong", FIT, ONE_SITTING | {"num_ratings": 50}),
    Fitted(ALIKE, FIT_WU_2025, ONE_SITTING | {"num_ratings": 50}, "wu2025"),
    Fitted(ALIKE, FIT, ONE_SITTING | {"num_ratings": 200}),
    Fitted(ALIKE, FIT_WU_2025, ONE_SITTING | {"num_ratings": 200}, "wu2025"),
    Fitted(
        "right comparisons", "`--answers comparisons`", {"part": "alone", "rater": "comparisons"}
    ),
    Fitted("scores, off by 0.15 of 1", "`--answers scores`", BOTH, "scores alone"),
    Fitted("such scores and classes, 0.3 of them wrong", "`--answers both`", BOTH),
)


def trained_table(rows: Sequence[Mapping[str, Any]], scores: Mapping[str, Scores]) -> str:
    """Return one line for each kind of rater: what agents got of the true reward's return.

    Args:
        rows: Rows of the benchmark, one a run.
        scores: suite -> arm -> scores of the same rows.
    """
    header = ("you have", "flags", "ratings", "share of the true reward's return (95 % interval)")
    header += ("worst task",)
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for choice in TRAINED:
        tasks = {suite: task for suite, task in scores.items() if suite in choice.suites}
        share = mean_over_tasks(tasks, choice.arm)
        worst, name = min(
            (place_of(task, choice.arm), suite.removeprefix("few-"))
            for suite, task in tasks.items()
        )
        cells = [choice.have, choice.flags, str(ratings_of(rows, choice))]
        cells += [f"{share.estimate:.2f} ({share.low:.2f} to {share.high:.2f})"]
        cells += [f"{worst:.2f} ({name})"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def fitted_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line for each kind of answers: how well a fit orders segments it has not seen.

    Args:
        rows: Rows of the check of the fit.
    """
    header = ("you have", "flags", "answers", "order of segments: mean (worst seed)")
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for choice in FITTED:
        wanted = {**choice.rows, "method": choice.method}
        alike = [row for row in rows if wanted.items() <= row.items()]
        ranks = [row["spearman_all"] for row in alike]
        cells = [choice.have, choice.flags, str(alike[0]["num_ratings"])]
        cells += [f"{np.mean(ranks):.2f} ({min(ranks):.2f})"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def place_of(task: Mapping[str, Sequence[float]], arm: str) -> float:
    """Return the mean place of an arm between random actions (0) and the true reward (1)."""
    ends = [float(np.mean(task[end])) for end in ("random", "true")]
    return float(np.mean(normalized_score(task[arm], *ends)))


def ratings_of(rows: Sequence[Mapping[str, Any]], choice: Trained) -> int:
    """Return how many ratings the runs of a choice were given: as many in all of them."""
    (num,) = {
        row.get("num_ratings", 0)
        for row in rows
        if row["suite"] in choice.suites and row["arm"] == choice.arm
    }
    return int(num)
