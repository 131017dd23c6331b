"""Tasks and losses of a user's own, beside ours and in their place."""

from dataclasses import asdict, dataclass
from typing import get_args

import pytest
import torch
from rated_segments import NUM_CLASSES, dataset, make_segments, predicted_returns, true_returns
from torch import nn

from gym_rated.checkpoint import load_state, save_state
from gym_rated.fitting import RewardLearner
from gym_rated.losses import (
    TASKS,
    AnswerRows,
    Loss,
    MultitaskLoss,
    PairwiseTask,
    Task,
    TaskName,
    pairwise_loss,
)
from gym_rated.metrics import spearman
from gym_rated.reward_model import RewardEnsemble

RATINGS = torch.tensor([0, 2, 1, -1])
LENGTHS = torch.full((4,), 50)


@dataclass(frozen=True)
class HingeTask(Task):
    """The better of two ratings of one group is to be `margin` above the other."""

    margin: float = 1.0
    name = "hinge"

    def can_learn(self, answers):
        return answers.rated_apart()

    def loss(self, values, lengths, answers, rng):
        better = (answers.ratings[:, None] > answers.ratings) & (answers.ratings >= 0)
        if answers.groups is not None:
            better &= answers.groups[:, None] == answers.groups
        first, second = better.nonzero(as_tuple=True)
        if not len(first):
            return None
        return (self.margin - values[:, first] + values[:, second]).clamp_min(0).mean(-1)

    def options(self):
        return asdict(self)


class ScaledTask(nn.Module, Task):
    """Regression on `slope * rating`, with a slope that is learned."""

    name = "scaled"
    is_squared = True

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.ones(()))

    def can_learn(self, answers):
        return answers.rated_apart()

    def loss(self, values, lengths, answers, rng):
        rated = answers.ratings >= 0
        return (values[:, rated] - self.slope * answers.ratings[rated]).square().mean(-1)


class HingeLoss(nn.Module, Loss):
    def __init__(self, num_classes=NUM_CLASSES, num_members=3, task=None):
        super().__init__()
        self.num_classes, self.num_members, self.scale = num_classes, num_members, "group"
        self.task = task or HingeTask()

    def forward(
        self, returns, ratings, lengths, groups=None, progress=0.0, *, scores=None, comparisons=None
    ):
        answers = AnswerRows(ratings, self.num_classes, groups)
        losses = self.task.loss(returns, lengths, answers, self.rng)
        if losses is None:
            return returns.sum() * 0, {}
        return losses.sum(), {"loss/hinge": losses.detach().mean()}

    def can_learn(self, ratings, groups=None, *, scores=None, comparisons=None):
        return self.task.can_learn(AnswerRows(ratings, self.num_classes, groups))

    def options(self):
        return {"tasks": ["hinge"], "scale": "group", **self.task.options()}


def learner(loss, **kwargs):
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    return RewardLearner(model, loss, **{"first_steps": 60, "later_steps": 20, **kwargs})


def test_every_name_of_a_task_has_its_maker_and_is_the_name_of_what_is_made():
    assert set(TASKS) == set(get_args(TaskName))
    loss = MultitaskLoss(num_classes=3)
    assert all(make(loss).name == name for name, make in TASKS.items())


def test_a_task_object_is_weighed_as_the_task_of_its_name():
    returns = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    named = MultitaskLoss(("pairwise", "regression"), num_classes=3, trim=0.5)
    given = MultitaskLoss((PairwiseTask(trim=0.5), "regression"), num_classes=3)
    assert given(returns, RATINGS, LENGTHS) == named(returns, RATINGS, LENGTHS)
    assert given.tasks == named.tasks


def test_a_task_of_ones_own_is_one_of_several():
    loss = MultitaskLoss(("pairwise", HingeTask(2.0)), num_classes=3, num_members=1)
    returns = torch.tensor([[0.0, 3.0, 2.5, 99.0]])
    total, parts = loss(returns, RATINGS, LENGTHS)
    # pairs (3, 0), (3, 2.5), (2.5, 0) of a margin of 2: short by 0, 1.5 and 0
    assert parts["loss/hinge"].item() == pytest.approx(0.5)
    assert parts["weight/hinge"] == 1
    assert total.item() == pytest.approx(0.5 + pairwise_loss(returns, RATINGS).item())
    nobody = torch.full((4,), -1)
    assert loss(returns, nobody, LENGTHS)[1] == {}


def test_options_tell_what_an_object_was_made_with():
    loss = MultitaskLoss(("regression", HingeTask(2.0)), num_classes=3)
    assert loss.options()["tasks"] == ["regression", "hinge"]
    assert loss.options()["task_options"] == {"hinge": {"margin": 2.0}}
    assert "task_options" not in MultitaskLoss(num_classes=3).options()


@pytest.mark.parametrize("loss", [MultitaskLoss((HingeTask(),), num_classes=4), HingeLoss()])
def test_a_learner_orders_unseen_segments_by_a_loss_of_ones_own(loss):
    unseen = make_segments(100, round=1, seed=1)
    fitter = learner(loss)
    report = fitter.fit(dataset(make_segments(120)))
    assert report.ready
    start, end = report.losses["hinge"]
    assert end < start
    assert report.weights.keys() == {"hinge"}
    assert fitter.model.options == loss.options()
    assert spearman(predicted_returns(fitter.model, unseen), true_returns(unseen)) > 0.85
    assert 0.3 < report.held_out.accuracy <= 1


def test_parameters_of_a_task_are_learned_and_saved():
    loss = MultitaskLoss(("classification", ScaledTask()), num_classes=NUM_CLASSES)
    fitter = learner(loss)
    fitter.fit(dataset(make_segments(60)))
    assert loss.scaled_task.slope.item() != 1
    assert fitter.loss.state_dict()["scaled_task.slope"] == loss.scaled_task.slope
    assert loss.combine({"scaled": torch.ones(3)})[1]["weight/scaled"] < 1  # a half, at first


@pytest.mark.parametrize(
    "make_loss",
    [
        lambda: HingeLoss(),
        lambda: MultitaskLoss(("ranking", HingeTask(), ScaledTask()), num_classes=NUM_CLASSES),
    ],
)
def test_a_learner_with_a_loss_of_ones_own_resumes_exactly(make_loss, tmp_path):
    data = dataset(make_segments(60))
    whole, resumed = learner(make_loss()), learner(make_loss())
    whole.fit(data)
    save_state(tmp_path / "state", whole.state_dict())
    resumed.load_state_dict(load_state(tmp_path / "state"))
    for fitter in (whole, resumed):
        fitter.fit(data, progress=0.5)
    for ours, theirs in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_state_of_another_task_is_refused():
    first = learner(MultitaskLoss((HingeTask(1.0),), num_classes=NUM_CLASSES))
    second = learner(MultitaskLoss((HingeTask(2.0),), num_classes=NUM_CLASSES))
    with pytest.raises(ValueError, match="must come from a learner with the same loss"):
        second.load_state_dict(first.state_dict())


def test_nothing_to_compare_is_what_the_loss_says_it_is():
    segments = make_segments(20)
    with pytest.warns(UserWarning, match="leave nothing to compare"):
        assert not learner(HingeLoss()).fit(dataset(segments, [])).ready


def test_thresholds_saved_before_they_lay_in_their_task_are_loaded():
    loss = MultitaskLoss(("ordinal",), num_classes=3, num_members=1, max_groups=2)
    old = {
        "task_weights.log_variances": torch.full((1, 1, 1), 0.5),
        "thresholds.base": torch.tensor([-1.5]),
        "thresholds.log_spacing": torch.tensor([[0.25]]),
        "thresholds.offsets": torch.tensor([[3.0, 4.0]]),
        "thresholds._is_known": torch.tensor([True, False]),
    }
    loss.load_state_dict(old)
    assert loss.ordinal_task.thresholds.offsets.tolist() == [[3.0, 4.0]]
    assert loss.ordinal_task.thresholds.base.item() == -1.5
    assert "thresholds.base" in old, "what was given stays as it was"


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ((HingeTask(), HingeTask(2.0)), "each once, got .'hinge', 'hinge'"),
        ((PairwiseTask(), "pairwise"), "each once"),
        (("hinge",), "`tasks` must be one of classification, .* got 'hinge'"),
    ],
)
def test_names_of_tasks_are_known_and_different(tasks, message):
    with pytest.raises(ValueError, match=message):
        MultitaskLoss(tasks, num_classes=3)


def test_a_name_that_is_no_word_is_refused():
    task = HingeTask()
    object.__setattr__(task, "name", "my hinge")
    with pytest.raises(ValueError, match=r"`name` of a task must be one word .* got 'my hinge'"):
        MultitaskLoss((task,), num_classes=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairwiseTask(trim=1.0), "`trim`"),
        (lambda: PairwiseTask(adjacent_weight=-1), "`adjacent_weight`"),
    ],
)
def test_a_task_checks_its_own_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()
