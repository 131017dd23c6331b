"""Does a learned reward order segments as the true reward does? A check of the fit, without agents.

    python -m benchmarks.reward_fit

The segments are cut from the whole training of a PPO agent on the true reward, so that they show
every stage of skill. Some are rated by a synthetic rater, a reward model is fitted to the ratings,
and what it predicts for segments of other episodes is compared with their true returns. Two parts:

* `clean`: one set of ratings over the whole training, right or with mistakes, one fit.
* `drift`: ratings in rounds, in the order of training, by raters that never rate again what they
  rated: their scale moves. The model is fitted after each round, as in training, and for comparison
  once at the end, from scratch.

The numbers tell a broken fit from a working one; they do not rank methods: agents do. What is
expected of them is printed below the table. A cell that already has a row is skipped. The rows are
committed as benchmarks/results/reward_fit.json.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.recorded_segments import Source, make_segments
from gym_rated import (
    MultitaskLoss,
    RatingDataset,
    RewardEnsemble,
    RewardLearner,
    Segment,
    SyntheticRater,
)
from gym_rated.checkpoint import replace_file
from gym_rated.metrics import spearman
from gym_rated.provenance import provenance

RESULTS = Path(__file__).parent / "results"
ROUNDS = 9
FIRST_SHARE = 0.2


@dataclass(frozen=True)
class Method:
    """What a reward model is fitted to."""

    tasks: tuple[str, ...]
    within_rounds: bool = False


METHODS = {
    "classification": Method(("classification",)),
    "regression": Method(("regression",)),
    "multi-task": Method(("classification", "regression")),
    "pairs": Method(("pairwise",)),
    "pairs within rounds": Method(("pairwise",), within_rounds=True),
}
RATERS: dict[str, dict[str, Any]] = {
    "re-rated": {},
    "once, relative to the round": {"regrade": False, "relative_to": "round"},
    "once, relative to everything": {"regrade": False},
}


@dataclass(frozen=True)
class Cell:
    """One fit: a method, the ratings that it gets, and a seed."""

    part: str
    rater: str
    method: str
    num_ratings: int
    mistakes: float
    seed: int
    fitted: str = "once"
    """`once` to all ratings from scratch, or in `rounds` as they come in, as during training"""

    @property
    def num_classes(self) -> int:
        """Number of rating classes C of this part."""
        return 4 if self.part == "clean" else 5

    @property
    def num_members(self) -> int:
        """Number of ensemble members E of this part; 3 is what training uses."""
        return 1 if self.part == "clean" else 3


@dataclass(frozen=True)
class Target:
    """A mean over seeds that a working fit reaches."""

    cells: Mapping[str, Any]
    """what the rows that are meant have in common"""
    column: str
    at_least: float


def _targets() -> list[Target]:
    clean = {"part": "clean", "mistakes": 0.0}
    wrong = {"part": "clean", "mistakes": 0.2, "num_ratings": 200}
    found = [
        Target(clean | {"num_ratings": num, "method": method}, "spearman_all", at_least)
        for num, at_least in ((200, 0.93), (50, 0.90))
        for method in ("classification", "multi-task")
    ]
    found += [
        Target(wrong | {"method": method}, "spearman_all", 0.78)
        for method in ("classification", "multi-task")
    ]
    for rater in (name for name in RATERS if name != "re-rated"):
        within = {"rater": rater, "method": "pairs within rounds", "fitted": "rounds"}
        found.append(Target(within, "spearman_all", 0.97))
        found.append(Target(within, "spearman_best_third", 0.85))
    return found


@dataclass
class Args:
    """Which fits to do, and where to keep what."""

    parts: tuple[str, ...] = ("clean", "drift")
    """parts of the check"""
    clean_seeds: tuple[int, ...] = (101, 102, 103)
    """seeds of the clean part; 1 to 5 are for tuning and never reported"""
    drift_seeds: tuple[int, ...] = (101, 102, 103, 104)
    """seeds of the part whose ratings drift"""
    env_id: str = "HalfCheetah-v5"
    """task; its actions must be a Box"""
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


@dataclass(frozen=True)
class HeldOut:
    """Segments of episodes that are never rated, B of them, as arrays."""

    obs: NDArray[np.float32]  # (B, T, D)
    actions: NDArray[np.float32]  # (B, T, A)
    returns: NDArray[np.float64]  # (B,) true

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> "HeldOut":
        """Stack segments of one length."""
        returns = [s.true_rewards.sum() for s in segments]
        obs, actions = np.stack([s.obs for s in segments]), np.stack([s.actions for s in segments])
        return cls(obs, actions, np.array(returns))

    def judge(self, model: RewardEnsemble) -> dict[str, float]:
        """Return the rank correlation of predicted with true returns: of all, and of the best."""
        rewards = model.predict(
            self.obs.reshape(-1, model.obs_dim), self.actions.reshape(-1, model.action_dim)
        )
        predicted = rewards.reshape(len(self.returns), -1).sum(1)
        best = self.returns >= np.quantile(self.returns, 2 / 3)
        return {
            "spearman_all": round(spearman(predicted, self.returns), 4),
            "spearman_best_third": round(spearman(predicted[best], self.returns[best]), 4),
        }


def split(segments: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Part segments into those that may be rated and those held out: every other episode."""
    rated, held_out = [], []
    for segment in segments:
        odd = (segment.origin.env_index + segment.origin.episode) % 2
        (held_out if odd else rated).append(segment)
    return rated, held_out


def draw_rounds(pool: Sequence[Segment], cell: Cell) -> list[list[Segment]]:
    """Draw the segments to rate, round by round, each from its own stretch of training.

    Args:
        pool: Segments in the order of training.
        cell: Says how many, how, and with which seed. The clean part has one round.
    """
    rng = np.random.default_rng(cell.seed)
    if cell.part == "clean":
        counts = [cell.num_ratings]
    else:
        first = round(FIRST_SHARE * cell.num_ratings)
        rest = np.linspace(0, cell.num_ratings - first, ROUNDS).round().astype(int)
        counts = [first, *np.diff(rest).tolist()]
    rounds = []
    for k, (stretch, count) in enumerate(
        zip(np.array_split(np.arange(len(pool)), len(counts)), counts, strict=True)
    ):
        chosen = rng.choice(stretch, count, replace=False)
        rounds.append([replace(pool[i], round=k) for i in chosen])
    return rounds


def make_learner(
    cell: Cell,
    pool: Sequence[Segment],
    loss_options: Mapping[str, Any],
    learner_options: Mapping[str, Any],
) -> RewardLearner:
    """Return a fresh small model with the loss of the cell's method."""
    obs_dim, action_dim = pool[0].obs.shape[1], pool[0].actions.shape[1]
    model = RewardEnsemble(obs_dim, action_dim, num_members=cell.num_members, seed=cell.seed)
    loss = MultitaskLoss(
        METHODS[cell.method].tasks,
        num_classes=cell.num_classes,
        num_members=cell.num_members,
        **loss_options,
    )
    return RewardLearner(model, loss, seed=cell.seed, **learner_options)


def run_cell(
    cell: Cell,
    pool: Sequence[Segment],
    held_out: HeldOut,
    *,
    loss_options: Mapping[str, Any] | None = None,
    learner_options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Rate, fit and judge; returns the cell's row.

    Args:
        cell: What to fit.
        pool: Segments that may be rated, in the order of training.
        held_out: Segments of other episodes.
        loss_options: Options of `MultitaskLoss` other than its defaults, for experiments.
        learner_options: Options of `RewardLearner` other than its defaults, for experiments.
    """
    rater = SyntheticRater(
        cell.num_classes, mistake_rate=cell.mistakes, seed=cell.seed, **RATERS[cell.rater]
    )
    learner = make_learner(cell, pool, loss_options or {}, learner_options or {})
    ratings = RatingDataset(learner.model.obs_dim, learner.model.action_dim, cell.num_classes)
    rounds = draw_rounds(pool, cell)
    for k, segments in enumerate(rounds):
        rater.submit(segments)
        # in one group, ratings are compared across rounds
        one_group = not METHODS[cell.method].within_rounds
        ratings.add(replace(s, round=0) if one_group else s for s in segments)
        ratings.update(rater.collect())
        if cell.fitted == "rounds" or k == len(rounds) - 1:
            learner.fit(ratings, progress=(k + 1) / len(rounds))
    return asdict(cell) | held_out.judge(learner.model)


def cells(args: Args) -> Iterator[Cell]:
    """Yield the cells of the parts that are asked for."""
    if "clean" in args.parts:
        methods = ("classification", "multi-task", "pairs", "regression")
        for seed, num, mistakes, method in itertools.product(
            args.clean_seeds, (50, 200), (0.0, 0.2), methods
        ):
            yield Cell("clean", "re-rated", method, num, mistakes, seed)
    if "drift" in args.parts:
        methods = ("classification", "multi-task", "pairs", "pairs within rounds")
        for seed, fitted, rater, method in itertools.product(
            args.drift_seeds, ("rounds", "once"), RATERS, methods
        ):
            yield Cell("drift", rater, method, 200, 0.0, seed, fitted)


# -------------------------------------------------------------------------------- the results


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return mean (lowest) over seeds of both correlations, one line for each kind of cell."""
    keys = ("part", "rater", "method", "num_ratings", "mistakes", "fitted")
    kinds = dict.fromkeys(tuple(row[key] for key in keys) for row in rows)
    header = (*keys, "all stages", "best third")
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for kind in kinds:
        found = [row for row in rows if tuple(row[key] for key in keys) == kind]
        columns = [str(value) for value in kind]
        for name in ("spearman_all", "spearman_best_third"):
            values = [row[name] for row in found]
            columns.append(f"{np.mean(values):.3f} ({min(values):.3f})")
        lines.append("| " + " | ".join(columns) + " |")
    return "\n".join(lines)


def verdicts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say of each target whether the rows meet it; those without rows are left out."""
    lines = []
    for target in _targets():
        values = [r[target.column] for r in rows if target.cells.items() <= r.items()]
        if values:
            word = "met" if np.mean(values) >= target.at_least else "MISSED"
            what = ", ".join(map(str, target.cells.values()))
            lines.append(
                f"{word}: {target.column} of {what}: {np.mean(values):.3f}, "
                f"expected at least {target.at_least}"
            )
    return "\n".join(lines)


def describe(args: Args, pool: Sequence[Segment], held_out: HeldOut, score: float) -> dict:
    """Say what the segments are."""
    quantiles = np.quantile(held_out.returns, [0, 0.25, 0.5, 0.75, 1]).round(2).tolist()
    return {
        "env_id": args.env_id,
        "agent": "PPO on the true reward (scripts/ppo_continuous_action.py), whole training",
        "seed": args.data_seed,
        "steps": args.data_steps,
        "score": round(score, 2),
        "segment_length": args.segment_length,
        "num_rateable": len(pool),
        "num_held_out": len(held_out.returns),
        "held_out_return_quartiles": quantiles,
    }


def settings(pool: Sequence[Segment]) -> dict[str, Any]:
    """Return the defaults that the rows were made with, tasks and classes aside."""
    learner = make_learner(Cell("clean", "re-rated", "multi-task", 200, 0.0, 1), pool, {}, {})
    options = learner.loss.options()
    del options["tasks"], options["num_classes"]
    names = ("batch_size", "first_steps", "later_steps")
    return options | {name: getattr(learner, name) for name in names}


def read_rows(path: Path, header: Mapping[str, Any]) -> dict[Cell, dict[str, Any]]:
    """Read the rows that were written before.

    Raises:
        ValueError: If they were made from other segments or with other defaults.
    """
    if not path.exists():
        return {}
    content = json.loads(path.read_text())
    for name, value in header.items():
        if content[name] != value:
            raise ValueError(
                f"`out` must hold rows of the same {name}, got {content[name]} in {path} for "
                f"{value}; delete it, or name another file"
            )
    names = [field.name for field in fields(Cell)]
    return {Cell(**{name: row[name] for name in names}): row for row in content["rows"]}


def main(args: Args) -> None:
    """Do the fits that have no row yet, and write the rows after each."""
    torch.set_num_threads(1)
    made_on = provenance()  # the code that runs is the code of the start
    source = Source(args.env_id, args.data_seed, args.data_steps, args.segment_length)
    segments, score = make_segments(source, args.data_dir)
    pool, others = split(segments)
    held_out = HeldOut.of(others)
    header = {"data": describe(args, pool, held_out, score), "settings": settings(pool)}
    rows = read_rows(args.out, header)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for cell in tqdm([c for c in cells(args) if c not in rows], unit="fit"):
        rows[cell] = run_cell(cell, pool, held_out)
        ordered = [rows[c] for c in sorted(rows, key=lambda c: tuple(asdict(c).values()))]
        content = {"made_on": made_on, **header, "rows": ordered}
        replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())
    print(table(list(rows.values())), verdicts(list(rows.values())), sep="\n\n")


if __name__ == "__main__":
    main(tyro.cli(Args))
