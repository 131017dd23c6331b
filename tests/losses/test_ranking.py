import itertools

import numpy as np
import pytest
import torch
from gradients import loss_and_gradient

from gym_rated.losses import (
    draw_one_per_class,
    out_of_distribution_loss,
    ranking_loss,
    soft_ranks,
)


def rank(returns, ratings, num_classes, groups=None, seed=0, **options):
    rng = np.random.default_rng(seed)
    return ranking_loss(returns, ratings, num_classes, groups, rng=rng, **options)


@pytest.mark.parametrize(
    ("values", "regularization", "expected"),
    [
        # Less the ranks 1, 2: -1, -1.5, pooled to -1.25.
        ([0.0, 0.5], 1.0, [1.25, 1.75]),
        # Sorted 0, 0.4, 3, less 1, 2, 3: -1, -1.6, 0; the first two are pooled to -1.3.
        ([0.0, 3.0, 0.4], 1.0, [1.3, 3.0, 1.7]),
        # All pooled: the middle rank 2, and the differences from the mean 5 by 10.
        ([5.0, 1.0, 9.0], 10.0, [2.0, 1.6, 2.4]),
        # At least 1 apart, and as far as one likes.
        ([7.0, -90.0, 6.0, 5.0], 1.0, [4.0, 1.0, 3.0, 2.0]),
        ([3.0], 1.0, [1.0]),
        ([2.0, 2.0], 1.0, [1.5, 1.5]),
    ],
)
def test_soft_ranks_are_what_we_compute_by_hand(values, regularization, expected):
    ranks = soft_ranks(torch.tensor(values), regularization)
    assert ranks.tolist() == pytest.approx(expected, abs=1e-5)


def test_soft_ranks_become_hard_with_little_regularization():
    torch.manual_seed(0)
    values = torch.randn(50, 9, dtype=torch.float64)
    hard = values.argsort(-1).argsort(-1).double() + 1
    assert torch.allclose(soft_ranks(values, 1e-6), hard, atol=1e-6)
    assert not torch.allclose(soft_ranks(values, 1.0), hard, atol=0.1)


def test_soft_ranks_are_the_nearest_point_of_the_permutahedron():
    # Blondel et al., proposition 3, in our order: by the first-order condition of a projection.
    torch.manual_seed(1)
    values = torch.randn(20, 5, dtype=torch.float64)
    ranks = soft_ranks(values, 0.5)
    corners = torch.tensor(list(itertools.permutations([1.0, 2, 3, 4, 5])), dtype=torch.float64)
    ascent = ((values / 0.5 - ranks).unsqueeze(1) * (corners - ranks.unsqueeze(1))).sum(-1)
    assert ascent.max().item() < 1e-9
    assert torch.allclose(ranks.sum(-1), torch.tensor(15.0, dtype=torch.float64))


def test_the_gradient_of_soft_ranks_is_right():
    torch.manual_seed(2)
    values = torch.randn(3, 2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: soft_ranks(v, 0.7), values)


def test_ranks_are_regressed_as_we_compute_by_hand():
    # One segment a class, so all draws are alike. Ranks 1.3, 3, 1.7 where 1, 2, 3 are wanted.
    returns, ratings = [0.0, 3.0, 0.4], torch.tensor([0, 1, 2])
    value, gradient = loss_and_gradient(returns, lambda r: rank(r, ratings, 3))
    assert value == pytest.approx((0.09 + 1 + 1.69) / 3, abs=1e-5)
    # The far one is stuck; of the pooled pair each rank moves by half, against the other's.
    slope = 2 / 3 * (0.3 * 0.5 + 1.3 * 0.5)
    assert gradient.tolist() == pytest.approx([slope, 0.0, -slope], abs=1e-5)


def test_the_right_order_one_apart_costs_nothing_with_any_regularization():
    returns, ratings = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([2, 0, 1])
    for regularization in (0.1, 1.0, 7.0):
        loss = rank(returns, ratings, 3, regularization=regularization)
        assert loss.item() == pytest.approx(0, abs=1e-6)


def test_a_wrong_order_is_stuck_where_returns_are_further_apart_than_the_regularization():
    ratings = torch.tensor([1, 0])
    value, gradient = loss_and_gradient([0.0, 5.0], lambda r: rank(r, ratings, 2))
    assert value == pytest.approx(1.0, abs=1e-5)
    assert (gradient == 0).all()
    _, gradient = loss_and_gradient([0.0, 5.0], lambda r: rank(r, ratings, 2, regularization=10.0))
    assert gradient[0] < 0 < gradient[1]


def test_classes_that_nobody_was_given_take_no_rank():
    returns, ratings = torch.tensor([0.0, 3.0, 0.4]), torch.tensor([1, 4, 7])
    for options in ({}, {"regularization": 5.0}):
        sparse = rank(returns, ratings, 9, **options)
        dense = rank(returns, torch.tensor([0, 1, 2]), 3, **options)
        assert sparse.item() == pytest.approx(dense.item(), abs=1e-5)


def test_a_draw_takes_one_row_of_every_class_and_of_one_group():
    torch.manual_seed(5)
    ratings, groups = torch.randint(-1, 4, (40,)), torch.randint(3, (40,))
    rng = np.random.default_rng(0)
    rows, present = draw_one_per_class(ratings, 4, groups, 200, rng)
    assert rows.shape == present.shape == (200, 4)
    for row, has in zip(rows, present, strict=True):
        assert torch.equal(ratings[row[has]], torch.arange(4)[has])
        assert len(groups[row[has]].unique()) == 1
        own = groups[row[has]][0]
        assert set(ratings[(groups == own) & (ratings >= 0)].tolist()) == set(
            torch.arange(4)[has].tolist()
        )
    assert set(groups[rows[:, 0]].tolist()) == {0, 1, 2}


def test_all_rows_of_a_class_are_drawn_alike():
    ratings = torch.tensor([0, 1, 1, 1, 1, -1])
    rows, _ = draw_one_per_class(ratings, 2, None, 4000, np.random.default_rng(0))
    shares = rows[:, 1].bincount(minlength=6) / 4000
    assert shares[[0, 5]].tolist() == [0, 0]
    assert shares[1:5].tolist() == pytest.approx([0.25] * 4, abs=0.03)


def test_the_same_seed_draws_the_same_and_members_share_the_draws():
    torch.manual_seed(6)
    returns, ratings = torch.randn(40).expand(2, 40), torch.randint(5, (40,))
    first, same, other = (rank(returns, ratings, 5, seed=seed, num_draws=8) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert first[0] == first[1]
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("ratings", "groups"), [([1, 1, -1], None), ([0, 1, 2], [0, 1, 2]), ([-1, -1, -1], [0, 0, 0])]
)
def test_without_two_classes_there_is_nothing_to_rank(ratings, groups):
    groups = None if groups is None else torch.tensor(groups)
    value, gradient = loss_and_gradient(
        [1.0, 2.0, 3.0], lambda r: rank(r, torch.tensor(ratings), 3, groups)
    )
    assert value == 0
    assert (gradient == 0).all()


def test_steps_out_of_distribution_are_pushed_below_rated_ones():
    rated = torch.tensor([[0.5, 0.7], [0.0, 0.0]], requires_grad=True)
    random = torch.tensor([[0.9, 0.1, 0.2], [0.3, 0.3, 0.3]], requires_grad=True)
    loss = out_of_distribution_loss(rated, random)
    assert loss.tolist() == pytest.approx([0.1 * (0.4 - 0.6), 0.1 * 0.3])
    loss.sum().backward()
    assert rated.grad[0].tolist() == pytest.approx([-0.05, -0.05])
    assert random.grad[1].tolist() == pytest.approx([0.1 / 3] * 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r, y: rank(r, y, 3, regularization=0.0), "`regularization` must be above 0"),
        (lambda r, y: rank(r, y, 3, num_draws=0), "`num_draws` must be at least 1, got 0"),
        (lambda r, y: rank(r, y, 3, y[:1]), "`groups` must have one entry"),
        (lambda r, y: out_of_distribution_loss(r, r[:0]), r"at least one step, got .* \(0,\)"),
        (lambda r, y: out_of_distribution_loss(r, r, -1.0), "`coefficient` must be at least 0"),
    ],
)
def test_wrong_arguments_of_ranking_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 2]))
