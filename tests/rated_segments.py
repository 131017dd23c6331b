"""Segments whose true return is easy to learn, and a rater who ranks them, for tests of fits."""

import numpy as np

from gym_rated.raters import Rating
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Origin, Segment

NUM_CLASSES = 4


def make_segments(num, *, length=10, round=0, seed=0):
    rng = np.random.default_rng(seed)
    segments = []
    for i in range(num):
        level = rng.normal() / 2
        obs = rng.normal(level, 1, (length, 3)).astype(np.float32)
        actions = rng.uniform(-1, 1, (length, 2)).astype(np.float32)
        true_rewards = (obs.mean(1) + 0.2 * actions[:, 0]).astype(np.float64)
        origin = Origin(0, i, 0, 0)
        segments.append(Segment(f"{round}-{i}", obs, actions, true_rewards, round, origin))
    return segments


def true_returns(segments):
    return np.array([s.true_rewards.sum() for s in segments])


def rate(segments):
    """Rate by quantiles of the true return, all classes alike."""
    ranks = true_returns(segments).argsort().argsort()
    return [
        Rating(s.id, int(rank * NUM_CLASSES // len(segments)), "judge")
        for s, rank in zip(segments, ranks, strict=True)
    ]


def dataset(segments, ratings=None, data_class=RatingDataset):
    data = data_class(3, 2, NUM_CLASSES)
    data.add(segments)
    data.update(rate(segments) if ratings is None else ratings)
    return data


def predicted_returns(model, segments):
    return [model.predict(s.obs, s.actions).sum() for s in segments]
