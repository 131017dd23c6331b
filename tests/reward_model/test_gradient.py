import pytest
import torch
from gradients import plain_rewards

from gym_rated.reward_model import RewardEnsemble, gradient


@pytest.mark.parametrize("hidden_sizes", [(5,), (16, 16), (7, 3, 9)])
@pytest.mark.parametrize("num_rows", [0, 1, 10, 33])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rewards_and_gradients_are_those_of_autograd(monkeypatch, hidden_sizes, num_rows, dtype):
    monkeypatch.setattr(gradient, "_CHUNK_NUMBERS", 160)  # chunks of 10 to 32 rows
    model = RewardEnsemble(3, 2, num_members=2, hidden_sizes=hidden_sizes).to(dtype)
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(num_rows, 5, generator=rng, dtype=dtype)
    wanted = torch.randn(2, num_rows, generator=rng, dtype=dtype)
    found = []
    for rewards in (model.rewards(inputs), plain_rewards(model, inputs)):
        model.zero_grad()
        (rewards - wanted).square().sum().backward()
        found.append([rewards.detach(), *(p.grad.clone() for p in model.parameters())])
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_products_of_bfloat16_are_those_of_float32_to_their_digits() -> None:
    model = RewardEnsemble(3, 2, num_members=2, hidden_sizes=(16, 16))
    inputs = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0))
    found = []
    for is_rough in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_rough):
            rewards = model.rewards(inputs)
        rewards.square().sum().backward()
        assert rewards.dtype == torch.float32
        found.append([rewards.detach(), *(p.grad.clone() for p in model.parameters())])
    exact, rough = found
    assert not torch.equal(exact[0], rough[0])
    for expected, gradient_ in zip(exact, rough, strict=True):
        error = (gradient_ - expected).norm() / expected.norm()
        assert error < 0.05  # eight bits are a relative error of 0.004 a number, more in small sums


def test_without_a_gradient_the_rewards_are_the_same() -> None:
    model, inputs = RewardEnsemble(3, 2), torch.randn(4, 6, 5)
    with torch.no_grad():
        assert torch.allclose(model.rewards(inputs), model.rewards(inputs.clone()), atol=0)
        plain = model.rewards(inputs)
    assert torch.allclose(model.rewards(inputs), plain, atol=1e-6)


def test_a_gradient_for_observations_is_there_where_it_is_asked_for() -> None:
    model = RewardEnsemble(3, 2)
    obs, actions = torch.randn(4, 3, requires_grad=True), torch.randn(4, 2)
    model(obs, actions).sum().backward()
    assert obs.grad.abs().sum() > 0
    assert all(p.grad is not None for p in model.parameters())
