"""Weights that shrink in each step, apart from Adam; biases do not."""

import math

import pytest
import torch
from rated_segments import NUM_CLASSES, dataset, make_segments

from gym_rated.fitting import RewardLearner
from gym_rated.losses import MultitaskLoss
from gym_rated.reward_model import RewardEnsemble

DATA = dataset(make_segments(40))


def fitted(steps: int, **options: float) -> RewardEnsemble:
    """Return a model after some steps on pairs."""
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16), seed=3)
    loss = MultitaskLoss(("pairwise",), num_classes=NUM_CLASSES, segment_length=10)
    RewardLearner(model, loss, first_steps=steps, **options).fit(DATA)
    return model


def norm(parameters: torch.nn.ParameterList) -> float:
    return float(torch.cat([p.detach().flatten() for p in parameters]).norm())


def test_a_step_of_decay_is_apart_from_adam() -> None:
    start = RewardEnsemble(3, 2, hidden_sizes=(16, 16), seed=3)
    plain, decayed = (fitted(1, weight_decay=decay) for decay in (0.0, 10.0))
    for before, without, weights in zip(start.weights, plain.weights, decayed.weights, strict=True):
        assert torch.allclose(weights, without - 0.01 * before, atol=1e-7)
    for without, biases in zip(plain.biases, decayed.biases, strict=True):
        assert torch.equal(biases, without)


def test_weight_decay_keeps_weights_small() -> None:
    assert norm(fitted(200, weight_decay=20.0).weights) < 0.5 * norm(fitted(200).weights)


@pytest.mark.parametrize("weight_decay", [-1.0, 1_000.0, math.nan, math.inf])
def test_a_decay_that_turns_weights_around_is_refused(weight_decay: float) -> None:
    with pytest.raises(ValueError, match="`weight_decay` must"):
        fitted(1, learning_rate=1e-3, weight_decay=weight_decay)


def test_no_decay_changes_nothing() -> None:
    for one, other in zip(fitted(5).weights, fitted(5, weight_decay=0.0).weights, strict=True):
        assert torch.equal(one, other)
