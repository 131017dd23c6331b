"""How far a learned reward is relied on: what it said of ratings before it was fitted to them."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rated_segments import NUM_CLASSES, dataset, make_segments, rate

from gym_rated.fitting import make_learner
from gym_rated.fitting.trust import FULL, NEWEST, Trust


def after(agreement: float, rounds: int, size: int = 20, seed: int = 0) -> list[float]:
    """Return the trust after each round of ratings, a share of which is predicted in order."""
    trust, values = Trust(), []
    for round_ in range(rounds):
        rng = np.random.default_rng([seed, round_])
        ratings = rng.integers(5, size=size)
        told = rng.random(size) < agreement
        predictions = np.where(told, ratings + 0.1 * rng.random(size), 4 * rng.random(size))
        trust.look(predictions, ratings, np.full(size, round_))
        values.append(trust())
    return values


def test_a_reward_is_trusted_until_it_meets_a_new_rating() -> None:
    trust = Trust()
    assert trust() == 1
    trust.look(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    assert trust() == 1


def test_noise_is_not_trusted_and_what_predicts_is() -> None:
    noise = [after(0.0, 9, seed=seed)[-1] for seed in range(40)]
    assert np.mean(noise) < 0.5
    assert np.mean(np.array(noise) == 1) < 0.05
    told = [after(0.8, 3, seed=seed)[-1] for seed in range(40)]
    assert np.mean(np.array(told) == 1) > 0.95


def test_trust_does_not_fall_once_there_were_new_ratings() -> None:
    trust = Trust()
    ratings = np.arange(20) % 5
    trust.look(-ratings, ratings, np.zeros(20, np.int64))
    assert trust() == 0, "that it was trusted before was a guess"
    trust.look(ratings, ratings, np.ones(20, np.int64))
    grown = trust()
    assert 0 < grown < 1
    trust.look(-ratings, ratings, np.full(20, 2))
    assert trust() == grown


def test_the_newest_ratings_count_and_are_compared_within_rounds() -> None:
    trust = Trust()
    ratings = np.arange(5)
    for round_ in range(20):
        trust.look(-ratings, ratings, np.full(5, round_))
    for round_ in range(20, 20 + NEWEST // 5):  # every other round is on a lower scale
        trust.look(ratings - 9 * (round_ % 2), ratings, np.full(5, round_))
    assert trust() == 1


def test_it_is_shrunk_towards_a_guess_where_ratings_are_few() -> None:
    trust = Trust()
    trust.look(np.arange(10), np.arange(10), np.zeros(10, np.int64))
    assert trust() == min(1, (10 * 1 + 10 * 0.2) / 20 / FULL)
    trust = Trust()
    trust.look(np.arange(3)[::-1], np.arange(3), np.zeros(3, np.int64))
    assert trust() == 0
    trust = Trust()
    trust.look(np.zeros(10), np.arange(10), np.zeros(10, np.int64))  # says nothing
    assert trust() == pytest.approx(10 * 0.2 / 20 / FULL)


def test_a_learner_looks_at_new_ratings_before_it_is_fitted_to_them() -> None:
    first, second = make_segments(60, length=10), make_segments(40, round=1, seed=1)
    ratings = dataset(first)
    learner = make_learner(3, 2, NUM_CLASSES, segment_length=10)
    assert learner.fit(ratings).trust == 1, "nothing was predicted yet"
    assert learner.fit(ratings).trust == 1, "none is new"
    ratings.add(second)
    ratings.update([replace(r, rating=NUM_CLASSES - 1 - r.rating) for r in rate(second)])
    state = copy.deepcopy(learner.state_dict())
    assert learner.fit(ratings).trust == learner.trust() == 0, "they are turned round"
    learner.load_state_dict(state)
    assert learner.trust() == 1
    assert learner.fit(ratings).as_dict()["trust"] == 0
    del state["trust"]
    learner.load_state_dict(state)  # of a version without it


@pytest.mark.parametrize(
    "change",
    [
        {"value": 1.5},
        {"value": float("nan")},
        {"rows": np.zeros((2, 4))},
        {"rows": np.full((1, 3), np.inf)},
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(change: dict[str, Any]) -> None:
    trust = Trust()
    trust.look(np.arange(10), np.arange(10), np.zeros(10, np.int64))
    before = trust.state_dict()
    with pytest.raises(ValueError, match=r"`value` must|`rows` must"):
        trust.load_state_dict(before | change)
    assert trust() == before["value"]
    trust.load_state_dict(before)
