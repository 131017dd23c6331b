import math

import pytest
import torch
from gradients import loss_and_gradient

from gym_rated.losses import (
    MultitaskLoss,
    OrdinalTask,
    offset_prior,
    ordered_thresholds,
    ordinal_loss,
)
from gym_rated.losses.thresholds import GroupThresholds


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_ordinal_loss_is_what_we_compute_by_hand():
    # P(y <= c) = sigmoid(theta_c - R), with thresholds -1, 0, 2 and the returns 0, 1, -1, 3.
    probabilities = [
        sigmoid(-1.0),
        sigmoid(0 - 1.0) - sigmoid(-1 - 1.0),
        sigmoid(2 + 1.0) - sigmoid(0 + 1.0),
        1 - sigmoid(2 - 3.0),
    ]
    expected = -sum(math.log(p) for p in probabilities) / 4
    returns, ratings = torch.tensor([0.0, 1.0, -1.0, 3.0]), torch.tensor([0, 1, 2, 3])
    loss = ordinal_loss(returns, ratings, torch.tensor([-1.0, 0.0, 2.0]))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_the_classes_have_probability_one_together():
    returns = torch.linspace(-5, 5, 11, dtype=torch.float64).unsqueeze(-1)
    thresholds = torch.tensor([-2.0, -0.5, 1.5], dtype=torch.float64)
    losses = [ordinal_loss(returns, torch.tensor([c]), thresholds) for c in range(4)]
    assert torch.allclose(torch.exp(-torch.stack(losses)).sum(0), torch.ones(()).double())


@pytest.mark.parametrize("far", [30.0, 1e4])
def test_the_tails_stay_finite_and_pull_back(far):
    # Of class 1 between -1 and 1, P is about e^{1 - far} (1 - e^{-2}) far out on either side.
    ratings, thresholds = torch.tensor([1, 1, 0, 2]), torch.tensor([-1.0, 1.0])
    value, gradient = loss_and_gradient(
        [far, -far, far, -far], lambda r: ordinal_loss(r, ratings, thresholds)
    )
    inside, outside = far - 1 - math.log(1 - math.exp(-2)), far + 1
    assert value == pytest.approx((inside + outside) / 2, rel=1e-5)
    assert gradient.tolist() == pytest.approx([0.25, -0.25, 0.25, -0.25])


def test_of_a_share_of_the_ratings_nothing_is_believed():
    # one class of three at thresholds -1 and 1, a return of 2: P = 1 - sigmoid(-1)
    returns, thresholds = torch.tensor([2.0]), torch.tensor([-1.0, 1.0])
    loss = ordinal_loss(returns, torch.tensor([2]), thresholds, mistake_rate=0.3)
    assert loss.item() == pytest.approx(-math.log(0.7 * sigmoid(1) + 0.1))


def test_a_plain_mistake_pulls_less_than_a_doubtful_one():
    ratings, thresholds = torch.tensor([0, 0]), torch.tensor([-1.0, 1.0])
    pulls = []
    for rate in (0.0, 0.1):
        _, gradient = loss_and_gradient(
            [0.0, 20.0], lambda r, e=rate: ordinal_loss(r, ratings, thresholds, mistake_rate=e)
        )
        pulls.append(gradient.tolist())
    (doubtful, plain), (less_doubtful, ignored) = pulls
    assert plain > doubtful > less_doubtful > 0.2
    assert 0 <= ignored < 1e-6


def test_thresholds_of_a_class_that_nobody_uses_stay_apart_and_can_open_again():
    thresholds = GroupThresholds(4, 1, 1)
    with torch.no_grad():
        thresholds.log_spacing.fill_(-1_000.0)
        thresholds.offsets.fill_(500.0)
    rows = torch.zeros(3, dtype=torch.int64)
    found = thresholds(rows)
    assert found.diff().min().item() == pytest.approx(0.01, rel=0.01)
    ordinal_loss(torch.full((1, 3), 500.0), torch.tensor([0, 2, 3]), found).sum().backward()
    assert (thresholds.log_spacing.grad != 0).all()


def test_what_is_right_turns_a_reward_that_is_upside_down():
    loss = MultitaskLoss(("ordinal",), num_classes=3, num_members=1)
    returns = torch.tensor([[20.0, -20.0]], requires_grad=True)  # of the worst and the best
    groups = torch.zeros(2, dtype=torch.int64)
    total = loss.task_losses(returns, torch.tensor([0, 2]), torch.full((2,), 50), groups)["ordinal"]
    total.sum().backward()
    # each of two rows pulls by 1/2 with the mean; without doubt wholly, with it not at all
    assert returns.grad.tolist() == [
        [pytest.approx(0.25, abs=1e-3), pytest.approx(-0.25, abs=1e-3)]
    ]


@pytest.mark.parametrize("rate", [-0.1, 1.0, math.nan])
def test_a_share_of_mistakes_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="`mistake_rate`"):
        ordinal_loss(torch.zeros(1), torch.tensor([0]), torch.zeros(1), mistake_rate=rate)
    with pytest.raises(ValueError, match="`mistake_rate`"):
        OrdinalTask(3, 1, mistake_rate=rate)


def test_two_classes_are_logistic_regression():
    returns, ratings = torch.tensor([0.5, -2.0, 1.0]), torch.tensor([1, 0, 0])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(returns - 0.3, ratings.float())
    loss = ordinal_loss(returns, ratings, torch.full((3, 1), 0.3))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_gradient_of_the_ordinal_loss_is_right():
    torch.manual_seed(0)
    returns = torch.randn(2, 8, dtype=torch.float64, requires_grad=True)
    base = torch.randn(2, dtype=torch.float64, requires_grad=True)
    log_spacing = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    offsets = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    ratings, groups = torch.randint(-1, 5, (8,)), torch.randint(3, (8,))

    def loss(returns, base, log_spacing, offsets):
        thresholds = ordered_thresholds(base, log_spacing, offsets[..., groups])
        return ordinal_loss(returns, ratings, thresholds)

    assert torch.autograd.gradcheck(loss, (returns, base, log_spacing, offsets))


def test_returns_and_thresholds_may_move_together():
    torch.manual_seed(1)
    returns, ratings = torch.randn(2, 12), torch.randint(4, (12,))
    thresholds = torch.tensor([-1.0, 0.0, 1.0]).expand(12, 3)
    loss = ordinal_loss(returns, ratings, thresholds)
    assert torch.allclose(ordinal_loss(returns + 3, ratings, thresholds + 3), loss, atol=1e-5)


def test_each_row_has_its_own_thresholds():
    returns, ratings = torch.tensor([0.0, 0.0]), torch.tensor([0, 0])
    loss = ordinal_loss(returns, ratings, torch.tensor([[-1.0, 0.0], [1.0, 2.0]]))
    assert loss.item() == pytest.approx(-(math.log(sigmoid(-1)) + math.log(sigmoid(1))) / 2)


def test_thresholds_increase_from_a_base_and_move_by_the_offset_of_their_group():
    log_spacing = torch.tensor([0.0, math.log(3.0)])
    thresholds = ordered_thresholds(torch.tensor(-1.0), log_spacing, torch.tensor([0.0, 10.0]))
    expected = torch.tensor([[-1.0, 0.0, 3.0], [9.0, 10.0, 13.0]])
    assert torch.allclose(thresholds, expected)
    members = ordered_thresholds(torch.zeros(2), torch.zeros(2, 0), torch.tensor([[1.0], [2.0]]))
    assert members.tolist() == [[[1.0]], [[2.0]]]


def test_the_prior_of_offsets_is_that_of_a_wide_normal():
    offsets = torch.tensor([[3.0, -4.0], [0.0, 20.0]])
    assert offset_prior(offsets).tolist() == pytest.approx([25 / 200, 400 / 200])
    assert offset_prior(offsets, std=1.0).tolist() == pytest.approx([12.5, 200.0])


def test_a_row_without_rating_is_left_out_of_the_ordinal_loss():
    thresholds = torch.tensor([[-1.0, 0.0], [5.0, 6.0], [1.0, 2.0]])
    returns, ratings = torch.tensor([0.0, 9.0, 0.0]), torch.tensor([0, -1, 2])
    rows = torch.tensor([0, 2])
    loss = ordinal_loss(returns, ratings, thresholds)
    assert loss == ordinal_loss(returns[rows], ratings[rows], thresholds[rows])
    value, gradient = loss_and_gradient(
        [0.0, 9.0, 0.0], lambda r: ordinal_loss(r, torch.full((3,), -1), thresholds)
    )
    assert value == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        (torch.tensor([0.0, 0.0]), "`thresholds` must increase"),
        (torch.zeros(2, 2), r"shape \(\.\.\., 3, 2\) or \(2,\), got \(2, 2\)"),
        (torch.zeros(3, 1), r"`ratings` must lie in 0\.\.1 for 2 classes"),
    ],
)
def test_wrong_thresholds_are_refused(thresholds, message):
    with pytest.raises(ValueError, match=message):
        ordinal_loss(torch.zeros(3), torch.tensor([0, 1, 2]), thresholds)


def test_a_prior_without_width_is_refused():
    with pytest.raises(ValueError, match=r"`std` must be above 0, got 0\.0"):
        offset_prior(torch.zeros(2), 0.0)
