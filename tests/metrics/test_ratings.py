import math

import numpy as np
import pytest

from gym_rated.metrics import (
    accuracy,
    confidence_bins,
    expected_calibration_error,
    pair_accuracy,
    quadratic_weighted_kappa,
    spearman,
)


def test_spearman_counts_ranks():
    # Rank differences 0, 1, -1, 0: 1 - 6 * 2 / (4 * 15)
    assert spearman([1.0, 20.0, 3.0, 400.0], [0, 1, 2, 3]) == pytest.approx(0.8)
    assert spearman([3.0, 2.0, 1.0], [0, 1, 2]) == pytest.approx(-1)


def test_spearman_within_groups_compares_no_ranks_across_them():
    predictions, ratings = [1.0, 2.0, 11.0, 12.0, 50.0], [3, 4, 0, 1, 0]
    assert spearman(predictions, ratings) < 0
    assert spearman(predictions, ratings, [7, 7, 2, 2, 5]) == pytest.approx(1)
    # ranks around the mean, by size: (-1/3, 0, 1/3, -1/4, 1/4) and (1/3, -1/3, 0, -1/4, 1/4)
    expected = (-1 / 9 + 1 / 8) / (2 / 9 + 1 / 8)
    found = spearman([1, 2, 3, 8, 9], [2, 0, 1, 0, 4], [0, 0, 0, 1, 1])
    assert found == pytest.approx(expected)
    assert math.isnan(spearman([1, 2], [0, 1], [0, 1]))


def test_spearman_gives_ties_their_mean_rank():
    # Ranks 1, 2, 3 against 1.5, 1.5, 3: 1.5 / sqrt(2 * 1.5)
    assert spearman([1.0, 2.0, 3.0], [0, 0, 1]) == pytest.approx(1.5 / math.sqrt(3))


@pytest.mark.parametrize(
    ("predictions", "ratings"),
    [([1.0, 1.0], [0, 1]), ([1.0, 2.0], [3, 3]), ([1.0], [1]), ([], []), ([np.nan, 1.0], [0, 1])],
)
def test_spearman_is_nan_without_a_warning_where_nothing_can_be_said(predictions, ratings):
    assert math.isnan(spearman(predictions, ratings))


def test_accuracy_is_the_fraction_that_agrees():
    assert accuracy([0, 2, 1, 1], [0, 2, 2, 1]) == 0.75
    assert math.isnan(accuracy([], []))


def test_kappa_of_four_segments_is_what_we_compute_by_hand():
    # Off by 0, 1, 0 and 1 classes: (1 + 1) / 4. By chance, with predicted counts 2, 1, 1 and rated
    # counts 1, 1, 2: (2 (1*0 + 1*1 + 2*4) + 1 (1*1 + 1*0 + 2*1) + 1 (1*4 + 1*1 + 2*0)) / 16.
    expected = 1 - 0.5 / ((18 + 3 + 5) / 16)
    assert quadratic_weighted_kappa([0, 1, 2, 0], [0, 2, 2, 1], 3) == pytest.approx(expected)


def test_kappa_knows_perfect_agreement_chance_and_opposition():
    assert quadratic_weighted_kappa([0, 1, 2], [0, 1, 2], 3) == 1
    assert quadratic_weighted_kappa([1, 1, 1, 1], [0, 1, 2, 1], 3) == 0  # the same answer always
    assert quadratic_weighted_kappa([2, 1, 0], [0, 1, 2], 3) == pytest.approx(-1)


def test_kappa_is_one_minus_observed_by_expected_squared_distance():
    # observed: one of four is one class off, 1/4. Expected from the shares (2, 1, 1)/4 and
    # (1, 2, 1)/4: 0.25 + 4 * 0.125 + 0.0625 + 0.0625 + 4 * 0.0625 + 0.125 = 1.25.
    expected = 1 - 0.25 / 1.25
    assert quadratic_weighted_kappa([0, 0, 1, 2], [0, 1, 1, 2], 3) == pytest.approx(expected)


def test_kappa_punishes_far_errors_more():
    near = quadratic_weighted_kappa([0, 1, 2, 3, 2], [0, 1, 2, 3, 3], 4)
    far = quadratic_weighted_kappa([0, 1, 2, 3, 0], [0, 1, 2, 3, 3], 4)
    assert near > far


def test_kappa_is_nan_where_both_sides_name_one_class():
    assert math.isnan(quadratic_weighted_kappa([1, 1], [1, 1], 3))
    assert math.isnan(quadratic_weighted_kappa([], [], 3))


def test_always_the_worst_class_does_not_pass_as_good():
    # D6: with an argmax over one column everything was class 0, and most early ratings are 0.
    ratings = [0] * 8 + [1, 2]
    assert accuracy([0] * 10, ratings) == 0.8
    assert quadratic_weighted_kappa([0] * 10, ratings, 3) == pytest.approx(0)


def test_pairs_are_compared_within_a_group_only():
    predictions, ratings = [1.0, 2.0, 0.5, 0.1], [0, 1, 1, 2]
    # Pairs (1>0) right, (2>0) wrong, (3>0), (3>1) and (3>2) wrong.
    assert pair_accuracy(predictions, ratings) == pytest.approx(1 / 5)
    assert pair_accuracy(predictions, ratings, [7, 7, 3, 3]) == 0.5
    assert math.isnan(pair_accuracy(predictions, ratings, [0, 1, 2, 3]))


def test_equal_predictions_count_one_half():
    assert pair_accuracy([1.0, 1.0], [0, 1]) == 0.5


@pytest.mark.parametrize("metric", [spearman, accuracy, pair_accuracy])
def test_different_lengths_are_refused(metric):
    with pytest.raises(ValueError, match=r"same shape \(B,\), got \(2,\) and \(3,\)"):
        metric([1, 2], [1, 2, 3])


def test_classes_out_of_range_are_refused():
    with pytest.raises(ValueError, match="classes 0 to 2, got 0 to 3"):
        quadratic_weighted_kappa([0, 3], [0, 1], 3)


def test_calibration_error_weighs_the_gap_of_each_bin_by_its_predictions():
    probabilities = [[0.9, 0.1], [0.05, 0.95], [0.6, 0.4], [0.45, 0.55]]
    # (0.9, 1]: confidence 0.95, right. (0.8, 0.9]: 0.9, wrong. (0.5, 0.6]: 0.6 right, 0.55 wrong.
    gaps = [abs(1 - 0.95), abs(0 - 0.9), abs(1 - 0.6 - 0.55)]
    error = expected_calibration_error(probabilities, [1, 1, 0, 0])
    assert error == pytest.approx(sum(gaps) / 4)


def test_calibration_error_of_certain_and_right_predictions_is_zero():
    assert expected_calibration_error([[1, 0], [0, 1]], [0, 1]) == 0
    assert expected_calibration_error([[1, 0], [0, 1]], [1, 0]) == 1
    assert math.isnan(expected_calibration_error(np.zeros((0, 2)), []))


def test_bins_hold_their_upper_limit():
    assert confidence_bins([0.0, 0.5, 0.51, 1.0], 2).tolist() == [0, 0, 1, 1]


def test_what_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match="rows of probabilities that sum to 1"):
        expected_calibration_error([[0.5, 0.6]], [0])
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(2,\)"):
        expected_calibration_error([[0.5, 0.5]], [0, 1])
