import numpy as np
import pytest
import torch
from envs import make_segment
from rated_segments import dataset, make_segments

from gym_rated import Rating, RatingDataset
from gym_rated.fitting import RewardLearner, sample
from gym_rated.fitting.rows import RatedRows
from gym_rated.fitting.sample import Sample, SampledSegments, sampled_rows
from gym_rated.fitting.split import FitSplit, is_held_out
from gym_rated.losses import MultitaskLoss
from gym_rated.ratings import Comparison
from gym_rated.reward_model import RewardEnsemble

CPU = torch.device("cpu")


def rated(num, raters=("anna",), compared=False):
    data = RatingDataset(3, 2, 4)
    data.add(make_segment(f"s{i}", length=1 + i % 3, obs=float(i % 5)) for i in range(num))
    answers = [Rating(f"s{i}", i % 4, rater) for rater in raters for i in range(num)]
    pairs = [Comparison(f"s{i}", f"s{(7 * i + 1) % num}", "anna") for i in range(0, num, 2)]
    data.update(pairs if compared else answers)
    return data


def rows_of(data):
    return RatedRows.of(data, CPU), FitSplit.of(data.table())


def test_all_rows_are_looked_at_until_there_are_too_many_segments() -> None:
    rows, split = rows_of(rated(80, raters=("anna", "ben")))
    assert sampled_rows(rows, split, most=80).tolist() == list(range(160))
    chosen = sampled_rows(rows, split, most=79)
    _, num_answers = np.unique(rows.segments[chosen], return_counts=True)
    assert num_answers.tolist() == [2] * len(num_answers)  # both that there are about a segment
    assert 60 <= len(num_answers) < 80


def test_a_quarter_of_the_sample_is_held_out_where_there_is_so_much() -> None:
    data = rated(2_000)
    rows, split = rows_of(data)
    chosen = sampled_rows(rows, split, most=200)
    held = [is_held_out(data.table().ids[row]) for row in chosen]
    assert (len(chosen), sum(held)) == (200, 50)


def test_the_sample_changes_only_by_what_is_added() -> None:
    few, many = (set(sampled_rows(*rows_of(rated(n)), most=200)) for n in (1_000, 1_100))
    assert len(few & many) > 160  # of 200, a tenth or so gives way
    assert few & many == {row for row in many if row < 1_000}


def test_what_is_compared_is_sampled_by_pairs() -> None:
    rows, split = rows_of(rated(3_000, compared=True))
    chosen = sampled_rows(rows, split, most=400)
    within = split.within(chosen)
    assert len(chosen) <= 400
    assert len(within.train_pairs) >= 75
    assert len(within.held_out_pairs) >= 25


def test_a_part_of_a_split_has_the_numbers_of_the_part_in_the_same_order() -> None:
    pairs = np.array([[1, 9], [9, 4], [4, 7]])
    split = FitSplit(np.array([9, 4, 1]), np.array([7, 2]), pairs, pairs[:2])
    within = split.within(np.array([1, 7, 9]))
    assert within.train.tolist() == [2, 0]
    assert within.held_out.tolist() == [1]
    assert within.train_pairs.tolist() == within.held_out_pairs.tolist() == [[0, 2]]


def test_mean_and_deviation_are_those_of_the_steps_that_exist_once_for_each_row(monkeypatch):
    monkeypatch.setattr(sample, "_CHUNK", 2)
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}", length=i + 1, obs=float(i)) for i in range(3))
    data.update([*(Rating(f"s{i}", 0, "anna") for i in range(3)), Rating("s1", 0, "ben")])
    segments = SampledSegments.of(RatedRows.of(data, CPU))
    mean, std = segments.mean_and_std()
    steps = np.array([0, 1, 1, 1, 1, 2, 2, 2.0])
    assert np.allclose(mean, steps.mean())
    assert np.allclose(std, steps.std())
    assert mean.shape == std.shape == (3,)
    assert mean.dtype == np.float64
    assert segments.step_weights().tolist() == [1, 2, 2, 1, 1, 1]
    rewards = torch.arange(6.0)[None]
    assert segments.returns(rewards).tolist() == [[0, 3, 12, 3]]


class CountingModel(RewardEnsemble):
    """Counts the rows that go through its networks."""

    num_rows = 0

    def forward(self, obs, actions):
        self.num_rows += len(obs)
        return super().forward(obs, actions)


def rows_of_fits(data, num_fits=1, more=(), **kwargs):
    model = CountingModel(3, 2, hidden_sizes=(4,))
    loss = MultitaskLoss(num_classes=4, scale="shared")
    learner = RewardLearner(model, loss, first_steps=3, later_steps=3, batch_size=10, **kwargs)
    for _ in range(num_fits):
        model.num_rows = 0
        report = learner.fit(data)
    if more:
        model.num_rows = 0
        data.add(more)
        data.update([Rating(s.id, i % 4, "judge") for i, s in enumerate(more)])
        report = learner.fit(data)
    return model.num_rows, report


@pytest.mark.parametrize("num_fits", [1, 2])
@pytest.mark.parametrize("options", [{}, {"ood_coef": 0.1}, {"stop_at_accuracy": 1.0}])
def test_what_a_fit_computes_does_not_grow_with_what_was_rated(monkeypatch, num_fits, options):
    monkeypatch.setattr(sample, "MOST_SEGMENTS", 100)
    found = [rows_of_fits(dataset(make_segments(n)), num_fits, **options) for n in (150, 1_200)]
    (few, report), (many, large) = found
    assert abs(few - many) <= 3 * 10  # a mini-batch has 9 or 10 segments of 10 steps
    assert (report.num_measured, large.num_measured) == (100, 100)
    assert large.held_out.num == 25


def test_only_new_ratings_are_judged_fresh() -> None:
    data = dataset(make_segments(60))
    num, report = rows_of_fits(data, more=make_segments(7, round=1, seed=3))
    assert report.fresh.num == 7
    # 10 steps of all 67 segments thrice, first the new ones among the others, and 3 mini-batches of
    # 9 or 10 segments
    assert num in range(3 * 670 + 3 * 80, 3 * 670 + 3 * 100 + 1)


def test_steps_that_do_not_exist_cost_nothing() -> None:
    short, long = make_segments(59, length=2), make_segments(1, length=50, round=1)
    num, _ = rows_of_fits(dataset([*short, *long]))
    assert num <= 2 * (59 * 2 + 50) + 3 * (9 * 2 + 50)


def test_very_many_new_ratings_are_judged_by_some_of_them(monkeypatch) -> None:
    monkeypatch.setattr("gym_rated.fitting.fresh.MOST_SEGMENTS", 50)
    monkeypatch.setattr(sample, "MOST_SEGMENTS", 50)
    data = dataset(make_segments(60))
    num, report = rows_of_fits(data, more=make_segments(400, round=1, seed=3))
    assert report.fresh.num == 400
    assert np.isfinite(report.fresh.spearman)
    assert num <= 10 * (2 * 50 + 2 * 50 + 3 * 10)  # so many new ones, and as many others
    assert Sample.of(*rows_of(data)).segments.numbers.max() > 60


def test_thresholds_of_groups_outside_the_sample_start_when_they_are_first_seen(monkeypatch):
    monkeypatch.setattr(sample, "MOST_SEGMENTS", 12)
    rounds = [make_segments(5, round=k, seed=k) for k in range(20)]
    data = dataset([s for segments in rounds for s in segments])
    loss = MultitaskLoss(("ordinal",), num_classes=4, scale="group")
    learner = RewardLearner(RewardEnsemble(3, 2, hidden_sizes=(4,)), loss, first_steps=20)
    learner.fit(data)
    thresholds = loss._tasks[0].thresholds
    assert thresholds._is_known[:20].all()
    assert loss._tasks[0]._num_ratings == sum(not is_held_out(s.id) for r in rounds for s in r)
