import numpy as np
import pytest
import torch
from torch import nn

from gym_rated.agents.acting import as_numpy

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def layers(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), *middle, nn.Linear(4, 2, bias=False))


class Doubled(nn.Linear):
    """Looks like a layer that is known."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    "network",
    [
        layers(nn.Tanh()),
        layers(nn.ReLU()),
        layers(nn.Tanh(), nn.Linear(4, 4), nn.ReLU()),
        layers(nn.SiLU()),
        layers(nn.LayerNorm(4), nn.Tanh()),
        layers(nn.Sequential(nn.Tanh())),
        layers(Doubled(4, 4)),
        nn.Linear(3, 2),
        layers(nn.Tanh()).double().float(),
    ],
    ids=str,
)
def test_arrays_come_out_as_tensors_do(network: nn.Module) -> None:
    expected = network(torch.from_numpy(X)).detach().numpy()
    found = as_numpy(network)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32


def test_it_sees_what_an_optimiser_changed_in_place() -> None:
    network = layers(nn.Tanh())
    act = as_numpy(network)
    with torch.no_grad():
        network[0].weight.add_(1.0)
    np.testing.assert_allclose(act(X), network(torch.from_numpy(X)).detach().numpy(), rtol=1e-5)
