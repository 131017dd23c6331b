import pytest
import torch
from torch import nn, optim

from gym_rated.agents.flat import flat_state, flatten_parameters


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def train(module: nn.Module, optimizer: optim.Optimizer, steps: int, *, is_flat: bool) -> None:
    rng = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=not is_flat)
        module(torch.randn(8, 3, generator=rng)).square().mean().backward()
        optimizer.step()


def test_one_vector_learns_what_many_parameters_learn() -> None:
    plain, module = network(), network()
    flat = flatten_parameters(module)
    train(plain, optim.Adam(plain.parameters(), 0.1), 5, is_flat=False)
    train(module, optim.Adam([flat], 0.1), 5, is_flat=True)
    for expected, found in zip(plain.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(found, expected)
    assert flat.shape == (3 * 4 + 4 + 4 * 2 + 2,)
    assert flat[:12].view(4, 3).equal(module[0].weight)


def test_an_optimiser_of_many_parameters_goes_on_as_one_of_a_vector() -> None:
    plain, module = network(), network()
    of_many = optim.Adam(plain.parameters(), 0.1)
    train(plain, of_many, 3, is_flat=False)
    module.load_state_dict(plain.state_dict())
    flat = flatten_parameters(module)
    of_one = optim.Adam([flat], 0.1)
    of_one.load_state_dict(flat_state(of_many.state_dict()))
    train(plain, of_many, 3, is_flat=False)
    train(module, of_one, 3, is_flat=True)
    for expected, found in zip(plain.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("steps", [0, 2])
def test_a_flat_state_stays_as_it_is(steps: int) -> None:
    module = network()
    optimizer = optim.Adam([flatten_parameters(module)], 0.1)
    train(module, optimizer, steps, is_flat=True)
    state = optimizer.state_dict()
    assert flat_state(state)["param_groups"] == state["param_groups"]
    assert flat_state(state)["state"].keys() == state["state"].keys()
