"""Does a learned reward order segments as the true reward does? A check of the fit, without agents.

    python -m benchmarks.reward_fit

The segments are cut from the whole training of a PPO agent on the true reward, so that they show
every stage of skill. Some are rated by a synthetic rater, a reward model is fitted to the ratings,
and what it predicts for segments of other episodes is compared with their true returns. The parts:

* `clean`: one set of ratings over the whole training, right or with mistakes, one fit.
* `wrong`: one in five ratings wrong, on two tasks; in rounds, in the order of training, the model
  fitted after each, as in training.
* `both`: a class and a score for each segment, in rounds.
* `alone`: comparisons and no ratings, in rounds.
* `weights`: which weights the tasks get if one of them has wrong targets.

The numbers tell a broken fit from a working one; they do not rank methods: agents do. What is
expected of them is printed below the table. A cell that already has a row is skipped. The rows are
committed as benchmarks/results/reward_fit.json.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import tyro
from tqdm import tqdm

from benchmarks import noisy_task
from benchmarks.fit_cells import METHODS, Cell, HeldOut, run_cell
from benchmarks.fit_targets import table, verdicts
from benchmarks.recorded_segments import Source, make_segments
from gym_rated import Segment
from gym_rated.checkpoint.files import replace_file
from gym_rated.runs.provenance import provenance

RESULTS = Path(__file__).parent / "results"
PARTS = ("clean", "wrong", "both", "alone", "weights")


@dataclass
class Args:
    """Which fits to do, and where to keep what."""

    parts: tuple[str, ...] = PARTS
    """parts of the check"""
    seeds: tuple[int, ...] = (101, 102)
    """seeds; 1 to 5 are for tuning and never reported"""
    env_id: str = "HalfCheetah-v5"
    """task of all parts; its actions must be a Box"""
    second_env_id: str = "Hopper-v5"
    """another task, for the part `wrong`"""
    data_seed: int = 201
    """seed of the agent whose training is cut into segments"""
    data_steps: int = 250_000
    """environment steps of that training"""
    segment_length: int = 50
    """steps of a segment"""
    data_dir: Path = Path("runs/reward_fit")
    """folder where the segments are cached"""
    out: Path = RESULTS / "reward_fit.json"
    """file of the rows"""


def split(segments: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Part segments into those that may be rated and those held out: every other episode."""
    rated, held_out = [], []
    for segment in segments:
        odd = (segment.origin.env_index + segment.origin.episode) % 2
        (held_out if odd else rated).append(segment)
    return rated, held_out


def cells(args: Args) -> Iterator[Cell]:
    """Yield the cells of the parts that are asked for."""
    env_id, product = args.env_id, itertools.product
    if "clean" in args.parts:
        methods = ("ours", "wu2025", "rbrl", "pairs", "regression, one scale")
        for seed, num, mistakes, method in product(args.seeds, (50, 200), (0.0, 0.2), methods):
            yield Cell("clean", env_id, "re-rated", method, num, seed, mistakes, fitted="once")
    if "wrong" in args.parts:
        tasks = (env_id, args.second_env_id)
        methods = ("ours", "wu2025", "rbrl", "pairs-once", "pairs")
        for seed, task, method in product(args.seeds, tasks, methods):
            yield Cell("wrong", task, "re-rated", method, 200, seed, mistakes=0.2)
    if "both" in args.parts:
        raters = ("good classes, bad scores", "bad classes, good scores", "both so-so")
        methods = ("ours", "ours, explained", "ours, fixed", "classes alone", "scores alone")
        for seed, rater, method in product(args.seeds, raters, methods):
            yield Cell("both", env_id, rater, method, 200, seed)
    if "alone" in args.parts:
        for seed, rater in product(args.seeds, ("comparisons", "relative to everything")):
            yield Cell("alone", env_id, rater, "ours", 200, seed)


def describe(source: Source, pool: Sequence[Segment], held_out: HeldOut, score: float) -> dict:
    """Say what the segments are."""
    quantiles = np.quantile(held_out.returns, [0, 0.25, 0.5, 0.75, 1]).round(2).tolist()
    return asdict(source) | {
        "agent": "PPO on the true reward (scripts/ppo_continuous_action.py), whole training",
        "score": round(score, 2),
        "num_rateable": len(pool),
        "num_held_out": len(held_out.returns),
        "held_out_return_quartiles": quantiles,
    }


def settings() -> dict[str, Any]:
    """Return what the rows were made with: all that each method is."""
    methods = {name: vars(method) for name, method in METHODS.items()}
    return {"methods": json.loads(json.dumps(methods))}


def read_rows(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """Read what was written before: `rows` and `weights`.

    Raises:
        ValueError: If it was made from other segments or with other settings.
    """
    if not path.exists():
        return {"rows": [], "weights": []}
    content = json.loads(path.read_text())
    for name, value in header.items():
        if content[name] != value:
            raise ValueError(
                f"`out` must hold rows of the same {name}, got {content[name]} in {path} for "
                f"{value}; delete it, or name another file"
            )
    return {"rows": content["rows"], "weights": content["weights"]}


def main(args: Args) -> None:
    """Do the fits that have no row yet, and write the rows after each."""
    torch.set_num_threads(1)
    made_on = provenance()  # the code that runs is the code of the start

    @cache
    def data(env_id: str) -> tuple[list[Segment], HeldOut, dict[str, Any]]:
        source = Source(env_id, args.data_seed, args.data_steps, args.segment_length)
        segments, score = make_segments(source, args.data_dir)
        pool, others = split(segments)
        held_out = HeldOut.of(others)
        return pool, held_out, describe(source, pool, held_out, score)

    env_ids = [args.env_id, *([args.second_env_id] if "wrong" in args.parts else [])]
    pool = data(args.env_id)[0]
    header = {"data": [data(env_id)[2] for env_id in env_ids], "settings": settings()}
    found = read_rows(args.out, header)
    names = [field.name for field in fields(Cell)]
    rows = {Cell(**{name: row[name] for name in names}): row for row in found["rows"]}
    args.out.parent.mkdir(parents=True, exist_ok=True)

    def write() -> None:
        found["rows"] = [rows[c] for c in sorted(rows, key=lambda c: tuple(asdict(c).values()))]
        content = {"made_on": made_on, **header, **found}
        replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())

    if "weights" in args.parts and not found["weights"]:
        for seed, noisy in itertools.product(args.seeds, get_args(noisy_task.NoisyTask)):
            chosen = np.random.default_rng(seed).choice(len(pool), 200, replace=False)
            row = noisy_task.run(noisy, [pool[i] for i in chosen], seed)
            found["weights"].append(row)
        write()
    for cell in tqdm([c for c in cells(args) if c not in rows], unit="fit"):
        rows[cell] = run_cell(cell, *data(cell.env_id)[:2])
        write()
    print(table(list(rows.values())), verdicts(list(rows.values())), sep="\n\n")


if __name__ == "__main__":
    main(tyro.cli(Args))
