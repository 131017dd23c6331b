"""Which loss survives which rater? Fits of a reward to recordings of eight tasks, without agents.

    python -m benchmarks.eight_tasks

The segments are those of `benchmarks.reward_fit`, of eight tasks: cut from the whole training of an
agent on the true reward. 200 of them are rated in ten rounds, in the order of training, and the
model is fitted after each. It is judged by segments of 50 steps of other episodes. `wu2025` rates
segments of 50 steps, the others of 10. A cell that already has a row is skipped. The rows are
committed as benchmarks/results/eight_tasks.json.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from tqdm import tqdm

from benchmarks.fit_cells import METHODS, Cell, HeldOut, run_cell
from benchmarks.fit_tables import wrong_ratings
from benchmarks.fit_targets import NEVER_RERATED
from benchmarks.recorded_segments import Source, make_segments, shorter
from benchmarks.reward_fit import split
from benchmarks.training import SUITES
from gym_rated import Segment
from gym_rated.checkpoint.files import replace_file
from gym_rated.runs.provenance import provenance

RESULTS = Path(__file__).parent / "results"
TASKS = tuple(name for name in SUITES if name.startswith("few-"))
RATERS = (*NEVER_RERATED, "re-rated")
ERRORS: tuple[dict[str, float], ...] = ({}, {"mistakes": 0.2}, {"slips": 0.2})
SINGLE = ("quantile", "pairwise", "classification", "regression")
"""One task each, with all else as in `ours`."""
COMPARED = ("ours", *SINGLE, "wu2025")
JUDGED_LENGTH, RATED_LENGTH = 50, 10
CLOSE = 0.02


@dataclass
class Args:
    """Which fits to do, and where to keep what."""

    tasks: tuple[str, ...] = TASKS
    """tasks, as `benchmarks.training` names them"""
    errors: tuple[int, ...] = (0, 1, 2)
    """which of ERRORS: none, mistakes, slips"""
    seeds: tuple[int, ...] = (101,)
    """seeds of raters and models"""
    data_seed: int = 201
    """seed of the agents whose training is cut into segments"""
    data_dir: Path = Path("runs/eight_tasks")
    """folder where the segments are cached"""
    out: Path = RESULTS / "eight_tasks.json"
    """file of the rows"""


def cells(args: Args) -> Iterator[Cell]:
    """Yield the cells, all methods of one cell together."""
    for seed, wrong, task, rater, method in product(
        args.seeds, args.errors, args.tasks, RATERS, COMPARED
    ):
        yield Cell("tasks", task, rater, method, 200, seed, **ERRORS[wrong])


def segments_of(task: str, args: Args) -> tuple[dict[int, list[Segment]], HeldOut]:
    """Return the segments of a task: by length those to rate, and those held out."""
    suite = SUITES[task]
    source = Source(
        suite.env_id, args.data_seed, suite.steps, JUDGED_LENGTH, dict(suite.env_kwargs)
    )
    segments, _ = make_segments(source, args.data_dir)
    rated, others = split(segments)
    parts = [part for segment in rated for part in shorter(segment, RATED_LENGTH)]
    return {JUDGED_LENGTH: rated, RATED_LENGTH: parts}, HeldOut.of(others)


def length_of(method: str) -> int:
    """Return how many steps the segments have that a method rates."""
    return JUDGED_LENGTH if method == "wu2025" else RATED_LENGTH


def means_table(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    """Return one line a rater and error: by method, the mean over tasks and the worst task."""
    names = [
        "thresholds (`ours`)",
        "place among what was seen",
        "pairs",
        "classification",
        "regression",
    ]
    lines = [
        f"| rater | wrong | {' | '.join([*names, '`wu2025`'])} |",
        "|---" * (2 + len(COMPARED)) + "|",
    ]
    for rater, wrong in product(RATERS, ERRORS):
        kind = {"rater": rater, "mistakes": 0.0, "slips": 0.0} | wrong
        found = {m: _column(rows, kind | {"method": m}, column) for m in COMPARED}
        if not all(found.values()):
            continue
        best = max(np.mean(values) for values in found.values())
        cells = [_mean_and_worst(found[m], best) for m in COMPARED]
        lines.append(f"| {rater} | {wrong_ratings(kind)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def close_to_best(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    """Say in how many cells `ours` is close to the best of the tasks alone, and where least."""
    behind = {}
    for row in rows:
        if row["method"] != "ours":
            continue
        kind = {name: row[name] for name in ("env_id", "rater", "mistakes", "slips", "seed")}
        others = [_column(rows, kind | {"method": method}, column) for method in SINGLE]
        if all(others):
            name = (row["env_id"].removeprefix("few-"), row["rater"], wrong_ratings(row))
            behind[name] = max(max(values) for values in others) - row[column]
    close = sum(gap <= CLOSE for gap in behind.values())
    far = sorted(behind, key=lambda name: -behind[name])[:5]
    said = "; ".join(f"{', '.join(name)} by {behind[name]:.2f}" for name in far)
    return (
        f"Thresholds are ahead of the best of the four other tasks, or at most {CLOSE} behind, in "
        f"{close} of {len(behind)} cells. They are furthest behind in: {said}."
    )


def _column(rows: Sequence[Mapping[str, Any]], kind: Mapping[str, Any], name: str) -> list[float]:
    return [row[name] for row in rows if kind.items() <= row.items() and row[name] is not None]


def _mean_and_worst(values: Sequence[float], best: float) -> str:
    mean = np.mean(values)
    bold = "**" if mean >= best - CLOSE / 2 else ""
    return f"{bold}{mean:.2f}{bold} ({min(values):.2f})"


def main(args: Args) -> None:
    """Do the fits that have no row yet, and write the rows after each."""
    torch.set_num_threads(1)
    made_on = provenance()  # the code that runs is the code of the start
    known = cache(lambda task: segments_of(task, args))
    found = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    names = [field.name for field in fields(Cell)]
    rows = {Cell(**{name: row[name] for name in names}): row for row in found}
    methods = {name: vars(METHODS[name]) for name in COMPARED}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for cell in tqdm([c for c in cells(args) if c not in rows], unit="fit"):
        rated, held_out = known(cell.env_id)
        rows[cell] = run_cell(cell, rated[length_of(cell.method)], held_out)
        ordered = [rows[c] for c in sorted(rows, key=lambda c: tuple(asdict(c).values()))]
        content = {"made_on": made_on, "methods": methods, "rows": ordered}
        replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())
    for column in ("spearman_all", "step_latest"):
        print(column, means_table(list(rows.values()), column), sep="\n")
        print(close_to_best(list(rows.values()), column))


if __name__ == "__main__":
    main(tyro.cli(Args))
