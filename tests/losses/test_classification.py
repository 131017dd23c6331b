import math

import pytest
import torch
from gradients import loss_and_gradient

from gym_rated.losses import (
    class_limits,
    class_probabilities,
    classification_loss,
    rescale,
    scaled_sharpness,
    share_limits,
)

RETURNS = [-3.0, 1.5, 0.25, 4.0, 2.0, -1.0, 3.5, 0.5]

# Loss and gradient of RETURNS with these ratings, computed by the file `reward_model.py` of the
# authors of rating-based RL (its `train_soft_reward`), where that file is right.
AUTHORS = {
    2: (
        [0, 1, 0, 1, 1, 0, 1, 0],
        0.12557438,
        [-0.2049211, -0.0072733, 0.1366775, -0.1923389, -0.0008637, 0.0008637, -1.4e-06, 0.2678571],
    ),
    3: (
        [0, 1, 0, 2, 2, 0, 2, 1],
        0.27804503,
        [
            -0.0899917,
            0.1358258,
            0.1848539,
            -0.0784402,
            -0.0702137,
            0.0107213,
            -0.0028801,
            -0.0898752,
        ],
    ),
    4: (
        [0, 2, 1, 3, 1, 0, 3, 2],
        0.74379885,
        [
            -0.2010885,
            0.0364633,
            0.0781522,
            -0.2857561,
            0.3522854,
            0.1451635,
            -0.0104239,
            -0.1147959,
        ],
    ),
    5: (
        [0, 2, 1, 4, 3, 0, 3, 2],
        0.55628008,
        [
            -0.1556171,
            0.1096104,
            0.0958053,
            -0.1725739,
            -0.0561038,
            0.1463166,
            0.0924401,
            -0.0598776,
        ],
    ),
    6: (
        [0, 2, 1, 5, 4, 0, 3, 3],
        1.18921947,
        [
            -0.1560384,
            0.1506678,
            0.1039992,
            -0.3211209,
            -0.1238999,
            0.1662606,
            0.2961206,
            -0.1159890,
        ],
    ),
}
# The same with a class that nobody was given, in the middle and at the top.
AUTHORS_WITH_EMPTY_CLASS = [
    ([0, 3, 0, 3, 2, 0, 3, 2], 0.56230432),
    ([0, 2, 1, 2, 1, 0, 2, 2], 0.93834829),
]
# The same file's losses of 32 returns, by number of classes.
MORE_RETURNS = [10 * math.sin(i * i) for i in range(32)]
AUTHORS_WITH_32 = {2: 3.6012621, 3: 5.8646655, 4: 5.7411661, 5: 7.8501720, 6: 9.1815290}


@pytest.mark.parametrize("num_classes", sorted(AUTHORS))
def test_classification_agrees_with_the_authors_file(num_classes):
    ratings, expected, expected_gradient = AUTHORS[num_classes]
    value, gradient = loss_and_gradient(
        RETURNS, lambda r: classification_loss(r, torch.tensor(ratings), num_classes)
    )
    assert value == pytest.approx(expected, abs=1e-6)
    assert gradient.tolist() == pytest.approx(expected_gradient, abs=1e-6)


@pytest.mark.parametrize("num_classes", sorted(AUTHORS_WITH_32))
def test_a_larger_batch_agrees_with_the_authors_file(num_classes):
    ratings = torch.tensor([(3 * i + i // 5) % num_classes for i in range(32)])
    loss = classification_loss(torch.tensor(MORE_RETURNS), ratings, num_classes)
    assert loss.item() == pytest.approx(AUTHORS_WITH_32[num_classes], abs=1e-6)


@pytest.mark.parametrize(("ratings", "expected"), AUTHORS_WITH_EMPTY_CLASS)
def test_an_empty_class_above_the_lowest_agrees_with_the_authors_file(ratings, expected):
    loss = classification_loss(torch.tensor(RETURNS), torch.tensor(ratings), 4)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_classification_of_three_segments_is_what_we_compute_by_hand():
    # p = 0, 1/2, 1; one of two classes each side of b_1 = sort(p)[1] = 1/2, sharpness 8:
    # Q_0 = -8 p (p - 1/2) = 0, 0, -4 and Q_1 = -8 (p - 1/2)(p - 1) = -4, 0, 0.
    expected = (2 * math.log(1 + math.exp(-4)) + math.log(2)) / 3
    loss = classification_loss(torch.tensor([5.0, 6, 7]), torch.tensor([0, 0, 1]), 2, 8.0)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_limits_leave_as_many_predicted_as_rated_segments_in_each_class():
    # Sorted p: 0, 1/4, 1/2, 1; two of class 0, one of class 1, one of class 2.
    limits = class_limits(torch.tensor([2.0, 0, 4, 1]), torch.tensor([0, 2, 0, 1]), 3)
    assert limits.tolist() == [0.25, 0.5]


def test_an_empty_lowest_class_owns_nothing():
    # D2: an index of -1 made its limit 1.0, the authors' loss of these ratings is 6.9.
    returns, ratings = torch.tensor(RETURNS), torch.tensor([1, 2, 1, 3, 2, 1, 3, 2])
    limits = class_limits(returns, ratings, 4)
    assert limits[0] == 0
    classes = class_probabilities(rescale(returns), limits).argmax(-1)
    assert 0 not in classes[returns > returns.min()]
    assert classification_loss(returns, ratings, 4).item() < math.log(4)


@pytest.mark.parametrize("level", [0.0, 7.0, -1e-3])
@pytest.mark.parametrize("num", [1, 5])
def test_equal_returns_give_a_finite_loss_and_no_gradient(num, level):
    # D1: 0/0 made it NaN.
    ratings = torch.arange(num) % 3
    value, gradient = loss_and_gradient([level] * num, lambda r: classification_loss(r, ratings, 3))
    assert value == pytest.approx(math.log(3))
    assert (gradient == 0).all()


def test_returns_that_differ_by_rounding_only_count_as_equal():
    returns = [100.0, 100.00001, 99.99999]
    value, gradient = loss_and_gradient(
        returns, lambda r: classification_loss(r, torch.tensor([0, 1, 0]), 2)
    )
    assert value == pytest.approx(math.log(2))
    assert (gradient == 0).all()


def test_a_flat_member_leaves_the_gradient_of_the_others_alone():
    ratings = torch.tensor([0, 1, 0])
    alone = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    both = torch.tensor([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]], requires_grad=True)
    classification_loss(alone, ratings, 2).sum().backward()
    classification_loss(both, ratings, 2).sum().backward()
    assert torch.equal(both.grad[0], alone.grad[0])
    assert (both.grad[1] == 0).all()


def test_returns_that_are_not_finite_do_not_pass_as_equal():
    for bad in (float("nan"), float("inf")):
        returns = torch.tensor([1.0, bad, 2.0])
        assert not classification_loss(returns, torch.tensor([0, 1, 0]), 2).isfinite()


def test_classification_ignores_scale_and_offset_of_the_reward():
    torch.manual_seed(0)
    returns, ratings = torch.randn(40, dtype=torch.float64), torch.randint(5, (40,))
    loss = classification_loss(returns, ratings, 5)
    for scale, offset in ((3.0, -7.0), (1e-6, 0.0), (1e5, 1e6)):
        other = classification_loss(scale * returns + offset, ratings, 5)
        assert other.item() == pytest.approx(loss.item(), rel=1e-6)


def test_classification_pulls_neither_at_the_offset_nor_at_the_scale():
    torch.manual_seed(1)
    returns = torch.randn(40, dtype=torch.float64, requires_grad=True)
    classification_loss(returns, torch.randint(5, (40,)), 5).backward()
    assert returns.grad.abs().max() > 1e-3
    assert returns.grad.sum().item() == pytest.approx(0, abs=1e-12)
    assert (returns.detach() @ returns.grad).item() == pytest.approx(0, abs=1e-12)


def test_the_gradient_reaches_the_smallest_and_the_largest_return():
    _, gradient = loss_and_gradient(
        [0.0, 1.0, 3.0, 4.0], lambda r: classification_loss(r, torch.tensor([0, 1, 0, 1]), 2)
    )
    assert gradient[0] != 0
    assert gradient[3] != 0


def test_limits_from_outside_replace_those_of_the_batch():
    # D8: with fixed limits a segment has the same class border in every batch.
    returns, ratings = torch.tensor([0.0, 1.0, 4.0]), torch.tensor([0, 1, 1])
    own = class_limits(returns, ratings, 2)
    assert own.tolist() == [0.0]
    at_own = classification_loss(returns, ratings, 2, boundaries=own)
    assert at_own == classification_loss(returns, ratings, 2)
    # p = 0, 1/4, 1; b_1 = 1/2, k = 30: Q_0 = 0, 1.875, -15 and Q_1 = -15, -5.625, 0.
    expected = (2 * math.log(1 + math.exp(-15)) + 7.5 + math.log(1 + math.exp(-7.5))) / 3
    fixed = classification_loss(returns, ratings, 2, boundaries=torch.tensor([0.5]))
    assert fixed.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("num_classes", [2, 3, 7, 12])
def test_any_number_of_classes_from_two_works(num_classes):
    # D3: the authors' file has one branch per number of classes, from 2 to 6.
    ratings = torch.arange(4 * num_classes) % num_classes
    good, bad = ratings.float(), -ratings.float()
    assert classification_loss(good, ratings, num_classes) < classification_loss(
        bad, ratings, num_classes
    )


def test_the_most_probable_class_is_the_interval_that_holds_the_return():
    # D5, D6: no gaps between classes, and all classes can be predicted.
    p = torch.linspace(0, 1, 401)[:-1] + 1 / 801
    classes = class_probabilities(p, torch.tensor([0.1, 0.4, 0.9])).argmax(-1)
    assert torch.equal(classes, torch.bucketize(p, torch.tensor([0.1, 0.4, 0.9])))


def test_returns_beyond_those_seen_belong_to_the_outer_classes():
    p = rescale(torch.tensor([-9.0, 9.0]), reference=torch.tensor([0.0, 1.0, 2.0]))
    assert p.tolist() == [-4.5, 4.5]
    assert class_probabilities(p, torch.tensor([0.3, 0.6])).argmax(-1).tolist() == [0, 2]


def test_a_perfect_order_costs_little_for_every_number_of_classes_with_scaled_sharpness():
    # D7: with 30 for all, a perfect order costs these.
    floors = {2: 0.055, 3: 0.164, 4: 0.314, 5: 0.471, 6: 0.619}
    for num_classes, floor in floors.items():
        returns = torch.linspace(0, 1, 200 * num_classes, dtype=torch.float64)
        ratings = torch.arange(len(returns)) // 200
        loss = classification_loss(returns, ratings, num_classes)
        assert loss.item() == pytest.approx(floor, abs=2e-3)
        scaled = classification_loss(returns, ratings, num_classes, scaled_sharpness(num_classes))
        assert scaled.item() < 0.1
    assert scaled_sharpness(2) == 30
    assert scaled_sharpness(6) == 270


def test_share_limits_are_the_shares_of_lower_ratings():
    # Of the four ratings none is below 1, two below 2 and 3, three below 4.
    limits = share_limits(torch.tensor([3, 1, -1, 1, 4]), 5)
    assert limits.tolist() == [0.0, 0.5, 0.5, 0.75]


def test_shares_as_limits_are_what_we_compute_by_hand():
    # p = 0, 1/4, 1; b_1 = 1/3, sharpness 9: Q_0 = 0, 3/16, -6 and Q_1 = -3, -9/16, 0.
    expected = (math.log(1 + math.exp(-3)) + 0.75 + math.log(1 + math.exp(-0.75))) / 3
    expected += math.log(1 + math.exp(-6)) / 3
    returns, ratings = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0, 1, 1])
    loss = classification_loss(returns, ratings, 2, 9.0, limits="share")
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    passed = classification_loss(returns, ratings, 2, 9.0, share_limits(ratings, 2))
    assert passed.item() == pytest.approx(expected, abs=1e-6)


def test_equal_returns_cost_ln_c_with_any_limits():
    ratings = torch.tensor([0, 1, 2])
    value, gradient = loss_and_gradient(
        [4.0] * 3, lambda r: classification_loss(r, ratings, 3, limits="share")
    )
    assert value == pytest.approx(math.log(3))
    assert (gradient == 0).all()


@pytest.mark.parametrize("limits", ["batch", "share"])
def test_groups_are_classified_as_if_each_were_a_batch(limits):
    torch.manual_seed(3)
    returns, ratings = torch.randn(2, 60), torch.randint(-1, 4, (60,))
    groups = torch.randint(3, (60,))
    sums, num = 0.0, 0
    for group in range(3):
        rows = (groups == group) & (ratings >= 0)
        alone = classification_loss(returns[:, rows], ratings[rows], 4, limits=limits)
        sums, num = sums + alone * rows.sum(), num + rows.sum()
    together = classification_loss(returns, ratings, 4, groups=groups * 7 - 2, limits=limits)
    assert torch.allclose(together, sums / num, atol=1e-6)


def test_a_group_of_one_class_is_left_out_of_classification():
    returns = [1.0, 2.0, 5.0, 0.0, 9.0, 3.0]
    ratings, groups = torch.tensor([0, 1, 1, 2, 2, 0]), torch.tensor([5, 5, 5, 1, 1, 4])
    value, gradient = loss_and_gradient(
        returns, lambda r: classification_loss(r, ratings, 3, groups=groups)
    )
    alone = classification_loss(torch.tensor(returns[:3]), ratings[:3], 3)
    assert value == pytest.approx(alone.item())
    assert (gradient[3:] == 0).all()


def test_a_flat_group_costs_ln_c_and_leaves_the_others_alone():
    returns = [1.0, 2.0, 5.0, 4.0, 4.0, 4.0]
    ratings, groups = torch.tensor([0, 1, 1, 0, 1, 0]), torch.tensor([0, 0, 0, 1, 1, 1])
    value, gradient = loss_and_gradient(
        returns, lambda r: classification_loss(r, ratings, 2, groups=groups)
    )
    alone, alone_gradient = loss_and_gradient(
        returns[:3], lambda r: classification_loss(r, ratings[:3], 2)
    )
    assert value == pytest.approx((alone + math.log(2)) / 2)
    assert gradient[:3].tolist() == pytest.approx((alone_gradient / 2).tolist())
    assert (gradient[3:] == 0).all()


def test_a_return_of_zero_at_the_edge_of_a_group_gets_its_whole_gradient():
    ratings, one = torch.tensor([0, 1, 2]), torch.tensor([3, 3, 3])
    for returns in ([0.0, 1.0, 4.0], [-4.0, -1.0, 0.0]):
        _, gradient = loss_and_gradient(
            returns, lambda r: classification_loss(r, ratings, 3, groups=one)
        )
        _, expected = loss_and_gradient(returns, lambda r: classification_loss(r, ratings, 3))
        assert gradient.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_a_group_that_is_not_finite_does_not_pass_as_flat():
    groups = torch.tensor([0, 0, 0, 1, 1])
    for bad in (float("nan"), float("inf")):
        returns = torch.tensor([0.0, 1.0, 2.0, bad, 1.0])
        loss = classification_loss(returns, torch.tensor([0, 1, 0, 0, 1]), 2, groups=groups)
        assert not loss.isfinite()


@pytest.mark.parametrize("limits", ["batch", "share"])
def test_a_group_of_two_has_no_gradient_and_one_of_three_only_for_its_middle(limits):
    groups = torch.tensor([0, 0, 1, 1, 1])
    _, gradient = loss_and_gradient(
        [5.0, 1.0, 0.0, 1.0, 4.0],
        lambda r: classification_loss(
            r, torch.tensor([0, 1, 0, 1, 2]), 3, groups=groups, limits=limits
        ),
    )
    assert gradient[:2].abs().max() < 1e-6
    # Scale and offset are free: moving the middle row is all that three rows can do.
    assert gradient[3] != 0
    assert gradient[2].item() == pytest.approx(-0.75 * gradient[3].item(), rel=1e-4)
    assert gradient[4].item() == pytest.approx(-0.25 * gradient[3].item(), rel=1e-4)


def test_without_a_rating_there_is_neither_loss_nor_gradient():
    ratings = torch.tensor([-1, -1])
    for groups in (None, torch.tensor([0, 0])):
        value, gradient = loss_and_gradient(
            [1.0, 2.0], lambda r, g=groups: classification_loss(r, ratings, 3, groups=g)
        )
        assert value == 0
        assert (gradient == 0).all()
