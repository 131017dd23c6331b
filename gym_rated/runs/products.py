"""What a training script leaves in its run's folder: rows of episodes and fits, and the products.

The scripts call these so that every run reads alike, whatever agent made it. What they are given is
asked for by what it can do, so that this module knows neither torch nor an agent.
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gym_rated.checkpoint.files import replace_file
from gym_rated.checkpoint.finite import refuse_non_finite
from gym_rated.runs.names import (
    EPISODE_LENGTH,
    FIT_PREFIX,
    LEARNED_RETURN,
    POLICY,
    PREDICTIONS,
    RATINGS,
    REWARD_MODEL,
    SCORE_EPISODES,
    TRUE_RETURN,
)


class Statistics(Protocol):
    """Gymnasium's `RecordEpisodeStatistics` of vector environments."""

    return_queue: Any
    length_queue: Any


class Arguments(Protocol):
    """What a result tells of the arguments of its run."""

    env_id: str
    reward: Any
    seed: int


class Fit(Protocol):
    """A report about a fit, such as `FitReport`."""

    def as_dict(self) -> dict[str, Any]:
        """Return name -> number."""
        ...


class Saved(Protocol):
    """A reward model, or what it predicts: it can be saved to a folder."""

    def save(self, folder: Path, /) -> Any:
        """Write it."""
        ...


class SavedRatings(Sized, Saved, Protocol):
    """A dataset of ratings: it has a length, and can be saved to a file."""


def episode_rows(
    count: int, statistics: Statistics, learned: Statistics | None = None
) -> Iterator[dict[str, float]]:
    """Yield a row of metrics for each of the last episodes, in the order in which they ended.

    Args:
        count: How many episodes ended just now.
        statistics: Wrapper below the rating wrappers, which counts true rewards.
        learned: Wrapper above them, which counts learned rewards; None where none are learned.
    """
    for k in range(-count, 0):
        row = {TRUE_RETURN: statistics.return_queue[k], EPISODE_LENGTH: statistics.length_queue[k]}
        if learned is not None:
            row[LEARNED_RETURN] = learned.return_queue[k]
        yield row


def fit_row(report: Fit) -> dict[str, Any]:
    """Return the row of metrics about one fit of the reward model."""
    return {f"{FIT_PREFIX}{name}": value for name, value in report.as_dict().items()}


def score_of(returns: Sequence[float]) -> float | None:
    """Return the mean of the last `SCORE_EPISODES` true returns; None before an episode ended."""
    last = list(returns)[-SCORE_EPISODES:]
    return float(np.mean(last)) if last else None


def result_row(
    args: Arguments,
    global_step: int,
    steps_per_second: float,
    statistics: Statistics,
    ratings: Sized | None = None,
    report: Fit | Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a run in one row, for `RunWriter.write_result`.

    Args:
        args: The script's arguments.
        global_step: Environment steps, summed over environments.
        steps_per_second: Speed of the run.
        statistics: Wrapper that counts true rewards.
        ratings: The rated segments; None where the arm has none.
        report: Report about the last fit, or its `as_dict`; None where there was none.
    """
    row: dict[str, Any] = {"env_id": args.env_id, "reward": args.reward, "seed": args.seed}
    row["global_step"] = global_step
    row["score"] = score_of(statistics.return_queue)
    row["steps_per_second"] = steps_per_second
    if ratings is not None:
        row["num_ratings"] = len(ratings)
    if report is not None:
        row["fit"] = dict(report) if isinstance(report, Mapping) else report.as_dict()
    return row


def save_products(
    folder: Path,
    policy: Mapping[str, Any],
    model: Saved | None = None,
    ratings: Saved | None = None,
    predictions: Saved | None = None,
) -> None:
    """Save what a run has made: `gym-rated film`, `fit` and `report` read it from there.

    Args:
        folder: The run's folder.
        policy: Name -> tensor, for policy.safetensors.
        model: The reward model; None where the arm learns none.
        ratings: What it was fitted to; None with `model`.
        predictions: What the model says of them, for a report, which then needs no torch.

    Raises:
        FloatingPointError: If a number of the policy or the model is not finite; nothing that was
            saved before is replaced by it.
    """
    refuse_non_finite(policy, "policy")
    from safetensors.torch import save  # importing a run's format imports no torch

    replace_file(folder / POLICY, save(dict(policy)))
    if model is not None:
        model.save(folder / REWARD_MODEL)
    if ratings is not None:
        (folder / RATINGS).parent.mkdir(exist_ok=True)
        ratings.save(folder / RATINGS)
    if predictions is not None:
        predictions.save(folder / PREDICTIONS)
