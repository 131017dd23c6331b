"""The push away from what was rated worst: its direction, its bound, and what it is aimed at."""

import numpy as np
import pytest
import torch
from envs import make_segment
from torch import nn
from torch.distributions import Normal, kl_divergence

from gym_rated import Rating, RatingDataset
from gym_rated.agents.repulsion import (
    Repulsion,
    clipped_log_prob,
    lowest_rows,
    repulsion_loss,
    squashed_log_prob,
)
from gym_rated.checkpoint import load_state, save_state
from gym_rated.raters import SKIPPED


def rated(*rows):
    """Build a dataset from (id, rating, round) rows, or (id, rating, round, rater)."""
    dataset = RatingDataset(3, 2, 5)
    known = dict.fromkeys((name, round_) for name, _, round_, *_ in rows)
    dataset.add(
        make_segment(name, obs=0.1 * k, length=2 + k % 3, round=round_)
        for k, (name, round_) in enumerate(known)
    )
    dataset.update(Rating(name, y, *(rater or ["a"])) for name, y, _, *rater in rows)
    return dataset


def lowest_ids(dataset, scale="group"):
    batch = dataset.batch()
    return [batch.ids[i] for i in lowest_rows(batch, scale)]


def same_segment(num):
    return torch.zeros(num, dtype=torch.int64)


def test_the_loss_by_hand():
    # means -0.5 and -2: max(0, 1 - 0.5) and max(0, 1 - 2), averaged over segments
    growth = torch.tensor([0.0, -1.0, -2.0])
    segments = torch.tensor([0, 0, 1])
    assert repulsion_loss(growth, torch.zeros(3), segments).item() == pytest.approx(0.25)
    assert repulsion_loss(growth + 3, torch.full((3,), 3.0), segments) == pytest.approx(0.25)
    assert repulsion_loss(growth, torch.zeros(3), segments, margin=3.0) == pytest.approx(1.75)


def test_one_step_cannot_buy_the_bound_of_a_segment():
    # one of eight steps 1,000 nats less likely counts 4 margins: mean -0.5
    growth = torch.zeros(8, requires_grad=True)
    shift = torch.tensor([-1000.0] + [0.0] * 7)
    loss = repulsion_loss(growth + shift, torch.zeros(8), same_segment(8))
    assert loss.item() == pytest.approx(0.5)
    loss.backward()
    assert growth.grad.tolist() == [0] + [0.125] * 7


def test_no_low_rated_step_is_no_loss():
    assert repulsion_loss(torch.zeros(0), torch.zeros(0), same_segment(0)).item() == 0
    assert Repulsion().loss(lambda obs, actions: obs.sum(1)).item() == 0


def behaviour(num=200):
    """The lowest class's actions: Gaussian around 0.3, in one state."""
    rng = torch.Generator().manual_seed(0)
    return 0.3 + 0.5 * torch.randn(num, 1, generator=rng)


@pytest.mark.parametrize("start", [-0.5, 0.25, 0.35, 2.0])
def test_the_distance_to_the_lowest_class_grows_up_to_the_bound_and_stops(start):
    actions, margin = behaviour(), 0.8
    worst = Normal(actions.mean(), actions.std(unbiased=False))
    mean = torch.tensor([[start]], requires_grad=True)
    std = torch.tensor([[0.6]])

    def log_prob():
        return Normal(mean, std).log_prob(actions).sum(1)

    def distance():
        return kl_divergence(worst, Normal(mean.detach(), std)).item()

    reference, before = log_prob().detach(), distance()
    distances, optimiser = [before], torch.optim.SGD([mean], lr=0.003)
    for _ in range(900):
        loss = repulsion_loss(log_prob(), reference, same_segment(200), margin)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        distances.append(distance())
        assert np.isfinite(distances[-1])
    growth = np.diff(distances)
    assert (growth >= -1e-6).all(), "it never comes nearer"
    assert distances[-1] - before == pytest.approx(margin, abs=0.1)
    assert distances[-1] - before >= margin - 1e-4
    assert (growth[-50:] == 0).all(), "and it stops"
    assert (mean.item() > 0.3) == (start > actions.mean()), "away from where it was"


def test_minus_a_kl_divergence_would_not_stop():
    # what the bound is for: the published direction, without it
    actions = behaviour()
    mean = torch.tensor([[0.35]], requires_grad=True)
    optimiser = torch.optim.SGD([mean], lr=0.01)
    for _ in range(600):
        optimiser.zero_grad()
        Normal(mean, 0.6).log_prob(actions).mean().backward()
        optimiser.step()
    assert abs(mean.item()) > 1_000


def test_nothing_is_nan_far_from_what_the_policy_does():
    mean = torch.tensor([[50.0, -50.0]], requires_grad=True)
    actions = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    log_probs = clipped_log_prob(mean, torch.full((1, 2), 0.01), actions, -1.0, 1.0)
    loss = repulsion_loss(log_probs, torch.zeros(3), same_segment(3))
    loss.backward()
    assert torch.isfinite(log_probs).all()
    assert torch.isfinite(mean.grad).all()


def test_the_probability_of_a_clipped_action_is_that_of_the_tail():
    mean, std = torch.tensor([[0.5]]), torch.tensor([[2.0]])
    actions = torch.tensor([[-1.0], [0.2], [1.0]])
    found = clipped_log_prob(mean.expand(3, 1), std, actions, -1.0, 1.0).exp()
    below, inside, above = found.tolist()
    normal = Normal(0.5, 2.0)
    assert below == pytest.approx(normal.cdf(torch.tensor(-1.0)).item(), rel=1e-5)
    assert above == pytest.approx(1 - normal.cdf(torch.tensor(1.0)).item(), rel=1e-5)
    assert inside == pytest.approx(normal.log_prob(torch.tensor(0.2)).exp().item(), rel=1e-5)


def test_a_policy_that_aims_beyond_a_bound_is_pushed_back_inside():
    # with the density at the bound it would be pushed further out, and do the same as before
    mean = torch.tensor([[-3.0]], requires_grad=True)
    clipped_log_prob(mean, torch.ones(1, 1), torch.tensor([[-1.0]]), -1.0, 1.0).sum().backward()
    assert mean.grad.item() < 0, "less likely is further up"


def test_actions_without_bounds_have_an_ordinary_density_and_gradient():
    mean = torch.tensor([[0.5]], requires_grad=True)
    found = clipped_log_prob(mean, torch.ones(1, 1), torch.tensor([[0.2]]), -np.inf, np.inf)
    found.sum().backward()
    assert found.item() == pytest.approx(Normal(0.5, 1.0).log_prob(torch.tensor(0.2)).item())
    assert mean.grad.item() == pytest.approx(-0.3)


def test_squashed_actions_are_judged_before_squashing():
    # actions in [0, 4]: 2 + 2 tanh(u)
    u, mean = torch.tensor([[-1.0], [0.4]]), torch.tensor([[0.1]])
    found = squashed_log_prob(mean, torch.ones(1, 1), 2 + 2 * u.tanh(), 0.0, 4.0)
    assert found == pytest.approx(Normal(0.1, 1.0).log_prob(u).sum(1))
    mean = torch.tensor([[9.0]], requires_grad=True)
    squashed_log_prob(mean, torch.ones(1, 1), torch.tensor([[4.0]]), 0.0, 4.0).sum().backward()
    assert mean.grad.item() > 0, "aiming beyond what can be told apart, it is pushed back"
    assert np.isfinite(mean.grad.item())


def test_the_lowest_class_is_that_of_its_own_rater_and_round():
    dataset = rated(
        ("a", 0, 0), ("b", 3, 0), ("c", 2, 1), ("d", 4, 1), ("e", 2, 1), ("f", 1, 2), ("g", 1, 2)
    )
    assert lowest_ids(dataset) == ["a", "c", "e"], "round 2 has one class and no worst"
    assert lowest_ids(dataset, "shared") == ["a"]
    dataset.update([Rating("a", SKIPPED, "a")])
    assert lowest_ids(dataset) == ["c", "e"], "b is left alone in its round"
    assert lowest_ids(dataset, "shared") == ["f", "g"]
    assert lowest_ids(rated(("a", 0, 0))) == []
    assert lowest_ids(RatingDataset(3, 2, 5)) == []


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1, 2))

    def log_prob(self, obs, actions):
        return clipped_log_prob(self.mean + 0 * obs[:, :2], torch.ones(2), actions, -1.0, 1.0)


def test_a_segment_keeps_its_frozen_policy_while_it_is_among_the_worst():
    dataset = rated(("a", 0, 0), ("b", 1, 0), ("c", 2, 0))
    policy, repulsion = Policy(), Repulsion(margin=1.0)
    repulsion.renew(dataset.batch(), policy.log_prob)
    assert len(repulsion) == 1
    assert repulsion.loss(policy.log_prob).item() == pytest.approx(1.0)
    policy.mean.data += 5
    assert repulsion.loss(policy.log_prob).item() == 0
    repulsion.renew(dataset.batch(), policy.log_prob)
    assert repulsion.loss(policy.log_prob).item() == 0, "what was reached is not asked for again"
    dataset.update([Rating("b", 0, "a", 1)])
    repulsion.renew(dataset.batch(), policy.log_prob)
    assert len(repulsion) == 2
    assert repulsion.loss(policy.log_prob).item() == pytest.approx(0.5), "for b it begins"
    dataset.update([Rating("a", 2, "a", 1)])
    repulsion.renew(dataset.batch(), policy.log_prob)
    assert len(repulsion) == 1


def test_a_policy_steps_away_from_what_was_rated_worst():
    dataset = rated(("a", 0, 0), ("b", 4, 0))  # actions of "a" are 0, those of "b" -0.1
    policy, repulsion = Policy(), Repulsion(margin=0.5)
    policy.mean.data += 0.2
    repulsion.renew(dataset.batch(), policy.log_prob)
    optimiser = torch.optim.SGD(policy.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        loss = repulsion.loss(policy.log_prob)
        if loss.requires_grad:
            loss.backward()
        optimiser.step()
    # -(m^2 - 0.2^2) = -0.5 for two equal numbers of an action: m = 0.735
    assert policy.mean.tolist()[0] == pytest.approx([0.735] * 2, abs=0.02)
    assert policy.mean.min() >= 0.734


def test_a_resumed_repulsion_goes_on_as_if_it_had_never_stopped(tmp_path):
    dataset = rated(*((str(k), k % 3, 0) for k in range(30)))
    policy = Policy()
    whole = Repulsion(seed=1)
    whole.renew(dataset.batch(), policy.log_prob)
    policy.mean.data += 0.5
    whole.loss(policy.log_prob, 3)
    save_state(tmp_path / "repulsion", whole.state_dict())
    resumed = Repulsion(seed=2)
    resumed.load_state_dict(load_state(tmp_path / "repulsion"))
    for _ in range(5):
        assert resumed.loss(policy.log_prob, 3).item() == whole.loss(policy.log_prob, 3).item()


def test_wrong_arguments_are_refused_with_their_values():
    with pytest.raises(ValueError, match=r"`margin` must be above 0, got 0\.0"):
        Repulsion(margin=0.0)
    with pytest.raises(ValueError, match=r"must have one shape \(K,\), got shapes \(2,\), \(3,\)"):
        repulsion_loss(torch.zeros(2), torch.zeros(3), same_segment(2))
