"""Statistics against numbers computed by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from gym_rated.statistics import (
    area_under,
    bootstrap_interval,
    bootstrap_profile,
    holm_adjusted,
    improvement_p_value,
    interquartile_mean,
    normalized_score,
    performance_profile,
    probability_of_improvement,
    resampled_interval,
    standard_error,
)


def test_the_random_policy_scores_zero_and_the_true_reward_one():
    # (-30 - -60) / (-20 - -60) = 30 / 40
    assert normalized_score([-60, -20, -30, 0], random=-60, true=-20).tolist() == [0, 1, 0.75, 1.5]


def test_scores_of_several_tasks_take_their_own_references():
    scores = normalized_score([[5.0, 10.0], [0.0, 1.0]], random=[[0], [-1]], true=[[10], [1]])
    assert scores.tolist() == [[0.5, 1.0], [0.5, 1.0]]


@pytest.mark.parametrize("true", [0.0, -1.0])
def test_a_task_that_the_true_reward_does_not_learn_is_refused(true):
    with pytest.raises(ValueError, match="`true` must lie above `random`"):
        normalized_score(1.0, random=0.0, true=true)


@pytest.mark.parametrize("name", ["score", "random", "true"])
def test_numbers_that_are_not_finite_are_refused_by_name(name):
    numbers = {"score": 1.0, "random": 0.0, "true": 2.0, name: math.nan}
    with pytest.raises(ValueError, match=f"`{name}` must hold finite numbers"):
        normalized_score(**numbers)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0, 0, 1, 2, 3, 4, 100, 900], 2.5),  # 8 scores: two cut at each end, (1 + 2 + 3 + 4) / 4
        ([4, -50, 3, 7, 2], 3.0),  # 5 scores: one cut at each end, (2 + 3 + 4) / 3
        ([1, 2, 6], 3.0),  # 3 scores: nothing to cut
        ([[1, 9], [2, 4]], 3.0),  # taken together: (2 + 4) / 2
        (5.0, 5.0),
    ],
)
def test_interquartile_mean_is_the_mean_of_the_middle_half(scores, expected):
    assert interquartile_mean(scores) == expected


def test_interquartile_mean_agrees_with_scipy():
    rng = np.random.default_rng(0)
    for num in range(1, 40):
        scores = rng.standard_normal(num)
        assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25))


def test_no_score_has_no_mean():
    with pytest.raises(ValueError, match="`scores` must hold finite numbers, at least one"):
        interquartile_mean([])


def test_standard_error_is_that_of_the_mean():
    # 1, 3, 5: variance (4 + 0 + 4) / 2 = 4, so 2 / sqrt(3); 0, 0, 3: variance 3, so 1
    error = standard_error([[1, 0], [3, 0], [5, 3]])
    assert error == pytest.approx([2 / math.sqrt(3), 1.0])
    assert standard_error([[1, 3, 5]], axis=1) == pytest.approx([2 / math.sqrt(3)])


@pytest.mark.parametrize("scores", [[1.0], 1.0])
def test_one_seed_has_no_standard_error(scores):
    with pytest.raises(ValueError, match="at least 2 along axis 0, got 1"):
        standard_error(scores)


def test_the_interval_of_equal_scores_is_a_point():
    assert bootstrap_interval([[2, 2], [2, 2, 2]], np.mean) == (2, 2, 2)


def test_seeds_are_drawn_within_their_task_only():
    # Within tasks nothing varies; drawn over all 6 scores, the mean would.
    assert bootstrap_interval([[0, 0, 0], [9, 9, 9]], np.mean) == (4.5, 4.5, 4.5)


def test_a_flat_list_is_one_task():
    assert bootstrap_interval([1.0, 2.0, 4.0]) == bootstrap_interval([[1.0, 2.0, 4.0]])


def test_the_interval_of_two_scores_is_known():
    # Means of two draws from 0 and 1: 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
    assert bootstrap_interval([0, 1], np.mean, confidence=0.95) == (0, 0.5, 1)
    assert bootstrap_interval([0, 1], np.mean, confidence=0.4) == (0.5, 0.5, 0.5)


def test_the_same_seed_gives_the_same_interval():
    scores = np.random.default_rng(1).standard_normal((3, 5))
    assert bootstrap_interval(scores, seed=4) == bootstrap_interval(scores, seed=4)
    assert bootstrap_interval(scores, seed=4) != bootstrap_interval(scores, seed=5)


def test_the_interval_agrees_with_the_normal_one_on_many_scores():
    scores = np.random.default_rng(2).standard_normal(400)
    interval = bootstrap_interval(scores, np.mean)
    half = 1.96 * standard_error(scores)
    assert interval.estimate == pytest.approx(scores.mean())
    assert interval.low == pytest.approx(scores.mean() - half, abs=0.01)
    assert interval.high == pytest.approx(scores.mean() + half, abs=0.01)


@pytest.mark.parametrize("scores", [[[1, 2], [3]], [1.0], [[[1, 2], [3, 4]]]])
def test_rows_without_two_seeds_are_refused(scores):
    with pytest.raises(ValueError, match="rows of at least 2 seeds, one row a task"):
        bootstrap_interval(scores)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="`scores` must hold at least one row"):
        bootstrap_interval([])


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_fraction(confidence):
    with pytest.raises(
        ValueError, match=f"`confidence` must lie between 0 and 1, got {confidence}"
    ):
        bootstrap_interval([1, 2], confidence=confidence)


def test_an_interval_of_whatever_is_computed_from_items_by_hand():
    # one item of two, drawn again: the mean of their numbers is 0, 1/2 or 1
    draws = np.random.default_rng(5).integers(2, size=(50, 2)).mean(1)
    rng = np.random.default_rng(5)
    found = resampled_interval(np.mean, [2], rng=rng, num_resamples=50, confidence=0.5)
    assert found == (*np.quantile(draws, [0.25]), 0.5, *np.quantile(draws, [0.75]))


def test_items_are_drawn_within_their_stratum():
    def statistic(drawn):
        assert ((drawn[:3] < 3) & (drawn[3:] >= 3)).all()
        return drawn.sum()

    found = resampled_interval(statistic, [3, 3], rng=np.random.default_rng(0))
    assert found.estimate == 15
    assert 9 <= found.low < 15 < found.high <= 21


def test_draws_that_say_nothing_are_left_out():
    def undefined_where_all_are_the_same(drawn):
        return np.nan if len(set(drawn)) == 1 else 1.0

    found = resampled_interval(undefined_where_all_are_the_same, [2], rng=np.random.default_rng(0))
    assert found == (1.0, 1.0, 1.0)


def test_a_profile_is_the_share_of_runs_above_each_threshold():
    # Above 0, 0.5, 1: in the first task 1, 1/2, 0 of the seeds, in the second 2/3, 1/3, 1/3.
    scores = [[0.2, 1.0], [-1.0, 0.4, 2.0]]
    profile = performance_profile(scores, [0, 0.5, 1])
    assert profile == pytest.approx([5 / 6, 5 / 12, 1 / 6])
    assert performance_profile([0.2, 1.0], 0.5).tolist() == [0.5]


def test_improvement_counts_pairs_of_seeds_and_ties_by_one_half():
    # Pairs of 1, 3 with 2, 3: lost, lost; won, tied.
    assert probability_of_improvement([1, 3], [2, 3]) == 1.5 / 4
    assert probability_of_improvement([2, 3], [1, 3]) == 2.5 / 4
    # In a second task all is won: tasks count the same, however many seeds they have.
    assert probability_of_improvement([[1, 3], [9, 9, 9]], [[2, 3], [0, 0]]) == (1.5 / 4 + 1) / 2


def test_improvement_needs_the_same_tasks():
    with pytest.raises(ValueError, match="must hold the same tasks, got 1 and 2"):
        probability_of_improvement([1, 2], [[1, 2], [3, 4]])


def test_all_ways_of_changing_sides_are_counted():
    # 1, 2 lose all four pairs to 3, 4. Of the six ways to choose two of the four runs, two are as
    # far from one half: {1, 2} and {3, 4}.
    assert improvement_p_value([1, 2], [3, 4]) == 2 / 6
    # {1, 3} with {2, 4} wins one pair of four, 1/4 from one half; only {1, 4} and {2, 3} win two.
    assert improvement_p_value([1, 3], [2, 4]) == 4 / 6


def test_tasks_change_sides_apart_from_each_other():
    # In both tasks all is lost, as far as it goes; of 6 * 6 ways two are: both lost, or both won.
    assert improvement_p_value([[1, 2], [5, 6]], [[3, 4], [7, 8]]) == 2 / 36
    # Lost in one and won in the other is one half in the mean: no way is nearer.
    assert improvement_p_value([[1, 2], [7, 8]], [[3, 4], [5, 6]]) == 1.0


def test_runs_that_are_equal_are_not_told_apart():
    assert improvement_p_value([5, 5, 5], [5, 5]) == 1.0


def test_drawn_ways_agree_with_all_ways():
    first, second = [1.0, 4.0, 6.0, 7.0], [2.0, 3.0, 5.0, 0.0]
    exact = improvement_p_value(first, second)  # of 70 ways
    assert improvement_p_value(first, second, num_draws=69) != exact
    many = [[first] * 3, [second] * 3]  # 70**3 ways are more than are drawn
    assert improvement_p_value(*many, seed=1) == improvement_p_value(*many, seed=1)
    assert improvement_p_value(*many, num_draws=9, seed=1) >= 1 / 10  # never zero
    # a single task of 4 and 4 as scipy counts it, two-sided and exact
    expected = stats.mannwhitneyu(first, second, method="exact").pvalue
    assert exact == pytest.approx(expected)
    assert improvement_p_value(first, second, num_draws=69) == pytest.approx(expected, abs=0.15)


def test_drawn_ways_agree_with_the_normal_limit_of_mann_whitney():
    rng = np.random.default_rng(3)
    first, second = rng.standard_normal(20), rng.standard_normal(20) + 0.6
    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert improvement_p_value(first, second) == pytest.approx(expected, abs=0.01)


def test_holm_multiplies_by_how_many_are_left():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, and the last is not
    # below the one before it.
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_adjusted([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert holm_adjusted([0.2]).tolist() == [0.2]


@pytest.mark.parametrize("p_values", [[0.1, 1.2], [-0.1], [[0.1]]])
def test_a_p_value_is_a_probability(p_values):
    with pytest.raises(ValueError, match=r"`p_values` must be a list of numbers in \[0, 1\]"):
        holm_adjusted(p_values)


def test_the_limits_of_a_profile_draw_seeds_within_each_task():
    # Of two draws from 0 and 1 none, one or both lie above 0.5, with probabilities 1/4, 1/2, 1/4;
    # above -1 all do, above 1 none.
    low, high = bootstrap_profile([0.0, 1.0], [-1, 0.5, 1])
    assert (low.tolist(), high.tolist()) == ([1, 0, 0], [1, 1, 0])
    low, high = bootstrap_profile([0.0, 1.0], 0.5, confidence=0.4)
    assert (low.tolist(), high.tolist()) == ([0.5], [0.5])
    # a second task without any variation halves that of the first
    low, high = bootstrap_profile([[0.0, 1.0], [9.0, 9.0]], 0.5)
    assert (low.tolist(), high.tolist()) == ([0.5], [1.0])


def test_confidence_of_a_profile_is_a_fraction():
    with pytest.raises(ValueError, match="`confidence` must lie between 0 and 1, got 95"):
        bootstrap_profile([1, 2], 0.5, confidence=95)


# Runs x tasks, and what rliable 1.2.0 itself gave for them: 20,000 draws, with its bootstrap of
# arch 8, whose seed it can no longer set by its argument.
OF_RLIABLE = np.array(
    [
        *([0.12, 0.55, 1.02], [0.31, 0.61, 0.97], [0.25, 0.47, 1.11]),
        *([0.44, 0.58, 0.88], [0.18, 0.72, 1.05]),
    ]
).T
OTHERS = np.array(
    [[0.10, 0.50, 1.02], [0.22, 0.66, 0.90], [0.25, 0.41, 0.99], [0.09, 0.44, 1.08]]
).T


def test_points_are_those_of_rliable():
    assert interquartile_mean(OF_RLIABLE) == pytest.approx(0.6144444444444445)
    assert interquartile_mean(OTHERS) == pytest.approx(0.5266666666666666)
    improvement = probability_of_improvement(OF_RLIABLE, OTHERS)
    assert improvement == pytest.approx(0.6833333333333332)
    profile = performance_profile(OF_RLIABLE, [0.0, 0.2, 0.5, 0.9, 1.02, 1.2])
    assert profile == pytest.approx([1, 13 / 15, 9 / 15, 4 / 15, 2 / 15, 0])


def test_the_band_of_a_profile_is_that_of_rliable():
    low, high = bootstrap_profile(OF_RLIABLE, [0.0, 0.2, 0.5, 0.9, 1.02, 1.2], num_resamples=20_000)
    assert low == pytest.approx([1, 11 / 15, 7 / 15, 2 / 15, 0, 0])
    assert high == pytest.approx([1, 1, 10 / 15, 5 / 15, 4 / 15, 0])


@pytest.mark.parametrize(
    ("statistic", "low", "high"),
    [(interquartile_mean, 0.56, 0.6666666666666666), (np.mean, 0.5726666666666667, 0.664)],
)
def test_stratified_intervals_are_those_of_rliable(statistic, low, high):
    found = bootstrap_interval(OF_RLIABLE, statistic, num_resamples=20_000)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.002)  # of its draws


def test_the_area_under_a_curve_is_its_mean_over_training():
    assert area_under([1.0, 2.0, 6.0]) == 3.0
    # 2 at the start, 4 half way between 2 and 6, 6 at the end: (2 + 2 + 4 + 6 + 6) / 5
    assert area_under([None, 2.0, None, 6.0, None]) == 4.0


@pytest.mark.parametrize("curve", [[], [None, None], [1.0, math.nan]])
def test_a_curve_of_which_nothing_is_known_has_no_area(curve):
    with pytest.raises(ValueError, match="`curve` must hold finite numbers, at least one"):
        area_under(curve)
