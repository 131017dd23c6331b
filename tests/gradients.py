"""Losses and rewards in plain arithmetic, with their gradients, for tests."""

import torch


def loss_and_gradient(returns, loss):
    returns = torch.tensor(returns, requires_grad=True)
    value = loss(returns)
    (gradient,) = torch.autograd.grad(value, returns)
    return value.item(), gradient


def plain_rewards(model, inputs):
    """Rewards by the book, shape (E, *batch): member by member, layer by layer, by autograd."""
    members = []
    for member in range(model.num_members):
        hidden = inputs
        for i, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
            hidden = hidden @ weight[member].T + bias[member, :, 0]
            if i < len(model.weights) - 1:
                hidden = torch.where(hidden > 0, hidden, 0.01 * hidden)
        members.append(hidden[..., 0].tanh())
    return torch.stack(members)
