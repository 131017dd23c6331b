"""From a method to a learner of it.

`fit`, the environment `gym_rated/Rated-v0`, the scripts and loops of one's own all make their
learner here.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gym_rated.checks import check_num_classes, layer_sizes, whole_number, whole_numbers
from gym_rated.fitting.learner import RewardLearner
from gym_rated.fitting.report import FitReport
from gym_rated.fitting.rows import RewardModel
from gym_rated.losses import Loss, MultitaskLoss
from gym_rated.method import OURS, Method
from gym_rated.ratings import RatingDataset
from gym_rated.ratings.answer import Answer, segments_of
from gym_rated.reward_model import ConvRewardEnsemble, RewardEnsemble
from gym_rated.segments.encoding import PIXELS, action_dim, obs_dim, resolve_features

if TYPE_CHECKING:
    import torch
    from gymnasium import Space

    from gym_rated.segments.encoding import Features


def make_learner(
    obs_dim: int,
    action_dim: int,
    num_classes: int,
    *,
    segment_length: int,
    method: Method = OURS,
    image_shape: Sequence[int] = (),
    model: RewardModel | None = None,
    loss: Loss | Mapping[str, Any] | None = None,
    seed: int = 0,
    device: "str | torch.device" = "cpu",
) -> RewardLearner[Any, Any]:
    """Return a learner of a fresh reward model.

    Args:
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        num_classes: Number of rating classes C.
        segment_length: Steps of the longest segment.
        method: How to learn.
        image_shape: Height, width and channels of observations that are images; D is their product.
        model: The model to fit; by default a new one of the method's sizes, a `RewardEnsemble`, or
            for images a `ConvRewardEnsemble` with the method's last hidden layer.
        loss: The loss; by default the method's `MultitaskLoss`, and a mapping holds options of it
            that are other than the method's.
        seed: Seed of the model and of the mini-batches.
        device: What the new model is fitted on; one that is given stays where it is.

    Raises:
        TypeError: If a number is none, or an option is unknown.
        ValueError: If an option is out of range.
    """
    check_num_classes(num_classes)
    whole_number("segment_length", segment_length)
    if image_shape and math.prod(image_shape) != obs_dim:
        raise ValueError(f"`image_shape` must have {obs_dim} numbers, got {tuple(image_shape)}")
    if model is None and image_shape:
        model = ConvRewardEnsemble(
            image_shape,
            action_dim,
            num_members=method.num_members,
            hidden_size=layer_sizes("hidden_sizes", method.hidden_sizes)[-1],
            seed=seed,
        ).to(device)
    elif model is None:
        model = RewardEnsemble(
            obs_dim,
            action_dim,
            num_members=method.num_members,
            hidden_sizes=method.hidden_sizes,
            squared_actions=method.squared_actions,
            seed=seed,
        ).to(device)
    if loss is None or isinstance(loss, Mapping):
        options = {"num_classes": num_classes, "segment_length": segment_length, **(loss or {})}
        loss = MultitaskLoss(**_loss_options(method, model.num_members) | options)
    return RewardLearner(
        model,
        loss,
        learning_rate=method.learning_rate,
        weight_decay=method.weight_decay,
        batch_size=method.batch_size,
        first_steps=method.first_steps,
        later_steps=method.later_steps,
        max_passes=method.max_passes,
        stop_at_accuracy=method.stop_at_accuracy,
        ood_coef=method.ood_coef,
        offset=method.offset,
        seed=seed,
    )


def learner_for_spaces(
    obs_space: "Space[Any]",
    action_space: "Space[Any]",
    num_classes: int,
    *,
    segment_length: int | Collection[int],
    features: "Features | str | None" = None,
    method: Method = OURS,
    loss: Loss | Mapping[str, Any] | None = None,
    seed: int = 0,
    device: "str | torch.device" = "cpu",
) -> RewardLearner[Any, Any]:
    """Return a learner of a fresh reward model for the spaces of a single environment.

    The model is a `ConvRewardEnsemble` where features are "pixels", else a `RewardEnsemble`. Its
    `predict` is what `LearnedRewardWrapper` takes.

    Args:
        obs_space: Space of one observation; of a vector environment, `single_observation_space`.
        action_space: Space of one action.
        num_classes: Number of rating classes C.
        segment_length: Steps of a segment, or several lengths, as `RatingFeedbackWrapper` has them.
        features: As of `RatingFeedbackWrapper`.
        method: How to learn.
        loss: As of `make_learner`.
        seed: Seed of the model and of the mini-batches.
        device: What the model is fitted on.

    Raises:
        TypeError: If a space has no encoding, or an option is unknown.
        ValueError: If a space has no encoding, or an option is out of range.
    """
    features = resolve_features(features)
    return make_learner(
        obs_dim(obs_space, features),
        action_dim(action_space),
        num_classes,
        segment_length=max(whole_numbers("segment_length", segment_length)),
        method=method,
        image_shape=(obs_space.shape or ()) if features == PIXELS else (),
        loss=loss,
        seed=seed,
        device=device,
    )


def _loss_options(method: Method, num_members: int) -> dict[str, Any]:
    return {
        "tasks": method.tasks,
        "num_members": num_members,
        "scale": method.scale,
        "weights": method.weights,
        "target": method.target,
        "limits": method.limits,
        "segment_value": method.segment_value,
        "trim": method.trim,
    }


def longest_segment(ratings: RatingDataset) -> int:
    """Return the most steps of a segment that an answer is about; 0 where there is none."""
    answers: list[Answer] = [*ratings.ratings, *ratings.scores, *ratings.comparisons]
    judged = {segment_id for answer in answers for segment_id in segments_of(answer)}
    return max((len(s) for s in ratings.segments() if s.id in judged), default=0)


def fit(
    ratings: RatingDataset,
    *,
    method: Method = OURS,
    model: RewardEnsemble | None = None,
    loss: Loss | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    progress_bar: bool = True,
) -> tuple[RewardEnsemble, FitReport]:
    """Fit a reward model to ratings that are all there, in one call.

    Args:
        ratings: The rated segments.
        method: How to learn. `gym_rated.fitting.WU_2025` is for ratings that share one scale.
        model: The model to fit, in place; by default a new `RewardEnsemble` for the dataset.
        loss: What to fit; by default the method's `MultitaskLoss` for the dataset's classes.
        steps: Gradient steps; those of the method by default, as are the next two.
        learning_rate: Of Adam, for the model.
        batch_size: Segments per mini-batch.
        seed: Seed of the new model and of the mini-batches.
        progress_bar: Show a progress bar.

    Returns:
        The model, and what was done; see `RewardLearner.fit`.

    Raises:
        ValueError: If the dataset does not fit model and loss.
        FloatingPointError: If the model became non-finite.
    """
    given: dict[str, Any] = {
        "first_steps": steps,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
    }
    method = replace(method, **{k: v for k, v in given.items() if v is not None})
    learner = make_learner(
        ratings.obs_dim,
        ratings.action_dim,
        ratings.num_classes,
        segment_length=longest_segment(ratings) or 1,
        method=method,
        model=model,
        loss=loss,
        seed=seed,
    )
    learner.progress_bar = progress_bar
    return learner.model, learner.fit(ratings, progress=1.0)
