"""A fit is on the device of its model: nothing is made on another one, or goes to the CPU unasked.

torch's "meta" device holds no numbers, so that what is made on it by default cannot be computed
with.
"""

import pytest
import torch
from rated_segments import dataset, make_segments
from torch.overrides import TorchFunctionMode

from gym_rated.fitting import RewardLearner
from gym_rated.losses import MultitaskLoss
from gym_rated.ratings import Comparison, Score
from gym_rated.reward_model import ConvRewardEnsemble, RewardEnsemble

TASKS = ("classification", "regression", "pairwise", "ranking", "score", "ordinal", "quantile")
SEGMENTS = make_segments(30)


def answers():
    data = dataset(SEGMENTS)
    data.update(Score(s.id, i / 30, "judge") for i, s in enumerate(SEGMENTS))
    data.update(Comparison(SEGMENTS[i].id, SEGMENTS[i + 1].id, "judge") for i in range(20))
    return data


def learner(model, **options):
    loss = MultitaskLoss(TASKS, num_classes=4, **options)
    return RewardLearner(
        model, loss, first_steps=2, later_steps=2, ood_coef=0.1, stop_at_accuracy=1.0
    )


@pytest.mark.parametrize(
    "options",
    [
        {"scale": "group"},
        {"scale": "group", "limits": "batch"},
        {"limits": "fit", "scale": "shared"},
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: RewardEnsemble(3, 2, hidden_sizes=(4,)),
        lambda: ConvRewardEnsemble((3, 1, 1), 2, channels=(2,), hidden_size=4),
    ],
)
def test_nothing_is_made_on_the_default_device(make, options) -> None:
    first, second, data = learner(make(), **options), learner(make(), **options), answers()
    reports = [first.fit(data), first.fit(data)]
    with torch.device("meta"):
        assert [second.fit(data).losses for _ in reports] == [r.losses for r in reports]
        returns = second.model.returns(SEGMENTS)
        rewards = second.model.predict(SEGMENTS[0].obs, SEGMENTS[0].actions)
    assert (returns == first.model.returns(SEGMENTS)).all()
    assert (rewards == first.model.predict(SEGMENTS[0].obs, SEGMENTS[0].actions)).all()


class ToTheCpu(TorchFunctionMode):
    """Counts what asks for a tensor on the CPU."""

    num = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.num += getattr(func, "__name__", "") in ("cpu", "numpy", "tolist", "item")
        return func(*args, **(kwargs or {}))


def test_no_step_brings_a_tensor_to_the_cpu() -> None:
    fitter, found = learner(RewardEnsemble(3, 2, hidden_sizes=(4,))), []
    take = fitter.gradient_steps.take

    def counted(*args):
        with ToTheCpu() as mode:
            taken = take(*args)
        found.append(mode.num)
        return taken

    fitter.gradient_steps.take = counted
    fitter.fit(answers())
    assert found == [0, 0]


def test_a_model_is_made_where_torch_makes_tensors_with_the_same_weights() -> None:
    with torch.device("meta"):
        assert RewardEnsemble(3, 2).weights[0].device.type == "meta"
    with torch.device("cpu"):
        made = RewardEnsemble(3, 2).weights[0]
    assert torch.equal(made, RewardEnsemble(3, 2).weights[0])
