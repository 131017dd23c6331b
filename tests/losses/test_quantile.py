"""Ratings by rank among all that a rater had seen so far."""

import math

import pytest
import torch
from rated_segments import make_segments, true_returns
from torch import Tensor

from gym_rated.fitting import RewardLearner
from gym_rated.losses import MultitaskLoss, quantile_loss, seen_limits
from gym_rated.losses.groups import seen_before
from gym_rated.metrics import spearman
from gym_rated.raters import SyntheticRater
from gym_rated.ratings import RatingDataset
from gym_rated.reward_model import RewardEnsemble


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("mistake_rate", [0.0, 0.1])
def test_quantile_loss_is_what_we_compute_by_hand(mistake_rate: float) -> None:
    # Two returns of -1 and 1 about their mean: the limit between two classes is 0 by symmetry.
    believed = (1 - mistake_rate) * sigmoid(1.0) + mistake_rate / 2
    loss = quantile_loss(
        torch.tensor([4.0, 6.0]), torch.tensor([0, 1]), 2, mistake_rate=mistake_rate
    )
    assert loss.item() == pytest.approx(-math.log(believed), abs=1e-6)


def test_limits_leave_to_each_class_its_share_of_what_was_seen() -> None:
    torch.manual_seed(0)
    returns = 5 * torch.randn(2, 20, dtype=torch.float64)
    seen = torch.ones(3, 20, dtype=torch.bool)
    seen[0, 5:] = False
    seen[1, 12:] = False
    limits = seen_limits(returns, seen, 5)
    assert (limits.diff(dim=-1) > 0).all()
    for group, num in enumerate((5, 12, 20)):
        for c in range(4):
            below = torch.sigmoid(limits[:, group, c, None] - returns[:, :num]).sum(-1)
            assert below.tolist() == pytest.approx([num * (c + 1) / 5] * 2, abs=1e-2)


@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e3])
def test_limits_are_found_whatever_the_scale_of_returns(spread: float) -> None:
    returns = spread * torch.linspace(-1, 1, 40, dtype=torch.float64)
    limits = seen_limits(returns, torch.ones(1, 40, dtype=torch.bool), 4)[0]
    below = torch.sigmoid(limits[:, None] - returns).sum(-1)
    assert below.tolist() == pytest.approx([10, 20, 30], abs=0.5)


def test_the_loss_does_not_change_when_all_returns_are_shifted() -> None:
    returns = torch.tensor([0.0, 2.0, -1.0, 3.0], dtype=torch.float64, requires_grad=True)
    ratings, groups = torch.tensor([1, 2, 0, 2]), torch.tensor([0, 0, 1, 1])
    loss = quantile_loss(returns, ratings, 3, groups)
    (gradient,) = torch.autograd.grad(loss, returns)
    assert gradient.sum().item() == pytest.approx(0, abs=1e-12)
    shifted = quantile_loss(returns + 7, ratings, 3, groups)
    assert shifted.item() == pytest.approx(loss.item(), abs=1e-9)


def test_a_rating_is_judged_by_what_was_seen_until_then() -> None:
    # The best of the first round is called great; the worst of the second round is far better, and
    # was called bad by who had seen better ones by then.
    returns = torch.tensor([0.0, 1.0, 5.0, 9.0, 9.0, 9.0])
    ratings = torch.tensor([0, 1, 0, 1, 1, 1])
    in_order = quantile_loss(returns, ratings, 2, torch.tensor([0, 0, 1, 1, 1, 1]))
    at_once = quantile_loss(returns, ratings, 2)
    assert in_order < at_once - 0.1


def test_one_rater_has_not_seen_what_another_saw() -> None:
    ann, bob = 0, 1
    groups, rounds_of = torch.arange(4), torch.tensor([(ann, 0), (bob, 0), (ann, 2), (bob, 1)])
    assert seen_before(groups, rounds_of).int().tolist() == [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [1, 0, 1, 0],
        [0, 1, 0, 1],
    ]


def test_rounds_count_in_their_order_and_not_in_that_of_their_numbers() -> None:
    seen = seen_before(torch.tensor([0, 1]), torch.tensor([(0, 4), (0, 1)]))
    assert seen.tolist() == [[True, True], [False, True]]


def test_rows_without_a_rating_are_left_out() -> None:
    returns, ratings = torch.tensor([0.0, 2.0, 50.0]), torch.tensor([0, 1, -1])
    with_it, without = (
        quantile_loss(returns, ratings, 2),
        quantile_loss(returns[:2], ratings[:2], 2),
    )
    assert with_it.item() == pytest.approx(without.item())
    nothing = quantile_loss(returns, torch.full((3,), -1), 2)
    assert nothing.item() == 0


@pytest.mark.parametrize("far", [1e2, 1e6])
def test_a_mistake_far_out_stays_finite_and_hardly_pulls(far: float) -> None:
    returns = torch.tensor([0.0, 1.0, far], requires_grad=True)
    loss = quantile_loss(returns, torch.tensor([0, 1, 0]), 2)
    (gradient,) = torch.autograd.grad(loss, returns)
    assert math.isfinite(loss.item())
    assert gradient.abs().max() < 0.5


@pytest.mark.parametrize("mistake_rate", [-0.1, 1.0, math.nan])
def test_a_rate_that_is_none_is_refused(mistake_rate: float) -> None:
    with pytest.raises(ValueError, match="`mistake_rate` must"):
        quantile_loss(torch.zeros(2), torch.tensor([0, 1]), 2, mistake_rate=mistake_rate)


def fitted_order(task: str) -> float:
    """Rate growing returns round by round, once; returns how well all of them are ordered."""
    data = RatingDataset(3, 2, 4)
    rater = SyntheticRater(4, regrade=False)
    rounds = []
    for round_ in range(4):
        segments = make_segments(30, round=round_, seed=round_)
        for segment in segments:
            segment.obs[:] += round_
            segment.true_rewards[:] += round_
        rounds += segments
        rater.submit(segments)
        data.add(segments)
        data.update(rater.collect())
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    loss = MultitaskLoss((task,), num_classes=4, segment_length=10)
    RewardLearner(model, loss, first_steps=300, batch_size=120).fit(data)
    returns: Tensor = torch.from_numpy(model.returns(rounds)).mean(0)
    return spearman(returns.numpy(), true_returns(rounds))


def test_ratings_of_rising_standards_order_segments_of_all_rounds() -> None:
    assert fitted_order("quantile") > 0.95
