import math

import pytest
import torch

from gym_rated.losses import (
    class_limits,
    class_probabilities,
    classification_loss,
    pairwise_loss,
    rating_targets,
    regression_loss,
    rescale,
    scaled_sharpness,
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


def loss_and_gradient(returns, loss):
    returns = torch.tensor(returns, requires_grad=True)
    value = loss(returns)
    (gradient,) = torch.autograd.grad(value, returns)
    return value.item(), gradient


@pytest.mark.parametrize("num_classes", sorted(AUTHORS))
def test_classification_agrees_with_the_authors_file(num_classes):
    ratings, expected, expected_gradient = AUTHORS[num_classes]
    value, gradient = loss_and_gradient(
        RETURNS, lambda r: classification_loss(r, torch.tensor(ratings), num_classes)
    )
    assert value == pytest.approx(expected, abs=1e-6)
    assert gradient.tolist() == pytest.approx(expected_gradient, abs=1e-6)


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


def test_members_get_the_losses_they_would_get_alone():
    torch.manual_seed(2)
    returns, ratings = torch.randn(2, 3, 20), torch.randint(4, (20,))
    groups = torch.randint(2, (20,))
    targets = rating_targets(ratings, 4, torch.full((20,), 50))
    for loss in (
        lambda r: classification_loss(r, ratings, 4),
        lambda r: regression_loss(r, targets),
        lambda r: pairwise_loss(r, ratings, groups, trim=0.1),
    ):
        together = loss(returns)
        assert together.shape == (2, 3)
        assert torch.allclose(together[1, 2], loss(returns[1, 2]))


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


def test_pairs_are_weighted_as_we_compute_by_hand():
    # Best over worst: difference 2, weight 1; two neighbouring pairs: difference 1, weight 0.2.
    expected = (0.1269280 + 0.4 * 0.3132617) / 1.4
    loss = pairwise_loss(torch.tensor([2.0, 0.0, 1.0]), torch.tensor([2, 0, 1]))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_a_single_neighbouring_pair_keeps_its_small_weight():
    loss = pairwise_loss(torch.tensor([2.0, 0.0]), torch.tensor([1, 0]))
    assert loss.item() == pytest.approx(0.2 * 0.1269280, abs=1e-6)


def test_pairs_are_formed_within_a_group_only():
    returns, ratings = torch.tensor([2.0, 0.0, 9.0]), torch.tensor([0, 2, 4])
    value, gradient = loss_and_gradient(
        returns.tolist(), lambda r: pairwise_loss(r, ratings, torch.tensor([7, 7, 3]))
    )
    assert value == pytest.approx(2.1269280, abs=1e-6)  # softplus(2)
    assert gradient[2] == 0


@pytest.mark.parametrize(
    ("ratings", "groups"), [([1, 1, 1], [0, 0, 0]), ([0, 1, 2], [0, 1, 2]), ([3], [0])]
)
@pytest.mark.parametrize("trim", [0.0, 0.5])
def test_without_a_pair_there_is_neither_loss_nor_gradient(ratings, groups, trim):
    value, gradient = loss_and_gradient(
        [1.0, 2.0, 3.0][: len(ratings)],
        lambda r: pairwise_loss(r, torch.tensor(ratings), torch.tensor(groups), trim=trim),
    )
    assert value == 0
    assert (gradient == 0).all()


def test_trimming_drops_the_pairs_with_the_highest_loss_of_each_member():
    # Differences -5, -2 and 3 of the first member, its worst pair goes; 5, 7 and 2 of the second.
    returns = torch.tensor([[5.0, 0.0, 3.0], [0.0, 5.0, 7.0]])
    loss = pairwise_loss(returns, torch.tensor([0, 2, 4]), trim=0.34)
    expected = [(2.1269280 + 0.0485873) / 2, (0.0067153 + 0.0009115) / 2]
    assert loss.tolist() == pytest.approx(expected, abs=1e-6)


def test_temperature_divides_the_differences():
    ratings = torch.tensor([2, 0])
    warm = pairwise_loss(torch.tensor([4.0, 0.0]), ratings, temperature=2.0)
    assert warm == pairwise_loss(torch.tensor([2.0, 0.0]), ratings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r, y: classification_loss(r, y[:2], 3), "one entry for each"),
        (lambda r, y: classification_loss(r[:0], y[:0], 3), "one entry for each"),
        (lambda r, y: classification_loss(r, y, 2), r"must lie in 0\.\.1 .* got 0\.\.2"),
        (
            lambda r, y: classification_loss(r, y - 2, 3),
            r"or be -1 where there is none, got -2\.\.0",
        ),
        (lambda r, y: classification_loss(r, y * 0, 1), "`num_classes` must be at least 2, got 1"),
        (lambda r, y: classification_loss(r, y, 3, 0.0), "`sharpness` must be above 0, got 0.0"),
        (
            lambda r, y: classification_loss(r, y, 3, boundaries=torch.zeros(3)),
            "`boundaries` must hold the 2 interior limits",
        ),
        (lambda r, y: regression_loss(r, y[None]), "`targets` must have one entry"),
        (lambda r, y: rating_targets(y, 3, r, "square"), "linear, log_k, .* got 'square'"),
        (lambda r, y: rating_targets(y, 3, r, alpha=0.0), "`alpha` must be above 0, got 0.0"),
        (lambda r, y: pairwise_loss(r, y, trim=1.0), "`trim` in"),
        (lambda r, y: pairwise_loss(r, y, y[:2]), "`groups` must have one entry"),
    ],
)
def test_wrong_arguments_are_refused_with_their_values(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 2]))
