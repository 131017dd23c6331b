"""What a fitted reward model says of rated segments, beside what the raters said."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gym_rated.fitting.classes import class_chances, sharpness_of
from gym_rated.fitting.split import is_held_out
from gym_rated.ratings import RatingDataset
from gym_rated.ratings.predictions import RatingPredictions
from gym_rated.reward_model import RewardEnsemble


def predict_ratings(model: RewardEnsemble, ratings: RatingDataset) -> RatingPredictions:
    """Predict the rating of every rated segment, by the classes that a fit's report judges.

    Args:
        model: A fitted reward model.
        ratings: The rated segments; scores and comparisons without a rating are left out.

    Returns:
        The predictions.

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
    sums = [(float(steps.sum(dtype=np.float64)), len(steps)) for steps in rewards]
    returns = np.array([_judged(*one, model.options) for one in sums], np.float64)
    held_out = np.array([is_held_out(id) for id in ids], np.bool_)
    by_id = _member_values(model, ratings)
    values = np.array([by_id[id] for id in ids]).reshape(len(ids), model.num_members)
    by_group = model.options.get("scale") == "group"
    probabilities = class_chances(
        torch.from_numpy(values.T),
        torch.from_numpy(batch.ratings[rows]),
        torch.from_numpy(batch.groups[rows]) if by_group else None,
        fitted=np.flatnonzero(~held_out),
        asked=np.arange(len(ids)),
        num_classes=ratings.num_classes,
        sharpness=sharpness_of(model.options),
    )
    unknown = np.isnan(probabilities).any(1)
    probabilities[unknown] = 1 / ratings.num_classes
    return RatingPredictions(ids, batch.ratings[rows], held_out, rewards, returns, probabilities)


def _member_values(model: RewardEnsemble, ratings: RatingDataset) -> dict[str, NDArray[Any]]:
    """Return by segment id what each member says that a rater judges, shape (E,) each."""
    segments = list(ratings.segments())
    returns = model.returns(segments).T.astype(np.float64)
    found = zip(segments, returns, strict=True)
    return {s.id: _judged(values, len(s), model.options) for s, values in found}


def _judged(returns: Any, length: int, options: Mapping[str, Any]) -> Any:
    """Return what a rater judges of returns over `length` steps: themselves, or the mean reward."""
    if options.get("segment_value") == "mean":
        return returns / length * options.get("segment_length", length)
    return returns
