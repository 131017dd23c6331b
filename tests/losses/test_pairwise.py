import pytest
import torch
from gradients import loss_and_gradient

from gym_rated.losses import pairwise_loss


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


def test_comparisons_alone_teach_pairs():
    # softplus(-2) of row 0 over row 1, softplus(1) of row 2, which returns 1 less than row 0.
    comparisons = torch.tensor([[0, 1], [2, 0]])
    value, gradient = loss_and_gradient(
        [2.0, 0.0, 1.0], lambda r: pairwise_loss(r, comparisons=comparisons)
    )
    assert value == pytest.approx((0.1269280 + 1.3132617) / 2, abs=1e-6)
    # -sigmoid(-2) / 2 and sigmoid(1) / 2
    assert gradient[1:].tolist() == pytest.approx([0.0596015, -0.3655293], abs=1e-6)
    assert gradient.sum().item() == pytest.approx(0, abs=1e-6)


def test_comparisons_join_the_pairs_of_ratings_with_weight_one():
    # Rated: row 1 over row 0 by one class, weight 0.2, softplus(2). Compared: row 2 over row 0,
    # softplus(1); row 2 has no rating, and is of another group.
    returns, ratings = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([1, 2, -1])
    groups, comparisons = torch.tensor([0, 0, 1]), torch.tensor([[2, 0]])
    loss = pairwise_loss(returns, ratings, groups, comparisons=comparisons)
    assert loss.item() == pytest.approx((0.2 * 2.1269280 + 1.3132617) / 1.2, abs=1e-6)


def test_a_row_without_rating_makes_no_pair():
    returns, ratings = torch.tensor([5.0, 2.0, 0.0]), torch.tensor([-1, 2, 0])
    assert pairwise_loss(returns, ratings) == pairwise_loss(returns[1:], ratings[1:])


def test_no_comparisons_change_nothing():
    torch.manual_seed(4)
    returns, ratings = torch.randn(3, 30), torch.randint(5, (30,))
    none = torch.zeros(0, 2, dtype=torch.int64)
    without = pairwise_loss(returns, ratings, trim=0.1)
    assert torch.equal(pairwise_loss(returns, ratings, trim=0.1, comparisons=none), without)
    assert pairwise_loss(returns, comparisons=none).tolist() == [0.0, 0.0, 0.0]


def test_trimming_may_drop_a_comparison():
    # Of three pairs the comparison, whose loss is softplus(5), is the worst.
    returns, ratings = torch.tensor([0.0, 2.0, 5.0]), torch.tensor([0, 2, -1])
    comparisons = torch.tensor([[0, 2], [2, 1]])
    loss = pairwise_loss(returns, ratings, comparisons=comparisons, trim=0.34)
    assert loss.item() == pytest.approx((0.1269280 + 0.0485873) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("comparisons", "message"),
    [
        (None, "`ratings` or `comparisons` must be given"),
        (torch.tensor([0, 1]), r"`comparisons` must have shape \(K, 2\), .* got \(2,\)"),
        (torch.tensor([[0, 3]]), r"`comparisons` must name rows 0\.\.2, got 0\.\.3"),
        (torch.tensor([[-1, 1]]), r"`comparisons` must name rows 0\.\.2, got -1\.\.1"),
    ],
)
def test_wrong_comparisons_are_refused(comparisons, message):
    with pytest.raises(ValueError, match=message):
        pairwise_loss(torch.zeros(3), comparisons=comparisons)
