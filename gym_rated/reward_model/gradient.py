"""The pass of an ensemble of networks on a CPU, forth and back, for steps that learn.

The arithmetic is that of `RewardEnsemble.rewards`, with the gradient by hand. torch goes layer by
layer over all rows, so that every activation and every gradient travels to memory and back; here a
member takes a chunk of rows through all its layers while they are in the cache, and changes them in
place.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gym_rated.reward_model.ensemble import NEGATIVE_SLOPE

_CHUNK_NUMBERS = 2**16  # of an activation: 256 KiB
_leaky_relu_backward = torch.ops.aten.leaky_relu_backward.grad_input


def chunked_rewards(inputs: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    """Return every member's reward, with a gradient for weights and biases, not for the inputs.

    Args:
        inputs: What the networks see, shape (N, F).
        weights: By layer, shape (E, out, in); the last one has a single output.
        biases: By layer, shape (E, out, 1).

    Returns:
        Rewards, shape (E, N).
    """
    rewards: Tensor = _Rewards.apply(inputs, len(weights), *weights, *biases)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return rewards


class _Rewards(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, num_layers: int, *parameters: Tensor) -> Tensor:
        weights, biases = parameters[:num_layers], parameters[num_layers:]
        rewards = inputs.new_empty(len(weights[0]), len(inputs))
        hidden = [
            [inputs.new_empty(len(inputs), w.shape[1]) for w in weights[:-1]] for _ in rewards
        ]
        for member, activations in enumerate(hidden):
            layers = [
                (w[member].t(), b[member, :, 0]) for w, b in zip(weights, biases, strict=True)
            ]
            for rows in _chunks(len(inputs), weights):
                below = inputs[rows]
                for (weight, bias), activation in zip(layers[:-1], activations, strict=True):
                    below = torch.addmm(bias, below, weight, out=activation[rows])
                    torch.nn.functional.leaky_relu_(below, NEGATIVE_SLOPE)
                last, bias = layers[-1]
                torch.addmv(bias, below, last[:, 0], out=rewards[member, rows])
        rewards.tanh_()
        ctx.num_layers, ctx.hidden = num_layers, hidden
        ctx.save_for_backward(inputs, rewards, *parameters)
        return rewards

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, rewards, *parameters = ctx.saved_tensors
        weights, biases = parameters[: ctx.num_layers], parameters[ctx.num_layers :]
        to_weights = [torch.zeros_like(weight) for weight in weights]
        to_biases = [torch.zeros_like(bias) for bias in biases]
        outer = gradient * (1 - rewards.square())  # through tanh, (E, N)
        to_biases[-1][:, 0, 0] = outer.sum(1)
        for member, activations in enumerate(ctx.hidden):
            for rows in _chunks(len(inputs), weights):
                below = [inputs[rows], *(activation[rows] for activation in activations)]
                here = outer[member, rows].unsqueeze(1)  # (n, 1)
                to_weights[-1][member].addmm_(here.t(), below[-1])
                for layer in range(ctx.num_layers - 2, -1, -1):
                    here = here @ weights[layer + 1][member]  # (n, width)
                    above = below[layer + 1]
                    # of an activation, the sign says what its slope was
                    _leaky_relu_backward(here, above, NEGATIVE_SLOPE, True, grad_input=here)
                    to_weights[layer][member].addmm_(here.t(), below[layer])
                    to_biases[layer][member, :, 0].add_(here.sum(0))
        return (None, None, *to_weights, *to_biases)


def _chunks(num_rows: int, weights: Sequence[Tensor]) -> list[slice]:
    size = max(1, _CHUNK_NUMBERS // max(weight.shape[1] for weight in weights))
    return [slice(start, min(start + size, num_rows)) for start in range(0, num_rows, size)]
