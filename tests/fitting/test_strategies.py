"""A rater with two strategies: what is learned from both, and what from one that is noise."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rated_segments import make_segments, predicted_returns, true_returns

from gym_rated import RatingDataset, RewardEnsemble, RewardLearner, SwitchingRater, SyntheticRater
from gym_rated.checkpoint import load_state, save_state
from gym_rated.fitting import FitReport
from gym_rated.fitting.judging import answers_of
from gym_rated.fitting.split import is_held_out
from gym_rated.losses import MultitaskLoss, WeightRule
from gym_rated.metrics import spearman

TASKS = ("classification", "score")
ERRORS: dict[str, dict[str, float]] = {
    "none": {"mistake_rate": 0.1, "score_noise": 0.05},
    "scores": {"mistake_rate": 0.1, "score_noise": 1e6},  # uniform whatever the segment
    "classes": {"mistake_rate": 0.8, "score_noise": 0.05},  # uniform over five classes
}


def learner(weights: WeightRule = "explained", tasks: Any = TASKS, seed: int = 1) -> RewardLearner:
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16), seed=seed)
    loss = MultitaskLoss(
        tasks, num_classes=5, scale="shared", weights=weights, segment_length=10, seed=seed
    )
    return RewardLearner(model, loss, first_steps=60, later_steps=30, seed=seed)


def rated(noisy: str, num: int = 300, seed: int = 1) -> RatingDataset:
    segments = make_segments(num, seed=seed)
    rater = SyntheticRater(5, answers="both", seed=seed, **ERRORS[noisy])
    rater.submit(segments)
    data = RatingDataset(3, 2, 5)
    data.add(segments)
    data.update(rater.collect())
    return data


def fits(one: RewardLearner, data: RatingDataset, num: int = 3) -> list[FitReport]:
    return [one.fit(data) for _ in range(num)]


def order(one: RewardLearner) -> float:
    unseen = make_segments(100, round=9, seed=99)
    return spearman(predicted_returns(one.model, unseen), true_returns(unseen))


@pytest.mark.parametrize(("noisy", "good"), [("scores", 0), ("classes", 1)])
def test_noise_that_held_out_answers_show_loses_nearly_all_of_its_weight(
    noisy: str, good: int
) -> None:
    one = learner(seed=5)
    last = fits(one, rated(noisy, seed=5))[-1]
    assert last.weights[TASKS[1 - good]] < 0.05 * last.weights[TASKS[good]]
    assert all(math.isfinite(w) for w in last.weights.values())
    assert order(one) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("noisy", "good"), [("scores", 0), ("classes", 1)])
def test_noise_loses_its_weight_by_nearly_any_seed_and_the_order_gains(
    noisy: str, good: int
) -> None:
    shares: list[float] = []
    orders: dict[WeightRule, list[float]] = {"explained": [], "uncertainty": []}
    for seed in range(1, 9):
        data = rated(noisy, seed=seed)
        for weights in orders:
            one = learner(weights, seed=seed)
            last = fits(one, data, 8)[-1].weights
            orders[weights].append(order(one))
            if weights == "explained":
                shares.append(last[TASKS[1 - good]] / last[TASKS[good]])
    assert sum(share < 0.05 for share in shares) >= 7  # chance agrees now and then
    assert np.mean(orders["explained"]) > np.mean(orders["uncertainty"]) + 0.01


def test_two_good_strategies_keep_their_weights() -> None:
    one = learner()
    for report in fits(one, rated("none")):
        assert one.loss.task_weights.shares.tolist() == [1, 1]
        assert min(report.weights.values()) > 0.1
    assert order(one) > 0.9


@pytest.mark.slow
def test_noise_alone_gives_finite_weights_for_ever() -> None:
    data = rated("scores")
    shuffled = SyntheticRater(5, answers="both", mistake_rate=0.8, score_noise=1e6, seed=3)
    shuffled.submit(make_segments(300))
    data.update(shuffled.collect())
    one = learner()
    for report in fits(one, data, 5):
        assert all(math.isfinite(w) for w in report.weights.values())
        assert one.loss.task_weights.shares.max() == 1


def test_weights_go_on_as_before_from_a_checkpoint(tmp_path: Path) -> None:
    first, second, data = learner(), learner(seed=2), rated("classes", 100)
    fits(first, data, 2)
    save_state(tmp_path / "c", first.state_dict())
    second.load_state_dict(load_state(tmp_path / "c"))
    assert second.fit(data).weights == first.fit(data).weights
    np.testing.assert_array_equal(order(second), order(first))


@pytest.mark.parametrize("weights", ["uncertainty", "explained"])
def test_classes_and_scores_of_one_rater_are_both_learned_from(weights: WeightRule) -> None:
    one = learner(weights)
    report = one.fit(rated("none", 120))
    assert set(report.losses) == set(report.weights) == set(TASKS)
    for start, end in report.losses.values():
        assert end < start
    assert order(one) > 0.8


def test_a_rater_who_switches_from_classes_to_scores_is_learned_from() -> None:
    rater = SwitchingRater(
        [SyntheticRater(5, name="ann"), SyntheticRater(5, answers="scores", name="ann")],
        starts=(0, 60),
    )
    one, data = learner(), RatingDataset(3, 2, 5)
    for k in range(2):
        segments = make_segments(60, round=k, seed=k)
        rater.submit(segments)
        data.add(segments)
        data.update(rater.collect())
        report = one.fit(data)
    assert (len(data.ratings), len(data.scores)) == (60, 60)
    assert set(report.losses) == set(TASKS)
    assert order(one) > 0.8
    # the scores are as fresh as ratings would be, and held out as they are
    assert report.fresh.num == 60
    assert report.fresh.spearman > 0.6
    held_out = sum(is_held_out(segment.id) for segment in data.segments())
    assert report.held_out.num == held_out
    assert report.held_out.spearman > 0.6


def test_a_row_is_judged_by_its_rating_or_by_the_one_that_its_score_stands_for() -> None:
    ratings, scores = np.array([3, -1, 2, -1]), np.array([0.1, 0.25, np.nan, np.nan], np.float32)
    answers, given = answers_of(ratings, scores, num_classes=5)
    np.testing.assert_array_equal(answers, [3, 1, 2, np.nan])  # 0.25 * (5 - 1)
    assert given.tolist() == [True, True, True, False]
