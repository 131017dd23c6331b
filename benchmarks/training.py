"""Train every arm on every task with every seed, and keep one row a run.

    python -m benchmarks.training                          # all suites: an hour of one core
    python -m benchmarks.training --suites pendulum --seeds 101 102

Runs go in parallel to the cores there are. A cell that already has a row is skipped, so that a
killed benchmark is simply started again. The rows, with a coarse learning curve each, are
committed as benchmarks/results/training.json.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from tqdm import tqdm

from gym_rated.checkpoint.files import replace_file
from gym_rated.runs import is_finished, read_metrics, read_result
from gym_rated.runs.names import (
    CHECKPOINT,
    EPISODE_LENGTH,
    SCORE_EPISODES,
    TRUE_RETURN,
)
from gym_rated.runs.provenance import provenance

SCRIPTS = Path(__file__).parents[1] / "scripts"
RESULTS = Path(__file__).parent / "results"
CURVE_POINTS = 25

RERATED = ("wu2025", "rbrl", "pairs")
NEVER_RERATED = ("pairs-once", "wu2025-once")
FEW_ARMS = (
    *("true", "ours", "thresholds", "wu2025-once", "rbrl-once", "regression-once"),
    *("pairs-50", "pairs-10", "pairs-10-decay"),
    *("ours-no-bonus", "ours-bare", "ours-bare-50"),
)
PAIRS_ONCE = ("--preset", "pairs", "--no-regrade", "--scale", "group", "--segment-value", "mean")
PAIRS_ROUND = (*PAIRS_ONCE, "--relative-to", "round")
BARE = ("--no-squared-actions", "--explore", "noise")
ARMS: dict[str, list[str]] = {
    "true": ["--reward", "true"],
    "constant": ["--reward", "constant"],
    "ours": ["--preset", "ours"],
    "shuffled": ["--preset", "ours", "--shuffle-ratings"],
    "wu2025": ["--preset", "wu2025"],
    "rbrl": ["--preset", "rbrl"],
    "pairs": ["--preset", "pairs"],
    "pairs-once": [*PAIRS_ONCE],
    "pairs-50": [*PAIRS_ROUND, "--segment-length", "50"],
    "pairs-10": [*PAIRS_ROUND, "--segment-length", "10"],
    "pairs-10-decay": [*PAIRS_ROUND, "--segment-length", "10", "--weight-decay", "10"],
    "wu2025-once": ["--preset", "wu2025", "--no-regrade"],
    "rbrl-once": ["--preset", "rbrl", "--no-regrade"],
    "regression-once": ["--preset", "wu2025", "--tasks", "regression", "--no-regrade"],
    "thresholds": ["--tasks", "ordinal", "score", "comparison"],
    "ours-no-bonus": ["--explore", "noise"],
    "ours-bare": [*BARE],
    "ours-bare-50": [*BARE, "--segment-length", "50", "--weight-decay", "0"],
}
"""Arms and their flags; `-once` are never re-rated, `thresholds` is `ours` as it learns from who is
not known to compare with everything, and `ours-` lack parts of `ours`."""


@dataclass(frozen=True)
class Suite:
    """One task and agent, their length, and the arms that are compared."""

    env_id: str
    steps: int
    arms: tuple[str, ...]
    script: str = "ppo_continuous_action"
    flags: tuple[str, ...] = ()
    """flags of every arm"""
    env_kwargs: Mapping[str, int] = field(default_factory=dict)
    """arguments of the environment"""
    num_seeds: int = 5
    """how many of the seeds are run"""


ENDING = ("true", "ours", "wu2025", "constant")
FEW = ("--num-ratings", "200", "--mistake-rate", "0.2")
DM_TASKS = {
    "cartpole": "cartpole-swingup",
    "cheetah": "cheetah-run",
    "walker": "walker-walk",
    "finger": "finger-spin",
}
SUITES = {
    "halfcheetah": Suite(
        "HalfCheetah-v5",
        250_000,
        ("true", "ours", "thresholds", "shuffled", "constant", *RERATED, *NEVER_RERATED),
    ),
    "pendulum": Suite("Pendulum-v1", 100_000, ("true", "ours", "thresholds", "wu2025")),
    "reacher": Suite("Reacher-v5", 150_000, ("true", "ours", "thresholds", "wu2025")),
    "sac-halfcheetah": Suite(
        "HalfCheetah-v5",
        60_000,
        ("true", "ours", "wu2025", "pairs"),
        "sac_continuous_action",
        num_seeds=3,
    ),
    "cartpole": Suite("CartPole-v1", 100_000, ENDING, "ppo", ("--offset", "worst")),
    "acrobot": Suite(
        "Acrobot-v1", 150_000, ENDING, "ppo", ("--offset", "best", "--explore", "knn-entropy")
    ),
    **{
        f"dm-{name}": Suite(
            f"gym_rated/dm-{task}-v0",
            150_000,
            ("true", "ours", "wu2025"),
            env_kwargs={"action_repeat": 2},
            num_seeds=3,
        )
        for name, task in DM_TASKS.items()
    },
    "few-pendulum": Suite("Pendulum-v1", 100_000, FEW_ARMS, flags=FEW),
    "few-halfcheetah": Suite("HalfCheetah-v5", 250_000, FEW_ARMS, flags=FEW),
    "few-reacher": Suite("Reacher-v5", 150_000, FEW_ARMS, flags=FEW),
    **{
        f"few-{name}": Suite(
            f"gym_rated/dm-{task}-v0",
            150_000,
            FEW_ARMS,
            flags=FEW,
            env_kwargs={"action_repeat": 2},
        )
        for name, task in (DM_TASKS | {"reacher-easy": "reacher-easy"}).items()
    },
}
"""What is compared on what; `few-` are 200 ratings, 20 % of them wrong, never re-rated."""
DEFAULT_SUITES = tuple(name for name in SUITES if not name.startswith("few-"))


@dataclass
class Args:
    """Which cells to run, and where."""

    suites: tuple[str, ...] = DEFAULT_SUITES
    """tasks and agents"""
    arms: tuple[str, ...] = tuple(ARMS)
    """arms; those that a suite does not compare are left out"""
    seeds: tuple[int, ...] = (101, 102, 103, 104, 105)
    """seeds, of which a suite may run the first few; 1 to 20 are for tuning and never reported"""
    workers: int = os.cpu_count() or 1
    """runs at a time"""
    out: Path = RESULTS / "training.json"
    """file of the rows"""
    run_dir: Path = Path("runs/benchmark")
    """folder of the runs"""
    extra: tuple[str, ...] = ()
    """flags passed on to every run, for tuning"""


def cells(args: Args) -> Iterator[tuple[str, str, int]]:
    """Yield suite, arm and seed, all arms of one seed first, so that what is done is comparable."""
    for k, seed in enumerate(args.seeds):
        for name in args.suites:
            for arm in ("random", *SUITES[name].arms):
                if k < SUITES[name].num_seeds and (arm == "random" or arm in args.arms):
                    yield name, arm, seed


def run_cell(args: Args, name: str, arm: str, seed: int) -> dict[str, Any]:
    """Train one agent in a process of its own; returns its row."""
    suite = SUITES[name]
    row: dict[str, Any] = {"suite": name, "env_id": suite.env_id, "arm": arm, "seed": seed}
    if arm == "random":
        return row | {"score": random_return(suite, seed)}
    folder = args.run_dir / f"{name}-{arm}-{seed}"
    script = str(SCRIPTS / f"{suite.script}.py")
    if not is_finished(folder):
        command = [sys.executable, script, "--env-id", suite.env_id, "--seed", str(seed)]
        command += ["--total-timesteps", str(suite.steps), "--no-tensorboard", *suite.flags]
        for key, value in suite.env_kwargs.items():
            command += ["--env-kwargs", key, str(value)]
        if (folder / CHECKPOINT).exists():
            command = [sys.executable, script, "--resume", str(folder)]
        else:
            command += ["--run-dir", str(folder), *ARMS[arm], *args.extra]
        environ = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    result = read_result(folder)
    kept = ("score", "steps_per_second", "num_ratings", "fit")
    row |= {"steps": result["global_step"]} | {k: result[k] for k in kept if k in result}
    metrics = read_metrics(folder)
    row["episode_length"] = float(np.mean(metrics[EPISODE_LENGTH][1][-SCORE_EPISODES:]))
    return row | {"curve": curve(*metrics[TRUE_RETURN], suite.steps)}


def curve(steps: np.ndarray, returns: np.ndarray, total_steps: int) -> list[float | None]:
    """Return the mean true return in each of `CURVE_POINTS` equal stretches of training."""
    stretch = np.minimum(steps * CURVE_POINTS // total_steps, CURVE_POINTS - 1)
    means = [
        returns[stretch == i].mean() if (stretch == i).any() else None for i in range(CURVE_POINTS)
    ]
    return [None if mean is None else round(float(mean), 2) for mean in means]


def random_return(suite: Suite, seed: int, episodes: int = 100) -> float:
    """Return the mean return of uniformly random actions over `episodes` episodes."""
    env = gym.make(suite.env_id, **suite.env_kwargs)
    env.action_space.seed(seed)
    returns = []
    for episode in range(episodes):
        env.reset(seed=seed if episode == 0 else None)
        total, done = 0.0, False
        while not done:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            total, done = total + float(reward), terminated or truncated
        returns.append(total)
    return float(np.mean(returns))


def main(args: Args) -> None:
    """Run what has no row yet, and write the rows after each run."""
    found = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    rows = {(row["suite"], row["arm"], row["seed"]): row for row in found}
    missing = [cell for cell in cells(args) if cell not in rows]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(args.workers) as pool:
        runs = {pool.submit(run_cell, args, *cell): cell for cell in missing}
        for run in tqdm(as_completed(runs), total=len(runs), unit="run"):
            try:
                rows[runs[run]] = run.result()
            except subprocess.CalledProcessError as error:
                print(f"{runs[run]} failed:\n{error.stderr[-2000:]}")
                continue
            ordered = [rows[cell] for cell in sorted(rows)]
            content = {"made_on": provenance(), "extra": list(args.extra), "rows": ordered}
            replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(tyro.cli(Args))
