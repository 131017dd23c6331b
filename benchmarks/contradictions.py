"""Train on ratings with planted mistakes, and compare how many a run says contradict the rest.

    python -m benchmarks.contradictions        # three quarters of an hour of one core

A cell that already has a row is skipped. Beside what the run itself says, which predicts each
rating before it learns from its segment, stands what predictions by the reward at the end say,
which was fitted to the ratings.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.training import ARMS
from gym_rated import RatingDataset, SyntheticRater
from gym_rated.assembly import parts
from gym_rated.assembly.session import contradicting_in
from gym_rated.checkpoint.files import replace_file
from gym_rated.fitting.placing import PlacedRatings
from gym_rated.fitting.predictions import predict_ratings
from gym_rated.raters import Rater, SeveralRaters
from gym_rated.reward_model import RewardEnsemble
from gym_rated.runs.provenance import provenance

RESULTS = Path(__file__).parent / "results"
NUM_CLASSES = 5
NAMES = ("ann", "bob")
SEEDS = (6, 7, 8)
METHODS = {
    "quantile": ARMS["ours-bare"],
    "pairs": ARMS["pairs-once"],
    "wu2025": ARMS["wu2025"],
}
"""How the reward is learned, by the flags of arms of the benchmark of training."""


@dataclass(frozen=True)
class Cell:
    """A run: its task and method, and raters by how often they err."""

    env_id: str
    steps: int
    method: str
    num_ratings: int
    rates: tuple[float, ...]
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """more arguments of the raters"""

    @property
    def key(self) -> str:
        """What tells it from other cells, also as the name of a folder."""
        task = self.env_id.partition("-")[0].lower()
        rates = "-".join(f"{rate:g}" for rate in self.rates)
        options = "".join(f"-{name}" for name in self.options)
        return f"{task}-{self.method}-{self.num_ratings}-{rates}{options}-{self.seed}"


@dataclass
class Args:
    """What to run, and where."""

    out: Path = RESULTS / "contradictions.json"
    """file of the rows"""
    run_dir: Path = Path("runs/contradictions")
    """folder of the runs"""


def cells() -> Iterator[Cell]:
    """Yield all runs; these seeds are for tuning, so that none is reported elsewhere."""
    pendulum, cheetah = ("Pendulum-v1", 100_000), ("HalfCheetah-v5", 250_000)
    shorter = "HalfCheetah-v5", 150_000
    for rate in (0.0, 0.1, 0.2, 0.4):
        for seed in SEEDS:
            if not (rate == 0.1 and seed == SEEDS[-1]):
                yield Cell(*cheetah, "quantile", 200, (rate,), seed)
    for rate, seeds in ((0.0, (6, 7)), (0.1, (6,)), (0.2, (6, 7)), (0.4, (6, 7)), (0.8, (6,))):
        for seed in seeds:
            yield Cell(*pendulum, "quantile", 200, (rate,), seed)
    for rate in (0.0, 0.2, 0.4):
        yield from (Cell(*pendulum, method, 200, (rate,), 6) for method in ("pairs", "wu2025"))
    yield from (Cell(*shorter, "pairs", 500, (rate,), 6) for rate in (0.0, 0.2, 0.4))
    yield from (Cell(*shorter, "wu2025", 500, (rate,), 6) for rate in (0.0, 0.2))
    yield from (Cell(*shorter, "quantile", 500, (rate,), 6) for rate in (0.0, 0.2))
    yield from (Cell(*cheetah, "quantile", 200, (0.05, 0.4), seed) for seed in (6, 8))
    yield Cell(*shorter, "quantile", 500, (0.05, 0.4), 7)
    yield Cell(*pendulum, "quantile", 200, (0.0,), 6, {"slip_rate": 0.3})
    yield Cell(*pendulum, "quantile", 200, (0.2,), 6, {"leniency": 1.0})
    yield Cell(*pendulum, "pairs", 200, (0.2,), 6, {"relative_to": "range"})
    yield Cell(*pendulum, "pairs", 200, (0.2,), 6, {"central_tendency": 0.5})


def make_raters(cell: Cell) -> list[SyntheticRater]:
    """Return the raters of a cell."""
    options = {"regrade": cell.method == "wu2025", **cell.options}
    return [
        SyntheticRater(
            NUM_CLASSES, mistake_rate=rate, seed=cell.seed + 1_000 * k, name=NAMES[k], **options
        )
        for k, rate in enumerate(cell.rates)
    ]


def run_cell(cell: Cell, folder: Path) -> dict[str, Any]:
    """Train by a cell, and return its row."""
    from scripts import ppo_continuous_action as script

    raters = make_raters(cell)
    together: Rater = raters[0] if len(raters) == 1 else SeveralRaters(raters, seed=cell.seed)
    words = ["--env-id", cell.env_id, *METHODS[cell.method], "--seed", str(cell.seed)]
    words += ["--num-ratings", str(cell.num_ratings), "--total-timesteps", str(cell.steps)]
    args = script.arguments.parse_args(script.Args, [*words, "--no-tensorboard"])
    args.run_dir = folder
    with patch.object(parts, "make_rater", lambda *_: together):  # no flag asks for several
        result = script.train(args)
    mistakes = {rater.name: share_of_mistakes(rater) for rater in raters}
    return make_row(cell, mistakes, contradicting_in(result["fit"]), folder)


def share_of_mistakes(rater: SyntheticRater) -> float:
    """Return the share of a rater's ratings that were drawn as mistakes."""
    return float(np.mean(rater.state_dict()["memory"]["off"] != 0))


def make_row(
    cell: Cell, mistakes: Mapping[str, float], found: Mapping[str, float], folder: Path
) -> dict[str, Any]:
    """Return the row of a cell: by rater, mistakes made, and found by either way.

    Args:
        cell: The cell.
        mistakes: Rater -> share of mistakes among all ratings.
        found: Rater -> share that contradicts the rest, as the run says at its end.
        folder: Of the run, with its reward model and ratings.
    """
    ratings = RatingDataset.load(folder / "ratings" / "ratings.npz")
    model = RewardEnsemble.load(folder / "reward_model")
    in_sample = shares_in_sample(ratings, model)
    raters = [
        {
            "planted": rate,
            "mistakes": mistakes[name],
            "found": found.get(name),
            "in_sample": in_sample.get(name),
        }  # None: nothing can be said
        for name, rate in zip(NAMES, cell.rates, strict=False)
    ]
    return {"key": cell.key, **asdict(cell), "raters": raters}


def shares_in_sample(ratings: RatingDataset, model: RewardEnsemble) -> dict[str, float]:
    """Return rater -> share that contradicts the rest, by a model that was fitted to all."""
    table = ratings.table()
    rated = np.flatnonzero(table.ratings >= 0)
    names = [ratings.raters[k] for k in ratings.rounds_of[table.groups[rated], 0].tolist()]
    returns, everything = predict_ratings(model, ratings).returns, np.ones(len(rated), np.bool_)
    placed = PlacedRatings()
    placed.look(names, returns, table.ratings[rated], everything)
    return placed.shares(ratings.num_classes)


def write_rows(rows: Mapping[str, Mapping[str, Any]], out: Path) -> None:
    """Write rows, by their keys, as the file of the results."""
    content = {
        "command": "python -m benchmarks.contradictions",
        "made_on": provenance(),
        "rows": [rows[key] for key in sorted(rows)],
    }
    replace_file(out, (json.dumps(content, indent=1) + "\n").encode())


def table(rows: list[dict[str, Any]]) -> str:
    """Return one row for all seeds of a task, method and rater."""
    groups: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
    for row in rows:
        task = row["env_id"].partition("-")[0]
        for k, rater in enumerate(row["raters"]):
            words = [f"{rater['planted']:.0%} mistakes"]
            words += [f"{name} {value}" for name, value in row["options"].items()]
            words += ["of two raters"] if len(row["raters"]) > 1 else []
            key = (task, f"`{row['method']}`", str(row["num_ratings"]), ", ".join(words))
            groups.setdefault(key, []).append((k, rater))
    header = ["task", "method", "ratings", "rater", "runs", "mistakes made", "the run says"]
    header += ["in sample"]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for key in sorted(groups):
        raters = [rater for _, rater in groups[key]]
        cells = [*key, str(len(raters))]
        cells += [_mean([rater["mistakes"] for rater in raters])]
        cells += [_spread([rater["found"] for rater in raters])]
        cells += [_mean([rater["in_sample"] for rater in raters])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(shares: list[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{np.mean(known):.2f}" if known else "nothing"


def _spread(shares: list[float | None]) -> str:
    known = [share for share in shares if share is not None]
    spread = f" ({min(known):.2f} to {max(known):.2f})" if len(known) > 1 else ""
    silent = f", nothing in {len(shares) - len(known)}" if 0 < len(known) < len(shares) else ""
    return _mean(shares) + spread + silent


def main(args: Args) -> None:
    """Run what has no row yet, and write the rows after each run."""
    found = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    rows = {row["key"]: row for row in found}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for cell in tqdm([cell for cell in cells() if cell.key not in rows], unit="run"):
        rows[cell.key] = run_cell(cell, args.run_dir / cell.key)
        write_rows(rows, args.out)


if __name__ == "__main__":
    main(tyro.cli(Args))
