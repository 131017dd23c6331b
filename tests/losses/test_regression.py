import math

import pytest
import torch
from gradients import loss_and_gradient

from gym_rated.losses import rating_targets, regression_loss, score_loss, score_targets


def test_regression_is_the_mean_squared_difference():
    value, gradient = loss_and_gradient(
        [1.0, 4.0], lambda r: regression_loss(r, torch.tensor([0.0, 2.0]))
    )
    assert value == (1 + 4) / 2
    assert gradient.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("linear", [0.0, 2.5, 1.0]),  # (T / 10) y / 4
        ("log_k", [0.0, math.log(201), math.log(81)]),  # with alpha 2: log(1 + 2 T y)
        ("log_literal", [0.0, math.log(1 + 2 * 50 * 51 * 2), math.log(1 + 2 * 10 * 11 * 4)]),
        ("log", [0.0, math.log(5), math.log(9)]),
    ],
)
def test_targets_follow_their_formula(form, expected):
    ratings, lengths = torch.tensor([0, 2, 4]), torch.tensor([50, 50, 10])
    targets = rating_targets(ratings, 5, lengths, form, alpha=2.0)
    assert targets.dtype == torch.float32
    assert targets.tolist() == pytest.approx(expected)


def test_within_groups_only_differences_are_regressed():
    # Group 3: returns 1, 5 less their mean -2, 2; targets 0, 2 less theirs -1, 1: errors -1, 1.
    # Group 8: 0, 0, 3 -> -1, -1, 2; 7, 4, 4 -> 2, -1, -1: errors -3, 0, 3. The last row is alone.
    returns = [1.0, 0.0, 0.0, 5.0, 3.0, 9.0]
    targets = torch.tensor([0.0, 7.0, 4.0, 2.0, 4.0, -5.0])
    groups = torch.tensor([3, 8, 8, 3, 8, 1])
    value, gradient = loss_and_gradient(returns, lambda r: regression_loss(r, targets, groups))
    assert value == pytest.approx((1 + 1 + 9 + 0 + 9) / 5)
    assert gradient.tolist() == pytest.approx([-0.4, -1.2, 0.0, 0.4, 1.2, 0.0], abs=1e-6)


def test_a_row_without_target_does_not_shift_the_mean_of_its_group():
    returns, groups = torch.tensor([1.0, 100.0, 5.0]), torch.tensor([0, 0, 0])
    loss = regression_loss(returns, torch.tensor([0.0, torch.nan, 2.0]), groups)
    assert loss.item() == 1.0


@pytest.mark.parametrize("groups", [None, torch.tensor([0, 1])])
def test_without_a_target_there_is_neither_loss_nor_gradient(groups):
    targets = torch.tensor([torch.nan, 1.0 if groups is not None else torch.nan])
    value, gradient = loss_and_gradient([1.0, 2.0], lambda r: regression_loss(r, targets, groups))
    assert value == 0
    assert (gradient == 0).all()


def test_a_segment_without_rating_has_no_target():
    for form in ("linear", "log_k", "log_literal", "log"):
        targets = rating_targets(torch.tensor([-1, 0]), 5, torch.tensor([50, 50]), form)
        assert targets.isnan().tolist() == [True, False]


def test_a_score_wants_what_the_rating_in_its_place_wants():
    lengths = torch.tensor([50, 10, 50, 50, 20])
    targets = score_targets(torch.tensor([0.0, 0.25, 0.5, 1.0, torch.nan]), lengths)
    assert targets[:4].tolist() == pytest.approx([0.0, 0.25, 2.5, 5.0])
    assert torch.equal(
        targets[:4], rating_targets(torch.tensor([0, 1, 2, 4]), 5, lengths[:4], "linear")
    )
    assert targets[4].isnan()


def test_scores_are_regressed_where_there_are_any():
    # Wanted are 5 and 2.5; within the group 1.25 and -1.25, against returns 2 and -2.
    scores, lengths = torch.tensor([1.0, torch.nan, 0.5]), torch.tensor([50, 50, 50])
    returns = torch.tensor([7.0, 40.0, 3.0])
    assert score_loss(returns, scores, lengths).item() == pytest.approx((4 + 0.25) / 2)
    grouped = score_loss(returns, scores, lengths, torch.tensor([2, 2, 2]))
    assert grouped.item() == pytest.approx(0.75**2)


@pytest.mark.parametrize("bad", [-0.1, 1.5])
def test_a_score_out_of_range_is_refused(bad):
    scores = torch.tensor([0.5, torch.nan, bad])
    with pytest.raises(
        ValueError, match=r"`scores` must lie in 0\.\.1 or be NaN, got .*" + str(bad)
    ):
        score_loss(torch.zeros(3), scores, torch.ones(3))
