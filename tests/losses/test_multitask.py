import math

import pytest
import torch

from gym_rated.losses import (
    MultitaskLoss,
    classification_loss,
    offset_prior,
    ordinal_loss,
    pairwise_loss,
    regression_loss,
    score_loss,
    share_limits,
)
from gym_rated.losses.task_weights import MAX_LOG_VARIANCE
from gym_rated.reward_model import RewardEnsemble

RATINGS = torch.tensor([0, 2, 1, 2])
LENGTHS = torch.tensor([50, 50, 50, 50])


def returns_of(num_members):
    torch.manual_seed(0)
    return torch.randn(num_members, 4)


def test_uncertainty_weights_start_at_one_half_for_regression_and_one_for_the_others():
    tasks = ("classification", "regression", "pairwise")
    loss = MultitaskLoss(tasks, num_classes=3, num_members=2, scale="shared", limits="batch")
    returns = returns_of(2)
    total, parts = loss(returns, RATINGS, LENGTHS)
    assert parts["weight/classification"] == 1
    assert parts["weight/regression"] == 0.5
    assert parts["weight/pairwise"] == 1
    by_hand = sum(
        classification_loss(r, RATINGS, 3)
        + 0.5 * regression_loss(r, torch.tensor([0.0, 5.0, 2.5, 5.0]))
        for r in returns
    )
    assert total.item() == pytest.approx(
        by_hand.item() + 2 * parts["loss/pairwise"].item(), rel=1e-6
    )


def test_the_total_follows_the_formula_of_the_uncertainty_weights():
    loss = MultitaskLoss(num_classes=3, num_members=1)
    loss.log_variances.data = torch.tensor([[[0.7]], [[-1.2]]])
    total, parts = loss.combine(
        {"classification": torch.tensor([2.0]), "regression": torch.tensor([3.0])}
    )
    # e^-0.7 2 + 1/2 e^1.2 3 + 1/2 (0.7 - 1.2)
    assert total.item() == pytest.approx(2 * math.exp(-0.7) + 1.5 * math.exp(1.2) - 0.25)
    assert parts["weight/regression"].item() == pytest.approx(0.5 * math.exp(1.2))


@pytest.mark.parametrize("weights", ["uncertainty", "scheduled"])
def test_frozen_losses_lead_the_log_variances_to_their_known_minimum(weights):
    loss = MultitaskLoss(num_classes=3, num_members=2, weights=weights)
    frozen = {"classification": torch.tensor([0.4, 1.1]), "regression": torch.tensor([0.3, 6.0])}
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        total, _ = loss.combine(frozen, progress=0.3)
        total.backward()
        optimiser.step()
    angles = torch.arange(loss.log_variances.shape[-1]) * math.pi * 0.3
    s = loss.log_variances.detach() @ angles.cos()
    assert s[0].tolist() == pytest.approx([math.log(0.8), math.log(2.2)], abs=1e-3)
    assert s[1].tolist() == pytest.approx([math.log(0.3), math.log(6.0)], abs=1e-3)


def test_no_weight_collapses_when_one_loss_is_much_smaller():
    # A convex weighting ends at 0.994 / 0.006 here; each of these weights knows its own loss only.
    loss = MultitaskLoss(("classification", "pairwise"), num_classes=3, num_members=1)
    frozen = {"classification": torch.tensor([1.0]), "pairwise": torch.tensor([0.2])}
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(2000):
        optimiser.zero_grad()
        total, parts = loss.combine(frozen)
        total.backward()
        optimiser.step()
    assert parts["weight/classification"].item() == pytest.approx(1 / 2.0, abs=1e-3)
    assert parts["weight/pairwise"].item() == pytest.approx(1 / 0.4, abs=1e-3)


@pytest.mark.parametrize("weights", ["uncertainty", "scheduled"])
@pytest.mark.parametrize(("frozen", "sign"), [(1e-9, -1), (1e3, 1)])
def test_a_log_variance_stays_within_its_bounds_and_leaves_them_again(weights, frozen, sign):
    loss = MultitaskLoss(("regression",), num_classes=3, num_members=1, weights=weights)
    loss.log_variances.data[..., 0] = sign * 50.0  # as if loaded, or driven there by momentum
    optimiser = torch.optim.SGD(loss.parameters(), lr=0.1)

    def step(value):
        optimiser.zero_grad()
        total, parts = loss.combine({"regression": torch.tensor([value])}, progress=0.5)
        total.backward()
        optimiser.step()
        return -math.log(2 * parts["weight/regression"].item())

    assert step(frozen) == pytest.approx(sign * MAX_LOG_VARIANCE, abs=1e-4)
    assert step(frozen) == pytest.approx(sign * MAX_LOG_VARIANCE, abs=1e-4)
    for _ in range(200):
        s = step(1.0)  # its minimum is at ln 1
    assert abs(s) < 0.5


def test_fixed_weights_add_the_losses_up_and_learn_nothing():
    loss = MultitaskLoss(num_classes=3, num_members=1, weights="fixed")
    total, parts = loss.combine(
        {"classification": torch.tensor([2.0]), "regression": torch.tensor([3.0])}
    )
    assert total.item() == 5
    assert parts["weight/regression"] == parts["weight/classification"] == 1
    assert not loss.log_variances.requires_grad


def test_scheduled_weights_follow_the_progress():
    loss = MultitaskLoss(("pairwise",), num_classes=3, num_members=1, weights="scheduled")
    loss.log_variances.data = torch.tensor([[[0.5, 1.0, 0.0, 0.0]]])  # a = 0.5, b_1 = 1

    def s(progress):
        _, parts = loss.combine({"pairwise": torch.tensor([1.0])}, progress)
        return -parts["weight/pairwise"].log().item()

    assert s(0.0) == pytest.approx(1.5)
    assert s(0.5) == pytest.approx(0.5, abs=1e-6)
    assert s(1.0) == pytest.approx(-0.5)


def test_a_single_task_may_learn_its_weight():
    loss = MultitaskLoss(("classification",), num_classes=3, num_members=1)
    total, parts = loss(returns_of(1), RATINGS, LENGTHS)
    assert set(parts) == {"loss/classification", "weight/classification"}
    total.backward()
    # d/ds (e^-s L + s/2) at s = 0
    gradient = loss.log_variances.grad.item()
    assert gradient == pytest.approx(0.5 - parts["loss/classification"].item(), rel=1e-5)


def test_the_total_is_the_sum_over_members():
    returns = returns_of(3)
    together, _ = MultitaskLoss(num_classes=3, num_members=3)(returns, RATINGS, LENGTHS)
    alone = MultitaskLoss(num_classes=3, num_members=1)
    assert together.item() == pytest.approx(
        sum(alone(r[None], RATINGS, LENGTHS)[0].item() for r in returns), rel=1e-6
    )


def test_parts_carry_no_gradient():
    total, parts = MultitaskLoss(num_classes=3)(returns_of(3).requires_grad_(), RATINGS, LENGTHS)
    assert total.requires_grad
    assert not any(part.requires_grad for part in parts.values())


def test_sum_and_mean_agree_on_segments_of_full_length():
    returns = returns_of(3)
    tasks = ("classification", "regression", "pairwise")
    by_sum = MultitaskLoss(tasks, num_classes=3)(returns, RATINGS, LENGTHS)[0]
    by_mean = MultitaskLoss(tasks, num_classes=3, segment_value="mean")(returns, RATINGS, LENGTHS)[
        0
    ]
    assert by_sum.item() == pytest.approx(by_mean.item(), rel=1e-6)


def test_mean_judges_a_short_segment_as_if_it_had_full_length():
    loss = MultitaskLoss(
        ("regression",), num_classes=3, num_members=1, segment_value="mean", weights="fixed"
    )
    # A mean reward of 0.1 over 10 steps counts as a return of 5, the target of the best class.
    total, _ = loss(torch.tensor([[1.0]]), torch.tensor([2]), torch.tensor([10]))
    assert total.item() == 0


def test_limits_fixed_once_per_fit_are_those_of_all_ratings():
    # D8: not those of a mini-batch.
    returns, ratings = torch.tensor([[0.0, 1.0, 2.0, 4.0]]), torch.tensor([0, 0, 1, 1])
    loss = MultitaskLoss(
        ("classification",), num_classes=2, num_members=1, scale="shared", limits="fit"
    )
    loss.begin_fit(returns, ratings, LENGTHS)
    part = (returns[:, 1:], ratings[1:], LENGTHS[1:])
    expected = classification_loss(*part[:2], 2, boundaries=torch.tensor([0.25]))
    assert loss.task_losses(*part)["classification"].item() == expected.item()
    own = MultitaskLoss(("classification",), num_classes=2, num_members=1, limits="batch")
    own.begin_fit(returns, ratings, LENGTHS)
    assert own.task_losses(*part)["classification"] == classification_loss(*part[:2], 2)


def test_limits_are_the_shares_of_the_batch_unless_said_otherwise():
    returns = returns_of(1)
    loss = MultitaskLoss(("classification",), num_classes=3, num_members=1, scale="shared")
    found = loss.task_losses(returns, RATINGS, LENGTHS)["classification"]
    limits = share_limits(RATINGS, 3)  # 1/4, 2/4
    assert limits.tolist() == [0.25, 0.5]
    assert found.item() == classification_loss(returns[0], RATINGS, 3, boundaries=limits).item()


ALL_TASKS = ("classification", "regression", "pairwise", "ranking", "score", "ordinal")
ROWS = 12
GROUPS = torch.arange(ROWS) // 6
SCORES = torch.linspace(0, 1, ROWS)


@pytest.mark.parametrize("task", ALL_TASKS)
def test_by_group_no_task_compares_across_groups(task):
    returns, ratings = torch.randn(2, ROWS, generator=torch.Generator().manual_seed(0)), SCORES * 0
    ratings = torch.tensor([0, 1, 2, 0, 1, 2] * 2)
    lengths = torch.full((ROWS,), 50)
    found = []
    for shift in (0.0, 5.0):
        for scale in ("group", "shared"):
            loss = MultitaskLoss((task,), num_classes=3, num_members=2, scale=scale)
            moved = returns + shift * GROUPS
            loss.begin_fit(moved, ratings, lengths, GROUPS)
            losses = loss.task_losses(moved, ratings, lengths, GROUPS, scores=SCORES)
            found.append(losses[task])
    same, different = found[0] - found[2], found[1] - found[3]
    # the prior on the offsets of thresholds is all that sees the level of a group
    assert same.abs().max() < (0.02 if task == "ordinal" else 1e-5)
    assert different.abs().max() > 0.1


def test_rows_without_an_answer_take_no_part_in_its_task():
    returns = torch.tensor([[1.0, 3.0, -2.0, 40.0, 5.0]])
    ratings = torch.tensor([0, 2, 1, -1, -1])
    scores = torch.tensor([math.nan, math.nan, 0.5, 1.0, math.nan])
    lengths = torch.full((5,), 50)
    loss = MultitaskLoss(
        ("classification", "regression", "pairwise", "score"),
        num_classes=3,
        num_members=1,
        scale="shared",
    )
    found = loss.task_losses(
        returns, ratings, lengths, scores=scores, comparisons=torch.tensor([[4, 3]])
    )
    three = returns[0, :3]
    assert found["regression"].item() == regression_loss(three, torch.tensor([0.0, 5.0, 2.5]))
    assert found["classification"].item() == pytest.approx(
        classification_loss(three, ratings[:3], 3, limits="share").item()
    )
    assert found["score"].item() == pytest.approx(((-2 - 2.5) ** 2 + (40 - 5) ** 2) / 2)
    expected = pairwise_loss(returns[0], ratings, comparisons=torch.tensor([[4, 3]]))
    assert found["pairwise"].item() == expected.item()
    assert expected > pairwise_loss(returns[0], ratings)


def test_a_task_to_which_a_batch_says_nothing_is_left_out_and_keeps_its_weight():
    loss = MultitaskLoss(ALL_TASKS, num_classes=3, num_members=2)
    scores = torch.tensor([0.1, 0.9, math.nan, math.nan])
    nothing = torch.full((4,), -1)
    total, parts = loss(returns_of(2), nothing, LENGTHS, scores=scores)
    assert set(parts) == {"loss/score", "weight/score"}
    total.backward()
    moved = loss.log_variances.grad.abs().sum((1, 2)) > 0
    assert moved.tolist() == [task == "score" for task in ALL_TASKS]
    total, parts = loss(returns_of(2), RATINGS, LENGTHS, torch.arange(4))  # nobody has company
    assert parts == {}


@pytest.mark.parametrize("scale", ["group", "shared"])
def test_squared_errors_have_a_half_in_front_and_likelihoods_do_not(scale):
    loss = MultitaskLoss(ALL_TASKS, num_classes=3, num_members=1, scale=scale)
    _, parts = loss.combine({task: torch.ones(1) for task in ALL_TASKS})
    weights = {task: parts[f"weight/{task}"].item() for task in ALL_TASKS}
    halves = {"regression", "ranking", *(["score"] if scale == "shared" else [])}
    assert weights == {task: 0.5 if task in halves else 1.0 for task in ALL_TASKS}


def test_scores_are_centred_within_their_group():
    loss = MultitaskLoss(("score",), num_classes=3, num_members=1)
    returns, groups = torch.tensor([[1.0, 2.0, 7.0, 9.0]]), torch.tensor([0, 0, 1, 1])
    scores = torch.tensor([0.2, 0.4, 0.2, 0.6])
    found = loss.task_losses(returns, RATINGS, LENGTHS, groups, scores=scores)["score"]
    # differences of 1 and 2 units where scores differ by 0.2 and 0.4, which are 2.4 and 4.8
    error = (0.7**2 + 1.4**2) / 2
    assert found.item() == pytest.approx(math.log(1 + error / 0.05) / 2, rel=1e-5)
    assert score_loss(returns[0], scores, LENGTHS) > 1


def test_thresholds_of_a_new_group_start_where_its_returns_are_and_are_learned():
    loss = MultitaskLoss(("ordinal",), num_classes=3, num_members=1)
    returns = torch.tensor([[1.0, 3.0, 20.0, 24.0]])
    ratings, groups = torch.tensor([0, 2, 0, 2]), torch.tensor([0, 0, 1, 1])
    loss.begin_fit(returns, ratings, LENGTHS, groups)
    thresholds_of_groups = loss.ordinal_task.thresholds
    assert thresholds_of_groups.offsets[0, :3].tolist() == [2, 22, 0]
    # thresholds half a unit below and above the offset; prior of N(0, 10^2), over 4 ratings
    thresholds = torch.tensor([[1.5, 2.5], [1.5, 2.5], [21.5, 22.5], [21.5, 22.5]])
    expected = ordinal_loss(returns[0], ratings, thresholds) / 2
    expected = expected + ordinal_loss(returns[0], ratings, thresholds, mistake_rate=0.1) / 2
    expected = expected + offset_prior(torch.tensor([2.0, 22.0])) / 4
    found = loss.task_losses(returns, ratings, LENGTHS, groups)["ordinal"]
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.begin_fit(returns + 9, ratings, LENGTHS, groups)  # known by now
    assert thresholds_of_groups.offsets[0, :3].tolist() == [2, 22, 0]


def test_more_groups_than_there_is_room_for_are_refused():
    loss = MultitaskLoss(("ordinal",), num_classes=3, num_members=1, max_groups=2)
    with pytest.raises(
        ValueError, match=r"`groups` must lie below `max_groups` = 2 .* got 2; give"
    ):
        loss.begin_fit(returns_of(1), RATINGS, LENGTHS, torch.tensor([0, 1, 2, 2]))
    shared = MultitaskLoss(("ordinal",), num_classes=3, num_members=1, scale="shared")
    shared.begin_fit(returns_of(1), RATINGS, LENGTHS, torch.tensor([0, 1, 2, 999]))
    assert shared.ordinal_task.thresholds.offsets.shape == (1, 1)


def test_draws_of_the_ranking_task_are_decided_by_the_seed():
    returns, ratings = torch.randn(1, 30), torch.arange(30) % 3
    lengths = torch.full((30,), 50)

    def draws(seed):
        loss = MultitaskLoss(("ranking",), num_classes=3, num_members=1, num_draws=3, seed=seed)
        return [loss.task_losses(returns, ratings, lengths)["ranking"].item() for _ in range(3)]

    assert draws(0) == draws(0) != draws(1)
    assert len(set(draws(0))) > 1


def test_sharpness_may_follow_the_number_of_classes():
    assert MultitaskLoss(num_classes=6, sharpness="scaled").sharpness == 270


@pytest.mark.long
@pytest.mark.parametrize("noisy_task", ["classification", "regression"])
def test_the_weight_of_a_task_with_wrong_targets_falls_below_and_recovers(noisy_task):
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 8, generator=rng)
    truth = inputs @ torch.randn(8, generator=rng)
    right = torch.bucketize(truth, truth.quantile(torch.tensor([0.25, 0.5, 0.75])))
    is_wrong = torch.rand(200, generator=rng) < 0.4
    wrong = torch.where(is_wrong, (right + torch.randint(1, 4, (200,), generator=rng)) % 4, right)
    model = RewardEnsemble(6, 2, hidden_sizes=(32,))
    loss = MultitaskLoss(num_classes=4)
    optimiser = torch.optim.Adam(
        [{"params": model.parameters(), "lr": 1e-3}, {"params": loss.parameters(), "lr": 2e-2}]
    )

    def fit(steps, noisy_ratings):
        for _ in range(steps):
            rows = torch.randint(200, (64,), generator=rng)
            returns = 10 * model.rewards(inputs[rows])
            lengths = torch.full((64,), 50)
            losses = loss.task_losses(returns, right[rows], lengths)
            losses[noisy_task] = loss.task_losses(returns, noisy_ratings[rows], lengths)[noisy_task]
            optimiser.zero_grad()
            total, parts = loss.combine(losses)
            total.backward()
            optimiser.step()
        return {task: parts[f"weight/{task}"].item() for task in loss.tasks}

    other_task = "regression" if noisy_task == "classification" else "classification"
    planted = fit(200, wrong)
    assert planted[noisy_task] < planted[other_task]
    recovered = fit(200, right)
    assert recovered[noisy_task] > 1.5 * planted[noisy_task]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ("sorting",)}, "`tasks` must be one of classification, .* got 'sorting'"),
        ({"scale": "local"}, "group, shared, got 'local'"),
        ({"limits": "fit"}, "`limits='fit'` .* needs scale='shared'"),
        ({"num_draws": 0}, "`num_draws` must be at least 1, got 0"),
        ({"regularization": 0.0}, "`regularization` must be above 0, got 0.0"),
        ({"tasks": ()}, "at least one task"),
        ({"tasks": ("pairwise", "pairwise")}, "each once"),
        (
            {"weights": "softmax"},
            "uncertainty, explained, fixed, scheduled, got 'softmax'",
        ),
        ({"target": "cubic"}, "linear, log_k, log_literal, log, got 'cubic'"),
        ({"segment_value": "max"}, "sum, mean, got 'max'"),
        ({"limits": "epoch"}, "share, batch, fit, got 'epoch'"),
        ({"sharpness": -1.0}, "`sharpness` must be above 0, got -1.0"),
        ({"trim": 1.0}, "`trim`"),
        ({"num_members": 0}, "`num_members` must be at least 1, got 0"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(options, message):
    with pytest.raises(ValueError, match=message):
        MultitaskLoss(**{"num_classes": 3, **options})


def test_wrong_shapes_and_progress_are_refused():
    loss = MultitaskLoss(num_classes=3)
    with pytest.raises(ValueError, match=r"`returns` must have shape \(3, B\), got \(2, 4\)"):
        loss(returns_of(2), RATINGS, LENGTHS)
    with pytest.raises(ValueError, match=r"`progress` must lie in 0\.\.1, got 1\.5"):
        loss(returns_of(3), RATINGS, LENGTHS, progress=1.5)


def test_the_choices_are_printed_and_can_be_stored():
    loss = MultitaskLoss(num_classes=3, segment_value="mean")
    assert loss.options()["segment_value"] == "mean"
    assert "target='linear'" in repr(loss)
