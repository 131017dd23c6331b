"""What all losses have in common; each one's own numbers are in test_losses_TASK.py."""

import numpy as np
import pytest
import torch

from gym_rated.losses import (
    MultitaskLoss,
    classification_loss,
    ordered_thresholds,
    ordinal_loss,
    pairwise_loss,
    ranking_loss,
    rating_targets,
    regression_loss,
    score_loss,
)

OFFSETS = torch.tensor([0.0, 3.0, -2.0, 1.0], dtype=torch.float64)


def classify(returns, ratings, groups):
    return classification_loss(returns, ratings, 5, groups=groups)


def classify_by_shares(returns, ratings, groups):
    return classification_loss(returns, ratings, 5, groups=groups, limits="share")


def regress(returns, ratings, groups):
    targets = rating_targets(ratings, 5, torch.full_like(ratings, 50))
    return regression_loss(returns, targets, groups)


def score(returns, ratings, groups):
    scores = (ratings / 4).double().masked_fill(ratings < 0, torch.nan)
    return score_loss(returns, scores, torch.full_like(ratings, 50), groups)


def compare(returns, ratings, groups):
    return pairwise_loss(returns, ratings, groups)


def compare_trimmed(returns, ratings, groups):
    return pairwise_loss(returns, ratings, groups, trim=0.1)


def rank(returns, ratings, groups):
    rng = np.random.default_rng(0)
    return ranking_loss(returns, ratings, 5, groups, rng=rng, num_draws=32)


def order(returns, ratings, groups):
    spacing = torch.zeros(3, dtype=torch.float64)
    offsets = OFFSETS[groups] if groups is not None else OFFSETS[0].expand(len(ratings))
    return ordinal_loss(returns, ratings, ordered_thresholds(-OFFSETS[1], spacing, offsets))


GROUPED = [classify, classify_by_shares, regress, score, compare, compare_trimmed, rank]
ALL = [*GROUPED, order]


@pytest.fixture
def rated():
    torch.manual_seed(0)
    returns = torch.randn(2, 3, 40, dtype=torch.float64)
    return returns, torch.randint(5, (40,)), torch.randint(4, (40,))


def gradient_of(loss, returns, *args):
    returns = returns.detach().requires_grad_()
    value = loss(returns, *args)
    return value.detach(), torch.autograd.grad(value.sum(), returns)[0]


@pytest.mark.parametrize("loss", ALL)
def test_members_get_the_losses_they_would_get_alone(loss, rated):
    returns, ratings, groups = rated
    for given in (None, groups):
        together = loss(returns, ratings, given)
        assert together.shape == (2, 3)
        assert torch.allclose(together[1, 2], loss(returns[1, 2], ratings, given))


# The limits of `batch` follow the returns, and have no gradient by choice.
@pytest.mark.parametrize("loss", [loss for loss in ALL if loss is not classify])
def test_the_gradient_is_that_of_the_loss(loss, rated):
    returns, ratings, groups = rated
    for given in (None, groups):
        few = None if given is None else given[:16]
        inputs = returns[0, 0, :16].clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda r, g=few: loss(r, ratings[:16], g), inputs)


@pytest.mark.parametrize("loss", GROUPED)
def test_a_constant_added_to_the_returns_of_one_group_changes_nothing(loss, rated):
    returns, ratings, groups = rated
    value, gradient = gradient_of(loss, returns, ratings, groups)
    moved = returns + 7.0 * (groups == 2)
    other_value, other_gradient = gradient_of(loss, moved, ratings, groups)
    assert gradient.abs().max() > 1e-3
    assert torch.allclose(other_value, value)
    assert torch.allclose(other_gradient, gradient, atol=1e-9)


@pytest.mark.parametrize("loss", GROUPED)
def test_the_gradient_pulls_at_no_groups_offset(loss, rated):
    returns, ratings, groups = rated
    _, gradient = gradient_of(loss, returns, ratings, groups)
    for group in range(4):
        sums = gradient[..., groups == group].sum(-1)
        assert torch.allclose(sums, torch.zeros_like(sums), atol=1e-9)


@pytest.mark.parametrize("loss", [classify, classify_by_shares])
def test_the_scale_of_one_group_changes_no_classification_and_is_not_pulled_at(loss, rated):
    returns, ratings, groups = rated
    value, gradient = gradient_of(loss, returns, ratings, groups)
    stretched = loss(torch.where(groups == 1, 5 * returns - 3, returns), ratings, groups)
    assert torch.allclose(stretched, value)
    pulls = (returns * gradient)[..., groups == 1].sum(-1)
    assert torch.allclose(pulls, torch.zeros_like(pulls), atol=1e-9)


@pytest.mark.parametrize("loss", GROUPED)
def test_other_names_of_the_groups_change_nothing(loss, rated):
    returns, ratings, groups = rated
    renamed = torch.tensor([90, -3, 17, 4])[groups]
    assert torch.allclose(loss(returns, ratings, renamed), loss(returns, ratings, groups))


@pytest.mark.parametrize("loss", [classify, classify_by_shares, compare, compare_trimmed, rank])
def test_a_single_group_is_no_group(loss, rated):
    returns, ratings, groups = rated
    one = torch.full_like(groups, 6)
    assert torch.allclose(loss(returns, ratings, one), loss(returns, ratings, None))


@pytest.mark.parametrize("loss", [loss for loss in ALL if loss is not rank])
def test_rows_without_rating_change_nothing(loss, rated):
    returns, ratings, groups = rated
    missing = torch.arange(40) % 3 == 0
    ratings = ratings.masked_fill(missing, -1)
    for given in (None, groups):
        value, gradient = gradient_of(loss, returns, ratings, given)
        left = None if given is None else given[~missing]
        assert torch.allclose(value, loss(returns[..., ~missing], ratings[~missing], left))
        assert (gradient[..., missing] == 0).all()


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(
    "ratings", [[2], [-1], [2, 2, 2], [0, 4, 1], [-1, -1, -1], [4, -1, 0]], ids=str
)
def test_batches_that_say_little_are_finite(loss, grouped, ratings):
    groups = torch.zeros(len(ratings), dtype=torch.int64) if grouped else None
    for returns in (torch.zeros(2, len(ratings)), torch.arange(2.0 * len(ratings)).view(2, -1)):
        value, gradient = gradient_of(loss, returns.double(), torch.tensor(ratings), groups)
        assert value.isfinite().all()
        assert gradient.isfinite().all()
        if max(ratings) < 0:
            assert (value == 0).all()
            assert (gradient == 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r, y: classification_loss(r, y[:2], 3), "one entry for each"),
        (lambda r, y: classification_loss(r[:0], y[:0], 3), "one entry for each"),
        (lambda r, y: classification_loss(r, y, 2), r"must lie in 0\.\.1 .* got 0\.\.2"),
        (lambda r, y: classification_loss(r, y - 2, 3), r"-1 where there is none, got -2\.\.0"),
        (lambda r, y: classification_loss(r, y * 0, 1), "`num_classes` must be at least 2, got 1"),
        (lambda r, y: classification_loss(r, y, 3, 0.0), "`sharpness` must be above 0, got 0.0"),
        (
            lambda r, y: classification_loss(r, y, 3, boundaries=torch.zeros(3)),
            "`boundaries` must hold the 2 interior limits",
        ),
        (
            lambda r, y: classification_loss(r, y, 3, boundaries=torch.zeros(2), groups=y),
            "`boundaries` must be None with `groups`",
        ),
        (lambda r, y: classification_loss(r, y, 3, groups=y[:2]), "`groups` must have one entry"),
        (lambda r, y: classification_loss(r, y, 3, limits="fit"), "share, batch, got 'fit'"),
        (lambda r, y: regression_loss(r, y[None]), "`targets` must have one entry"),
        (lambda r, y: regression_loss(r, r, y[:2]), "`groups` must have one entry"),
        (lambda r, y: rating_targets(y, 3, r, "square"), "linear, log_k, .* got 'square'"),
        (lambda r, y: rating_targets(y, 3, r, alpha=0.0), "`alpha` must be above 0, got 0.0"),
        (lambda r, y: score_loss(r, r[:2] / 3, y), "`scores` must have one entry"),
        (lambda r, y: pairwise_loss(r, y, trim=1.0), "`trim` in"),
        (lambda r, y: pairwise_loss(r, y, y[:2]), "`groups` must have one entry"),
    ],
)
def test_wrong_arguments_are_refused_with_their_values(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 2]))


def test_the_multitask_loss_can_be_had_from_here():
    from gym_rated.losses.multitask import MultitaskLoss as Original

    assert MultitaskLoss is Original
