"""A network in numpy, for acting: on the few rows of a step torch costs more than the sums."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps inputs (N, D) to outputs (N, K)."""

_KINDS = (nn.Linear, nn.Tanh, nn.ReLU)


def as_numpy(network: nn.Module) -> Network:
    """Return what a network does as a function of arrays, without gradients.

    Linear layers with tanh or ReLU between them are computed by numpy; all other networks, and
    those that are not on the CPU, are called as they are. Ask for it anew whenever the network may
    have changed, so once a rollout.

    Args:
        network: Maps inputs (N, D) to outputs (N, K), float32.

    Returns:
        A function that does so with arrays, to rounding.
    """
    layers = list(network) if isinstance(network, nn.Sequential) else []
    on_cpu = all(p.device.type == "cpu" and p.dtype == torch.float32 for p in network.parameters())
    if not layers or not on_cpu or not all(type(layer) in _KINDS for layer in layers):
        return _by_torch(network)
    steps = [_step(layer) for layer in layers]

    def compute(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        for step in steps:
            inputs = step(inputs)
        return inputs

    return compute


def _step(layer: nn.Module) -> Network:
    if isinstance(layer, nn.Tanh):
        return np.tanh
    if isinstance(layer, nn.ReLU):
        return lambda inputs: np.maximum(inputs, np.float32(0))
    weight = layer.weight.detach().numpy().T  # type: ignore[operator]  # of a Linear
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()  # type: ignore[operator]
    return lambda inputs: inputs @ weight + bias


def _by_torch(network: nn.Module) -> Network:
    device = next((p.device for p in network.parameters()), torch.device("cpu"))

    @torch.no_grad()
    def compute(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: torch.Tensor = network(torch.from_numpy(inputs).to(device))
        return outputs.cpu().numpy()

    return compute
