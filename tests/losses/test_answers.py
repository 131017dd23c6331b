"""Which answers each task learns from, and that rows without one change nothing."""

import math
from typing import get_args

import pytest
import torch

from gym_rated.losses import (
    AnswerRows,
    MultitaskLoss,
    TaskName,
    class_limits,
    pairwise_loss,
    share_limits,
)

TASKS = get_args(TaskName)
NONE = torch.tensor([-1, -1, -1])
NO_SCORES = torch.full((3,), torch.nan)
COMPARED = torch.tensor([[0, 2]])


@pytest.mark.parametrize("task", TASKS)
def test_each_task_learns_from_its_own_answers_alone(task: TaskName) -> None:
    loss = MultitaskLoss([task], num_classes=3)
    by_rating = loss.can_learn(torch.tensor([0, 2, -1]), scores=NO_SCORES)
    by_score = loss.can_learn(NONE, scores=torch.tensor([0.0, 1.0, torch.nan]))
    by_comparison = loss.can_learn(NONE, scores=NO_SCORES, comparisons=COMPARED)
    assert by_rating == (task not in ("score", "comparison"))
    assert by_score == (task == "score")
    assert by_comparison == (task in ("pairwise", "comparison"))
    nothing = {"scores": NO_SCORES, "comparisons": COMPARED[:0]}
    assert not loss.can_learn(NONE, **nothing)
    assert not loss.can_learn(torch.tensor([1, 1, -1]), **nothing)


@pytest.mark.parametrize("other", [task for task in TASKS if task != "pairwise"])
def test_one_task_that_can_learn_is_enough(other: TaskName) -> None:
    loss = MultitaskLoss([other, "pairwise"], num_classes=3)
    assert loss.can_learn(NONE, scores=NO_SCORES, comparisons=COMPARED)


@pytest.mark.parametrize(("weight", "expected"), [(0.2, True), (0.0, False)])
def test_neighbours_teach_pairs_only_if_they_weigh_something(weight, expected) -> None:
    loss = MultitaskLoss(["pairwise"], num_classes=3, adjacent_weight=weight)
    assert loss.can_learn(torch.tensor([0, 1, -1])) == expected
    assert loss.can_learn(torch.tensor([0, 2, -1]))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("scale", ["group", "shared"])
@pytest.mark.parametrize("limits", ["share", "batch", "fit"])
def test_rows_without_an_answer_change_nothing(task, scale, limits) -> None:
    if limits == "fit" and scale == "group":
        return
    returns = torch.tensor([[1.0, -3.0, 2.0, 0.5, 9.0, 0.0, -9.0, 1.5]])
    ratings = torch.tensor([2, 0, 1, 1, -1, 2, -1, 0])
    scores = torch.tensor([1, 0, 0.5, 0.4, torch.nan, 0.9, torch.nan, 0.1])
    groups = torch.tensor([0, 0, 0, 1, 1, 1, 0, 1])
    found = []
    for rows in (torch.arange(8), torch.tensor([0, 1, 2, 3, 5, 7])):
        loss = MultitaskLoss([task], num_classes=3, num_members=1, scale=scale, limits=limits)
        taken = returns[:, rows].clone().requires_grad_()
        lengths = torch.full((len(rows),), 10)
        loss.begin_fit(taken.detach(), ratings[rows], lengths, groups[rows])
        answers = {"scores": scores[rows], "comparisons": torch.tensor([[0, 1], [3, 2]])}
        total, _ = loss(taken, ratings[rows], lengths, groups[rows], **answers)
        total.backward()
        gradient = torch.zeros(8)
        gradient[rows] = taken.grad[0]
        found.append((total.item(), gradient))
    if task == "ranking":  # draws are of rows: other rows, other draws, of the same answers
        assert found[0][0] == pytest.approx(found[1][0], rel=0.5)
    else:
        assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
        torch.testing.assert_close(found[0][1], found[1][1])
    assert found[0][1][[4, 6]].tolist() == [0, 0]


def test_limits_are_those_of_the_rated_rows() -> None:
    returns, ratings = torch.tensor([0.0, 9.0, 1.0, 4.0, -9.0]), torch.tensor([0, -1, 1, 1, -1])
    # of 0, 1, 4 the lowest is of class 0: it lies at 0 of 0..4
    assert class_limits(returns, ratings, 2).tolist() == [0]
    assert class_limits(returns, torch.tensor([0, -1, 0, 1, -1]), 2).tolist() == [0.25]
    assert share_limits(ratings, 2).tolist() == [pytest.approx(1 / 3)]


def test_answers_of_a_group_tell_something_if_two_differ() -> None:
    groups = torch.tensor([0, 0, 1, 1])
    for ratings, has_any in (([1, 1, 2, 2], False), ([1, 1, 1, 2], True), ([1, -1, 2, -1], False)):
        rows = AnswerRows(torch.tensor(ratings), 3, groups)
        assert rows.has_ratings == has_any
        assert rows.rated_apart() == has_any
        assert not rows.rated_apart(2)
    shared = AnswerRows(torch.tensor([1, 1]), 3)
    assert shared.has_ratings  # it says where the return is
    assert not shared.rated_apart()
    scores = torch.tensor([0.25, 0.75, torch.nan, torch.nan])
    scored = AnswerRows(torch.full((4,), -1), 3, groups, scores)
    assert scored.scored_apart(0.5)
    assert not scored.scored_apart(0.51)


def test_pairs_that_weigh_nothing_are_not_among_those_to_be_dropped() -> None:
    returns, ratings = torch.tensor([10.0, 0.0, 5.0]), torch.tensor([0, 1, 3])
    # 2 before 0 costs ln(1 + e^5), 2 before 1 ln(1 + e^-5); 1 before 0 is of neighbours
    found = pairwise_loss(returns, ratings, adjacent_weight=0.0, trim=0.5)
    assert found.item() == pytest.approx(math.log1p(math.exp(-5)), rel=1e-5)
