"""What a fitted reward model says of rated segments, beside what the raters said."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gym_rated.losses import class_limits, class_probabilities, rescale
from gym_rated.ratings import RatingDataset
from gym_rated.reward_model import RewardEnsemble

_SHARPNESS = 30.0  # where the model was fitted without classification


@dataclass(frozen=True, eq=False)
class RatingPredictions:
    """The rated segments, and what a reward model predicts of them; B ratings, C classes.

    Attributes:
        ids: Segment id of each rating, B of them.
        ratings: Rating classes, shape (B,), in 0..C-1.
        held_out: Whether a fit leaves the rating out of its loss, shape (B,).
        rewards: The learned reward of each step, B arrays of shape (T,).
        returns: The learned return that is compared, shape (B,): the sum of the rewards, or their
            mean times the segment length where the model was fitted to that.
        probabilities: Probability of each class, shape (B, C): the limits of the classes leave as
            many predictions as ratings of the fitted segments in every class.
    """

    ids: tuple[str, ...]
    ratings: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    rewards: list[NDArray[np.float32]]
    returns: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The most probable class of each segment, shape (B,)."""
        return np.asarray(self.probabilities.argmax(1), np.int64)


def predict_ratings(model: RewardEnsemble, ratings: RatingDataset) -> RatingPredictions:
    """Predict the rating of every rated segment from the mean reward of the model's members.

    Args:
        model: A fitted reward model.
        ratings: The rated segments; scores and comparisons without a rating are left out.

    Returns:
        The predictions; with no rating or only held-out ones, `probabilities` are all equal.

    Raises:
        ValueError: If the dataset does not fit the model.
    """
    theirs, ours = (ratings.obs_dim, ratings.action_dim), (model.obs_dim, model.action_dim)
    if theirs != ours:
        raise ValueError(
            "`ratings` must have the observation and action length of the model, got "
            f"{theirs} for {ours}"
        )
    batch = ratings.batch()
    rows = np.flatnonzero(batch.ratings >= 0)
    ids = tuple(batch.ids[i] for i in rows)
    rewards = [
        model.predict(batch.obs[i][batch.mask[i]], batch.actions[i][batch.mask[i]]) for i in rows
    ]
    returns = np.array([_value(steps, model.options) for steps in rewards], np.float64)
    held_out = np.array([is_held_out(id) for id in ids], np.bool_)
    classes = batch.ratings[rows]
    probabilities = _probabilities(
        returns, classes, ~held_out, ratings.num_classes, model.options.get("sharpness")
    )
    return RatingPredictions(ids, classes, held_out, rewards, returns, probabilities)


def is_held_out(segment_id: str) -> bool:
    """Return whether every fit leaves the ratings of this segment out of its loss."""
    return zlib.crc32(segment_id.encode()) % 10 == 0


def _value(rewards: NDArray[np.float32], options: dict[str, Any]) -> float:
    total = float(rewards.sum(dtype=np.float64))
    if options.get("segment_value") == "mean":
        return total / len(rewards) * float(options.get("segment_length", len(rewards)))
    return total


def _probabilities(
    returns: NDArray[np.float64],
    ratings: NDArray[np.int64],
    fitted: NDArray[np.bool_],
    num_classes: int,
    sharpness: float | None,
) -> NDArray[np.float64]:
    """Return the probability of each class, shape (B, C), with limits from the fitted ratings."""
    if not fitted.any():
        return np.full((len(returns), num_classes), 1 / num_classes)
    values = torch.from_numpy(returns)
    known = values[torch.from_numpy(fitted)]
    limits = class_limits(known, torch.from_numpy(ratings[fitted]), num_classes)
    at = rescale(values, known)
    return np.asarray(class_probabilities(at, limits, sharpness or _SHARPNESS), np.float64)
