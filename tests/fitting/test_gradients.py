"""The gradient of a step is that of the plain arithmetic: padded segments, member by member."""

import copy

import numpy as np
import pytest
import torch
from gradients import plain_rewards
from rated_segments import dataset, make_segments

from gym_rated.fitting import RewardLearner
from gym_rated.losses import MultitaskLoss
from gym_rated.ratings import Comparison
from gym_rated.reward_model import RewardEnsemble

TASKS = ("classification", "regression", "pairwise")


def plain_returns(model, batch):
    """Sum over padded steps of what each member says, shape (E, B)."""
    obs, actions, mask = (torch.from_numpy(x) for x in (batch.obs, batch.actions, batch.mask))
    inputs = torch.cat(((obs - model.obs_mean) / model.obs_std, actions), -1)
    return (plain_rewards(model, inputs) * mask).sum(-1)


@pytest.mark.parametrize("lengths", [(10, 10), (10, 3)])
@pytest.mark.parametrize("scale", ["group", "shared"])
def test_an_update_has_the_gradient_of_the_plain_arithmetic(lengths, scale):
    segments = [
        s for k, n in enumerate(lengths) for s in make_segments(15, length=n, round=k, seed=k)
    ]
    data = dataset(segments)
    data.update([Comparison(segments[i].id, segments[i + 1].id, "judge") for i in range(0, 28, 3)])
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    loss = MultitaskLoss(TASKS, num_classes=4, scale=scale)
    learner = RewardLearner(model, loss, first_steps=1, batch_size=100)
    seen = {}
    learner.gradient_steps.optimiser.step = lambda: seen.update(
        before=copy.deepcopy((model, loss)), found=[p.grad.clone() for p in learner_parameters()]
    )

    def learner_parameters(of=None):
        return [p for part in (of or (model, loss)) for p in part.parameters()]

    taken = []
    take = learner.gradient_steps.take
    learner.gradient_steps.take = lambda batch, *more: taken.append(batch) or take(batch, *more)
    learner.fit(data)

    (rows,), (plain, plain_loss) = taken, seen["before"]
    batch = data.batch()
    number = {segment_id: i for i, segment_id in enumerate(batch.ids)}
    ids = [segments[n].id for n in rows.segments]
    index = np.array([number[segment_id] for segment_id in ids])
    returns = plain_returns(plain, batch)[:, torch.from_numpy(index)]
    for parameter in learner_parameters((plain, plain_loss)):
        parameter.grad = None
    total, _ = plain_loss(
        *(returns, rows.ratings, rows.lengths, rows.groups),
        scores=rows.scores,
        comparisons=rows.comparisons,
    )
    total.backward()
    wanted = [p.grad for p in learner_parameters((plain, plain_loss))]
    assert len(wanted) == len(seen["found"]) == 7
    for ours, theirs in zip(seen["found"], wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
