"""One cell of the check of the reward: who rates, what is fitted to it, and how it is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated import RatingDataset, RewardEnsemble, Segment, SyntheticRater
from gym_rated.fitting import OURS, WU_2025, Method, make_learner
from gym_rated.metrics import (
    advantage_correlation,
    best_third,
    best_third_slope,
    spearman,
    step_correlation,
)
from gym_rated.raters import Rater, SeveralRaters

ROUNDS = 9
FIRST_SHARE = 0.2
METHODS: dict[str, Method] = {
    "ours": OURS,
    "wu2025": WU_2025,
    "rbrl": replace(WU_2025, tasks=("classification",)),
    "pairs-once": replace(WU_2025, tasks=("pairwise",), scale="group", segment_value="mean"),
    "pairs": replace(WU_2025, tasks=("pairwise",)),
    "regression, one scale": replace(WU_2025, tasks=("regression",)),
    "quantile": replace(OURS, tasks=("quantile",)),
    "pairwise": replace(OURS, tasks=("pairwise",)),
    "classification": replace(OURS, tasks=("classification",)),
    "regression": replace(OURS, tasks=("regression",)),
    "classes alone": replace(OURS, tasks=("ordinal",)),
    "scores alone": replace(OURS, tasks=("score",)),
    "ours, explained": replace(OURS, weights="explained"),
    "ours, fixed": replace(OURS, weights="fixed"),
}
"""How to learn: as a preset does, or as an alternative to it."""


def two_raters(num_classes: int, **options: Any) -> SeveralRaters:
    """Return a lenient and a harsh rater, who share the work; each is off by one class."""
    seed = options.pop("seed")
    raters = [
        SyntheticRater(num_classes, regrade=False, leniency=by, name=name, seed=seed + i, **options)
        for i, (name, by) in enumerate((("lenient", 1.0), ("harsh", -1.0)))
    ]
    return SeveralRaters(raters, seed=seed)


_once = partial(SyntheticRater, regrade=False)
RATERS: dict[str, Callable[..., Rater]] = {
    "re-rated": SyntheticRater,
    "relative to the round": partial(_once, relative_to="round"),
    "relative to everything": _once,
    "growing scale": partial(_once, relative_to="range"),
    "two raters": two_raters,
    "comparisons": partial(_once, answers="comparisons"),
    "good classes, bad scores": partial(_once, answers="both", score_noise=0.5),
    "bad classes, good scores": partial(_once, answers="both", mistake_rate=0.6, score_noise=0.05),
    "both so-so": partial(_once, answers="both", mistake_rate=0.3, score_noise=0.15),
}
"""Who rates; all but `re-rated` leave an answer as it was once given."""


@dataclass(frozen=True)
class Cell:
    """One fit: a method, the answers that it gets, and a seed."""

    part: str
    env_id: str
    rater: str
    method: str
    num_ratings: int
    seed: int
    mistakes: float = 0.0
    slips: float = 0.0
    fitted: str = "rounds"
    """in `rounds` as the answers come in, as during training, or `once` to all from scratch"""

    @property
    def num_classes(self) -> int:
        """Number of rating classes C of this part."""
        return 4 if self.part == "clean" else 5

    @property
    def num_members(self) -> int:
        """Number of ensemble members E of this part; 3 is what training uses."""
        return 1 if self.part == "clean" else 3


@dataclass(frozen=True)
class HeldOut:
    """Segments of episodes that are never rated, B of them, as arrays."""

    obs: NDArray[np.float32]  # (B, T, D)
    actions: NDArray[np.float32]  # (B, T, A)
    rewards: NDArray[np.float64]  # (B, T) true

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> "HeldOut":
        """Stack segments of one length."""
        columns = ([getattr(s, name) for s in segments] for name in ("obs", "actions"))
        return cls(*map(np.stack, columns), np.stack([s.true_rewards for s in segments]))

    @property
    def returns(self) -> NDArray[np.float64]:
        """True returns, shape (B,)."""
        return self.rewards.sum(1)

    def judge(self, model: RewardEnsemble) -> dict[str, float | None]:
        """Return how predicted rewards agree with the true ones.

        The rank correlation of returns: of all segments, of the third with the highest true return,
        and of those of the last stretch of training. Of that stretch also the correlation of
        rewards and of advantages; and the slope of the best third.
        """
        rewards = model.predict(
            self.obs.reshape(-1, model.obs_dim), self.actions.reshape(-1, model.action_dim)
        )
        rewards = rewards.reshape(self.rewards.shape)
        predicted = rewards.sum(1)
        latest = slice(-(len(self.returns) // (ROUNDS + 1)) or None, None)
        which = {"all": slice(None), "best_third": best_third(self.returns), "latest": latest}
        found = {
            f"spearman_{name}": spearman(predicted[rows], self.returns[rows])
            for name, rows in which.items()
        }
        obs, learned, true = self.obs[latest], rewards[latest], self.rewards[latest]
        steps = np.repeat(np.arange(len(obs)), obs.shape[1])
        found["advantage_latest"] = advantage_correlation(
            learned.ravel(), true.ravel(), obs.reshape(len(steps), -1), steps
        )
        found["step_latest"] = step_correlation(learned.ravel(), true.ravel())
        found["slope_best_third"] = best_third_slope(predicted, self.returns)
        return {name: None if isnan(v) else round(v, 4) for name, v in found.items()}


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
    stretches = np.array_split(np.arange(len(pool)), len(counts))
    for k, (stretch, count) in enumerate(zip(stretches, counts, strict=True)):
        chosen = rng.choice(stretch, count, replace=False)
        rounds.append([replace(pool[i], round=k) for i in chosen])
    return rounds


def run_cell(
    cell: Cell,
    pool: Sequence[Segment],
    held_out: HeldOut,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Rate, fit and judge; returns the cell's row.

    Args:
        cell: What to fit.
        pool: Segments that may be rated, in the order of training.
        held_out: Segments of other episodes.
        changes: What of the method is to be otherwise, for experiments.
    """
    noise = {"mistake_rate": cell.mistakes, "slip_rate": cell.slips}
    noise = {name: rate for name, rate in noise.items() if rate}
    rater = RATERS[cell.rater](cell.num_classes, seed=cell.seed, **noise)
    dims = pool[0].obs.shape[1], pool[0].actions.shape[1], cell.num_classes
    method = replace(METHODS[cell.method], num_members=cell.num_members, **(changes or {}))
    longest = max(len(segment) for segment in pool)
    learner = make_learner(*dims, segment_length=longest, method=method, seed=cell.seed)
    ratings = RatingDataset(*dims)
    rounds = draw_rounds(pool, cell)
    for k, segments in enumerate(rounds):
        rater.submit(segments)
        ratings.add(segments)
        ratings.update(rater.collect())
        if cell.fitted == "rounds" or k == len(rounds) - 1:
            learner.fit(ratings, progress=(k + 1) / len(rounds))
    return asdict(cell) | held_out.judge(learner.model)
