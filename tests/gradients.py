"""Losses together with their gradients, for tests."""

import torch


def loss_and_gradient(returns, loss):
    returns = torch.tensor(returns, requires_grad=True)
    value = loss(returns)
    (gradient,) = torch.autograd.grad(value, returns)
    return value.item(), gradient
