"""The optimiser of small networks takes the steps of torch's, from gradients that it is handed."""

import pytest
import torch
from torch import Tensor

from gym_rated.agents.adam import QuickAdam

SHAPES = ((4, 3), (5,), ())


def make_parameters() -> list[torch.nn.Parameter]:
    rng = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=rng)) for shape in SHAPES]


def gradients(step: int) -> list[Tensor]:
    rng = torch.Generator().manual_seed(1 + step)
    return [torch.randn(shape, generator=rng) for shape in SHAPES]


def take_torch_step(optimizer: torch.optim.Adam, step: int) -> None:
    for parameter, grad in zip(optimizer.param_groups[0]["params"], gradients(step), strict=True):
        parameter.grad = grad
    optimizer.step()


def assert_equal(ours: list[Tensor], theirs: list[Tensor]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def test_first_step_is_the_learning_rate_against_the_sign() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    QuickAdam([weight], lr=0.5).descend([torch.tensor([4.0, -1e-3, 0.0])])
    assert weight.tolist() == pytest.approx([0.5, 2.5, 3.0], abs=1e-4)


def test_steps_are_those_of_torch() -> None:
    ours, theirs = make_parameters(), make_parameters()
    quick, slow = QuickAdam(ours, lr=0.1), torch.optim.Adam(theirs, lr=0.1, fused=True)
    for step in range(5):
        for optimizer in (quick, slow):
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
        quick.descend(gradients(step))
        take_torch_step(slow, step)
    assert_equal(ours, theirs)


def test_gradient_may_lie_in_memory_in_any_order() -> None:
    ours, theirs = make_parameters(), make_parameters()
    grads = gradients(0)
    QuickAdam(theirs, lr=0.1).descend(grads)
    turned = [grads[0].T.contiguous().T, torch.stack([grads[1]] * 2, 1)[:, 0], grads[2]]
    assert not turned[0].is_contiguous()
    QuickAdam(ours, lr=0.1).descend(turned)
    assert_equal(ours, theirs)
    ours[0].data.zero_()
    spread = torch.ones(()).expand(4, 3)  # as the gradient of a sum
    QuickAdam([ours[0]], lr=0.1).descend([spread])
    torch.testing.assert_close(ours[0].data, torch.full((4, 3), -0.1))


@pytest.mark.parametrize("before", [0, 2])
def test_goes_on_from_a_state_of_torch_and_torch_from_its_own(before: int) -> None:
    ours, theirs = make_parameters(), make_parameters()
    quick, slow = QuickAdam(ours, lr=0.1), torch.optim.Adam(theirs, lr=0.1, fused=True)
    for step in range(before):
        quick.descend(gradients(step))
        take_torch_step(slow, step)
    states = quick.state_dict(), slow.state_dict()
    quick.load_state_dict(states[1])
    slow.load_state_dict(states[0])
    for step in range(before, before + 2):
        quick.descend(gradients(step))
        take_torch_step(slow, step)
    assert_equal(ours, theirs)
