"""Every loss gives in double precision what it gives in single, and so does a model."""

from typing import get_args

import numpy as np
import pytest
import torch
from rated_segments import dataset, make_segments

from gym_rated.fitting import RewardLearner
from gym_rated.losses import MultitaskLoss, TaskName, WeightRule
from gym_rated.reward_model import RewardEnsemble
from gym_rated.reward_model.images import ConvRewardEnsemble

TASKS = get_args(TaskName)
OPTIONS = [
    {"scale": "group", "limits": "share"},
    {"scale": "group", "limits": "batch", "segment_value": "mean"},
    {"scale": "shared", "limits": "fit", "target": "log_k"},
]


def computed(loss: MultitaskLoss, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """The total of a batch in which every task takes part, and its gradient in the returns."""
    returns = torch.linspace(-2, 3, 36, dtype=torch.float64).sin().reshape(3, 12).to(dtype)
    returns.requires_grad_()
    ratings = torch.tensor([0, 1, 2, 3, 3, 2, 1, 0, -1, 2, 1, 0])
    lengths, groups = torch.full((12,), 10), torch.arange(12) // 6
    scores, comparisons = torch.linspace(0, 1, 12), torch.tensor([[0, 1], [2, 3]])
    loss.begin_fit(returns.detach(), ratings, lengths, groups)
    total, _ = loss(returns, ratings, lengths, groups, 0.3, scores=scores, comparisons=comparisons)
    total.backward()
    return total.detach(), returns.grad


@pytest.mark.parametrize("tasks", [*((task,) for task in TASKS), TASKS])
@pytest.mark.parametrize("weights", get_args(WeightRule))
@pytest.mark.parametrize("options", OPTIONS)
def test_double_precision_is_as_single(tasks, weights, options) -> None:
    made = [MultitaskLoss(tasks, num_classes=4, weights=weights, **options) for _ in range(2)]
    total, gradient = computed(made[0], torch.float32)
    assert total.dtype == gradient.dtype == torch.float32
    precise, precise_gradient = computed(made[1].double(), torch.float64)
    assert precise.dtype == precise_gradient.dtype == torch.float64
    assert float(precise) == pytest.approx(float(total), rel=1e-4)
    torch.testing.assert_close(precise_gradient.float(), gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("task", TASKS)
def test_half_precision_is_about_as_single(task, dtype) -> None:
    made = [MultitaskLoss([task], num_classes=4, weights="scheduled") for _ in range(2)]
    total, _ = computed(made[0], torch.float32)
    rough, _ = computed(made[1].to(dtype), dtype)
    assert float(rough) == pytest.approx(float(total), rel=0.1)


@pytest.mark.parametrize(
    ("doubles_model", "doubles_loss"), [(False, True), (True, False), (True, True)]
)
@pytest.mark.parametrize("is_image", [False, True])
def test_model_of_doubles_is_fitted_as_one_of_floats(doubles_model, doubles_loss, is_image) -> None:
    segments = make_segments(20)
    predicted = []
    for doubles in (False, True):
        if is_image:
            model = ConvRewardEnsemble((1, 3), 2, channels=(2,), hidden_size=4)
        else:
            model = RewardEnsemble(3, 2, hidden_sizes=(4,))
        loss = MultitaskLoss(["classification", "ordinal"], num_classes=4)
        if doubles and doubles_model:
            model.double()
        if doubles and doubles_loss:
            loss.double()
        learner = RewardLearner(model, loss, first_steps=3, later_steps=2)
        assert learner.fit(dataset(segments)).ready
        assert learner.fit(dataset(segments)).ready
        predicted.append(model.predict(segments[0].obs, segments[0].actions))
        assert model.returns(segments[:2]).shape == (3, 2)
    assert predicted[1].dtype == np.float32
    assert predicted[1] == pytest.approx(predicted[0], rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_model_of_half_precision_predicts_but_is_not_fitted(dtype) -> None:
    model, same = RewardEnsemble(3, 2), RewardEnsemble(3, 2)
    for each in (model, same):
        each.set_scale(1.0)
    model.to(dtype)
    segments = make_segments(2)
    expected = same.predict(segments[0].obs, segments[0].actions)
    found = model.predict(segments[0].obs, segments[0].actions)
    assert found == pytest.approx(expected, abs=0.05)
    assert model.returns(segments) == pytest.approx(same.returns(segments), abs=0.3)
    with pytest.raises(TypeError, match=rf"`model` must have parameters .*got {dtype}; call its"):
        RewardLearner(model, MultitaskLoss(num_classes=4))
