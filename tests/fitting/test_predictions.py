"""What a reward model says of rated segments."""

import zlib

import numpy as np
import pytest

from gym_rated import (
    MultitaskLoss,
    Rating,
    RatingDataset,
    RewardEnsemble,
    RewardLearner,
    Score,
)
from gym_rated.fitting.predictions import is_held_out, predict_ratings
from gym_rated.metrics import accuracy, quadratic_weighted_kappa
from gym_rated.segments import Origin, Segment


class SumOfObs(RewardEnsemble):
    """The reward is the observation, for each of three members."""

    def __init__(self, **options):
        super().__init__(1, 1)
        self.options = options

    def forward(self, obs, actions):
        return obs[..., 0].expand(3, *obs.shape[:-1])

    def predict(self, obs, actions):
        return obs[:, 0]


def dataset(values, lengths=None, num_classes=2):
    """One segment a value, its rating the class of equal parts."""
    ratings = RatingDataset(1, 1, num_classes)
    for i, value in enumerate(values):
        length = 2 if lengths is None else lengths[i]
        obs = np.full((length, 1), value, np.float32)
        origin = Origin(0, 0, 0, 0)
        ratings.add([Segment(f"s{i}", obs, 0 * obs, np.zeros(length), 0, origin)])
        ratings.update([Rating(f"s{i}", i * num_classes // len(values), "ada")])
    return ratings


def test_returns_are_sums_of_the_learned_reward_over_the_steps_there_are():
    predictions = predict_ratings(SumOfObs(), dataset([1.0, 2.0, 5.0], lengths=[3, 1, 2]))
    assert predictions.returns.tolist() == [3, 2, 10]
    assert [r.tolist() for r in predictions.rewards] == [[1, 1, 1], [2], [5, 5]]
    assert predictions.ratings.tolist() == [0, 0, 1]


def test_a_model_of_means_is_compared_by_means():
    model = SumOfObs(segment_value="mean", segment_length=10)
    predictions = predict_ratings(model, dataset([1.0, 2.0], lengths=[3, 1]))
    assert predictions.returns.tolist() == [10, 20]


def test_classes_are_as_common_as_the_ratings():
    values = np.arange(60.0)
    predictions = predict_ratings(SumOfObs(), dataset(values, num_classes=3))
    assert np.bincount(predictions.classes).tolist() == pytest.approx([20, 20, 20], abs=2)
    assert (predictions.classes == predictions.ratings).mean() > 0.95
    assert predictions.probabilities.sum(1) == pytest.approx(1)


def test_held_out_are_those_that_no_fit_learns_from():
    predictions = predict_ratings(SumOfObs(), dataset(np.arange(40.0)))
    wanted = [zlib.crc32(f"s{i}".encode()) % 10 == 0 for i in range(40)]
    assert predictions.held_out.tolist() == wanted
    assert [is_held_out(f"s{i}") for i in range(40)] == wanted


@pytest.mark.parametrize("options", [{}, {"segment_value": "mean"}, {"sharpness": "scaled"}])
@pytest.mark.parametrize("scale", ["group", "shared"])
def test_the_classes_are_those_that_the_report_of_the_fit_judges(scale, options):
    rng = np.random.default_rng(0)
    ratings = RatingDataset(1, 1, 4)
    for i in range(150):
        obs = rng.normal(i % 3, 1, (1 + i % 7, 1)).astype(np.float32)
        ratings.add(
            [Segment(f"{i}", obs, 0 * obs, np.zeros(len(obs)), i // 50, Origin(0, 0, 0, 0))]
        )
        rating = int(np.clip(obs.mean() + i // 50 + rng.normal(), 0, 3))
        ratings.update([Rating(f"{i}", rating, "ada" if i % 2 else "bob")])
    model = RewardEnsemble(1, 1, hidden_sizes=(8,))
    loss = MultitaskLoss(num_classes=4, scale=scale, segment_length=7, **options)
    report = RewardLearner(model, loss, first_steps=30).fit(ratings)
    predictions = predict_ratings(model, ratings)
    judged = predictions.held_out
    found = predictions.classes[judged], predictions.ratings[judged]
    assert report.held_out.num == judged.sum() > 10
    assert report.held_out.accuracy == accuracy(*found)
    assert report.held_out.kappa == quadratic_weighted_kappa(*found, 4)


def test_classes_are_found_within_a_group_where_only_groups_share_a_scale():
    ratings = dataset(np.arange(40.0))
    for i in range(40):  # a second rater is harsh: sees class 1 only far up
        ratings.update([Rating(f"s{i}", int(i >= 30), "bob")])
    by_group = predict_ratings(SumOfObs(scale="group"), ratings)
    shared = predict_ratings(SumOfObs(scale="shared"), ratings)
    assert (by_group.classes == by_group.ratings).mean() > 0.97
    assert (shared.classes == shared.ratings).mean() < 0.9


def test_scores_without_a_rating_are_left_out():
    ratings = dataset([1.0, 2.0])
    obs = np.ones((2, 1), np.float32)
    ratings.add([Segment("scored", obs, obs, np.zeros(2), 0, Origin(0, 0, 0, 0))])
    ratings.update([Score("scored", 0.5, "ada")])
    assert predict_ratings(SumOfObs(), ratings).ids == ("s0", "s1")


def test_without_ratings_there_is_nothing_to_predict():
    predictions = predict_ratings(SumOfObs(), RatingDataset(1, 1, 3))
    assert predictions.probabilities.shape == (0, 3)


def test_another_environment_is_refused():
    with pytest.raises(ValueError, match=r"length of the model, got \(2, 1\) for \(1, 1\)"):
        predict_ratings(SumOfObs(), RatingDataset(2, 1, 3))
