"""Fits of the reward model, beside a plain loop over its members, and the dataset on disk.

Segments have HalfCheetah's sizes: 50 steps of 17 observations and 6 actions. A chunk is a fit of
`STEPS` gradient steps, and a gradient step counts.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.worker import Pause, serve
from gym_rated.fitting import WU_2025, Method, make_learner
from gym_rated.ratings import Rating, RatingDataset
from gym_rated.segments import Origin, Segment

OBS_DIM, ACTION_DIM, LENGTH, NUM_CLASSES = 17, 6, 50, 5
STEPS = 50
ROUNDS = 10
AUTHORS = Method(
    tasks=("classification",),
    limits="batch",
    hidden_sizes=(256, 256, 256),
    learning_rate=3e-4,
    batch_size=128,
)
"""Network, batch and loss of White et al. 2024, as in the preset `rbrl-aaai24`."""


def by_ratings(pause: Pause) -> None:
    """Fit with the default method to as many ratings as are asked for."""
    serve(pause, lambda request: fitting(int(request), WU_2025))


def by_members(pause: Pause) -> None:
    """Fit as many members as are asked for to 500 ratings."""
    serve(pause, lambda request: fitting(500, replace(WU_2025, num_members=int(request))))


def of_authors(pause: Pause) -> None:
    """Fit the method of White et al. 2024 to 500 ratings, with the precision asked for."""
    serve(pause, lambda precision: fitting(500, AUTHORS, precision))


def fitting(num_ratings: int, method: Method, precision: str = "float32") -> Callable[[], int]:
    """Return a fit to `num_ratings` ratings, by a learner that has fitted to them before."""
    torch.set_num_threads(1)
    ratings = rated_segments(num_ratings)
    method = replace(method, first_steps=STEPS, later_steps=STEPS)
    learner = make_learner(OBS_DIM, ACTION_DIM, NUM_CLASSES, segment_length=LENGTH, method=method)
    if precision != "float32":  # which the earliest versions do not know, others know elsewhere
        getattr(learner, "gradient_steps", learner).precision = precision

    def chunk() -> int:
        learner.fit(ratings)
        return STEPS

    return chunk


@lru_cache
def rated_segments(num: int) -> RatingDataset:
    """Return `num` rated segments of `ROUNDS` rounds, rated by the sum of one observation."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(num, 1, OBS_DIM))
    obs = (means + rng.normal(size=(num, LENGTH, OBS_DIM))).astype(np.float32)
    actions = rng.uniform(-1, 1, (num, LENGTH, ACTION_DIM)).astype(np.float32)
    rewards = obs[:, :, 0].astype(np.float64)
    returns = rewards.sum(1)
    classes = np.searchsorted(np.quantile(returns, [0.2, 0.4, 0.6, 0.8]), returns)
    dataset = RatingDataset(OBS_DIM, ACTION_DIM, NUM_CLASSES)
    dataset.add(
        Segment(str(i), obs[i], actions[i], rewards[i], i * ROUNDS // num, Origin(0, i, 0, i))
        for i in range(num)
    )
    dataset.update(Rating(str(i), int(rating), "rater") for i, rating in enumerate(classes))
    return dataset


def on_disk(pause: Pause, num_ratings: int) -> None:
    """Save or load `num_ratings` ratings; a call counts."""
    ratings = rated_segments(num_ratings)
    path = Path(tempfile.mkdtemp(dir=".")) / "ratings.npz"

    def save() -> int:
        ratings.save(path)
        return 1

    def load() -> int:
        RatingDataset.load(path)
        return 1

    save()
    serve(pause, {"save": save, "load": load}.__getitem__)
