"""How many ratings contradict the rest is found as it was planted, and not said where unknown."""

import numpy as np
import pytest

from gym_rated.contradictions import (
    MIN_JUDGED,
    as_fraction,
    contradicting_shares,
    in_words,
    place,
)


def placed(num, mistake_rate, seed=0, *, num_classes=5, scatter=0.05, shares=None):
    """Place segments evenly, and rate them by classes of these shares; returns rows and mistakes.

    A mistake is uniform over the other classes, as of `SyntheticRater`.
    """
    rng = np.random.default_rng(seed)
    limits = np.cumsum(np.full(num_classes, 1 / num_classes) if shares is None else shares)
    places = (rng.permutation(num) + 0.5) / num
    seen = (places + rng.logistic(0, scatter, num)).argsort().argsort() / num
    ratings = np.searchsorted(limits[:-1], seen, "right")
    is_mistake = rng.random(num) < mistake_rate
    other = (ratings + rng.integers(1, num_classes, num)) % num_classes
    ratings = np.where(is_mistake, other, ratings)
    low = np.array([(ratings < rating).mean() for rating in ratings])
    high = np.array([(ratings <= rating).mean() for rating in ratings])
    return np.stack([ratings, places, low, high], 1), is_mistake.mean()


@pytest.mark.parametrize("num_classes", [3, 5, 10])
@pytest.mark.parametrize("scatter", [0.02, 0.1])
@pytest.mark.parametrize("mistake_rate", [0.0, 0.1, 0.2, 0.4])
def test_planted_mistakes_are_counted(mistake_rate, scatter, num_classes):
    found, planted = [], []
    for seed in range(4):
        rows, share = placed(400, mistake_rate, seed, num_classes=num_classes, scatter=scatter)
        found.append(contradicting_shares({"ann": rows}, num_classes)["ann"])
        planted.append(share)
    assert np.mean(found) == pytest.approx(np.mean(planted), abs=0.06)


def test_a_rater_who_gives_high_ratings_only_makes_no_more_mistakes():
    rows, planted = placed(400, 0.2, shares=[0.02, 0.03, 0.05, 0.3, 0.6])
    assert contradicting_shares({"ann": rows}, 5)["ann"] == pytest.approx(planted, abs=0.06)


def test_a_reward_that_calls_all_that_is_new_better_does_not_make_ratings_wrong():
    rows, planted = placed(400, 0.2)
    rows[:, 1] = 0.7 + 0.3 * rows[:, 1]
    assert contradicting_shares({"ann": rows}, 5)["ann"] == pytest.approx(planted, abs=0.06)


def test_values_stand_where_they_are_among_all():
    found = place(np.array([5.0, 7.0, 5.0, 1.0]), np.array([2, 0, 0, 1]))
    assert found.tolist() == [[0.5, 0.75, 1], [0.875, 0, 0.5], [0.5, 0, 0.5], [0.125, 0.5, 0.75]]


def test_each_rater_has_a_share_of_their_own():
    careful, few = placed(100, 0.05, seed=1)
    careless, many = placed(100, 0.5, seed=2)
    found = contradicting_shares({"ann": careful, "bob": careless}, 5)
    assert found["ann"] == pytest.approx(few, abs=0.08)
    assert found["bob"] == pytest.approx(many, abs=0.12)


def test_few_ratings_are_judged_beside_many_and_are_said_nothing_of_alone():
    many, _ = placed(200, 0.1)
    few = placed(MIN_JUDGED - 1, 0.5, seed=1)[0]
    assert list(contradicting_shares({"ann": many, "bob": few}, 5)) == ["ann"]
    assert list(contradicting_shares({"ann": many, "bob": placed(MIN_JUDGED, 0.5)[0]}, 5)) == [
        "ann",
        "bob",
    ]
    assert contradicting_shares({"ann": few}, 5) == {}


def test_nothing_is_said_where_places_do_not_predict_ratings():
    said = 0
    for seed in range(20):
        rows, _ = placed(200, 0.8, seed)  # of five classes: uniform, whatever the segment
        said += bool(contradicting_shares({"ann": rows}, 5))
    assert said <= 2
    backwards, _ = placed(200, 0.0)
    backwards[:, 1] = 1 - backwards[:, 1]
    assert contradicting_shares({"ann": backwards}, 5) == {}


def test_nothing_is_said_of_two_classes_of_one_class_and_of_nobody():
    rows, _ = placed(200, 0.1, num_classes=2)
    assert contradicting_shares({"ann": rows}, 2) == {}
    same = np.stack([np.zeros(100), np.linspace(0, 1, 100), np.zeros(100), np.ones(100)], 1)
    assert contradicting_shares({"ann": same}, 5) == {}
    assert contradicting_shares({}, 5) == {}
    assert contradicting_shares({"ann": np.zeros((0, 4))}, 5) == {}


@pytest.mark.parametrize(
    ("share", "fraction"),
    [
        *((0.0, None), (0.049, None), (0.05, (1, 20)), (0.1, (1, 10)), (0.19, (1, 5))),
        *((0.26, (1, 4)), (0.34, (1, 3)), (0.36, (1, 3)), (0.4, (2, 5)), (0.52, (1, 2))),
        *((0.6, (3, 5)), (0.66, (2, 3)), (0.79, (4, 5)), (0.99, (1, 1))),
    ],
)
def test_a_share_is_said_in_small_numbers(share, fraction):
    assert as_fraction(share) == fraction
    words = "fewer than 1 in 20" if fraction is None else f"about {fraction[0]} in {fraction[1]}"
    assert in_words(share) == f"{words} ratings contradict the rest"
