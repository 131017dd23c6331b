"""How far a reward agrees with the answers held out, and what follows for the weights."""

import copy
import math
from typing import Any

import pytest
import torch

from gym_rated.losses import MultitaskLoss
from gym_rated.losses.agreement import (
    Agreement,
    compared_agreement,
    joined,
    rank_agreement,
    rated_agreement,
)

NAN = float("nan")
TASKS = ("classification", "score")


def test_agreement_is_the_rank_correlation_of_what_was_answered() -> None:
    # ranks 0, 1, 2 against 0, 2, 1: rho = 1 - 6 * 2 / (3 * 8) = 0.5
    values, answers = torch.tensor([1.0, 2.0, 9.0, 4.0]), torch.tensor([0.0, 0.9, 0.3, NAN])
    found = rank_agreement(values, answers)
    assert found == (pytest.approx(0.5), 2)  # three answers of one group, whose level is free
    assert rated_agreement(values, torch.tensor([0, 4, 2, -1]), None) == found


def test_agreement_compares_within_groups_only() -> None:
    values = torch.tensor([1.0, 2.0, 11.0, 12.0, 5.0])
    answers = torch.tensor([0.5, 0.6, 0.1, 0.2, 0.0])
    assert rank_agreement(values, answers, torch.tensor([0, 0, 1, 1, 2])) == (pytest.approx(1.0), 2)
    assert rank_agreement(values, answers).correlation < 0


def test_comparisons_agree_by_the_share_in_order() -> None:
    values = torch.tensor([1.0, 2.0, 3.0, 3.0])
    pairs = torch.tensor([[1, 0], [2, 0], [0, 2], [2, 3]])  # two right, one wrong, one tie
    assert compared_agreement(values, pairs) == (pytest.approx(0.25), 4)
    assert compared_agreement(values, None).num == 0
    rated = Agreement(0.75, 12)
    assert joined(rated, Agreement(0.25, 4)) == (pytest.approx(0.625), 16)
    assert joined(rated, Agreement(NAN, 0)) == rated
    assert math.isnan(joined(Agreement(NAN, 3)).correlation)


def test_the_margin_leaves_out_what_chance_gives_and_few_answers_say_nothing() -> None:
    assert Agreement(0.7, 25).margin == pytest.approx(0.4)  # 0.7 - 1.5 / 5
    assert Agreement(0.2, 25).margin == Agreement(-0.9, 25).margin == 0
    assert math.isnan(Agreement(1.0, 7).margin)
    assert math.isnan(Agreement(NAN, 100).margin)


def judged(**margins: float) -> list[float]:
    weights = MultitaskLoss(TASKS, num_classes=3, weights="explained").task_weights
    weights.judge(margins)
    return weights.shares.tolist()


def test_a_task_counts_fully_from_half_of_the_best_margin_on() -> None:
    assert judged(classification=0.8, score=0.4) == [1, 1]
    assert judged(classification=0.8, score=0.1) == [1, pytest.approx(1 / 16)]
    assert judged(classification=0.0, score=0.1) == [0, 1]
    assert judged(classification=NAN, score=0.1) == [1, 1]
    assert judged(classification=NAN, score=NAN) == judged() == [1, 1]


def test_where_nothing_agrees_tasks_are_tried_one_at_a_time() -> None:
    weights = MultitaskLoss(TASKS, num_classes=3, weights="explained").task_weights
    nothing = {"classification": 0.0, "score": 0.0}
    for expected in ([1, 0], [1, 0], [0, 1], [0, 1], [1, 0]):  # each for two fits
        weights.judge(nothing)
        assert weights.shares.tolist() == expected
    weights.judge({"classification": 0.5, "score": 0.4})
    assert weights.shares.tolist() == [1, 1]
    weights.judge({"classification": 0.0, "score": NAN})  # alone is the one that is known
    assert weights.shares.tolist() == [1, 1]


def test_the_task_that_agreed_last_is_tried_first() -> None:
    weights = MultitaskLoss(TASKS, num_classes=3, weights="explained").task_weights
    weights.judge({"classification": 0.0, "score": 0.3})
    for expected in ([0, 1], [0, 1], [1, 0], [1, 0], [0, 1]):  # one bad fit does not undo it
        weights.judge({"classification": 0.0, "score": 0.0})
        assert weights.shares.tolist() == expected


def test_shares_scale_a_task_and_its_variance() -> None:
    options = {"weights": "explained", "scale": "shared"}  # where a score is a squared error
    loss = MultitaskLoss(TASKS, num_classes=3, num_members=1, **options)
    loss.log_variances.data = torch.tensor([[[0.5]], [[1.0]]])
    loss.task_weights.judge({"classification": 0.8, "score": 0.1})
    losses = {"classification": torch.tensor([2.0]), "score": torch.tensor([3.0])}
    total, parts = loss.combine(losses)
    cls, score = math.exp(-0.5), 0.5 * math.exp(-1.0)
    assert total.item() == pytest.approx(cls * 2 + 0.25 + (score * 3 + 0.5) / 16)
    assert float(parts["weight/score"]) == pytest.approx(score / 16)
    assert float(parts["loss/score"]) == 3


def test_until_a_fit_was_judged_explained_is_uncertainty() -> None:
    losses = {"classification": torch.tensor([2.0, 1.0]), "score": torch.tensor([3.0, 0.1])}
    made = [
        MultitaskLoss(TASKS, num_classes=3, num_members=2, weights=rule)
        for rule in ("explained", "uncertainty")
    ]
    (first, parts), (second, others) = (loss.combine(losses) for loss in made)
    assert torch.equal(first, second)
    assert parts == others


def test_shares_are_part_of_the_state_and_of_no_other_rule() -> None:
    loss = MultitaskLoss(TASKS, num_classes=3, weights="explained")
    loss.task_weights.judge({"classification": 0.0, "score": 0.0})
    again = MultitaskLoss(TASKS, num_classes=3, weights="explained")
    again.load_state_dict(copy.deepcopy(loss.state_dict()))
    for expected in ([1, 0], [0, 1]):
        for one in (loss, again):
            one.task_weights.judge({"classification": 0.0, "score": 0.0})
            assert one.task_weights.shares.tolist() == expected
    assert set(MultitaskLoss(TASKS, num_classes=3).state_dict()) == {"task_weights.log_variances"}


@pytest.mark.parametrize("tasks", [("score",), ("classification", "regression", "pairwise")])
def test_every_task_of_the_package_says_how_far_it_agrees(tasks: Any) -> None:
    loss = MultitaskLoss(tasks, num_classes=3, num_members=2, weights="explained")
    ratings = torch.tensor([0, 1, 2] * 4)
    answers = {
        "scores": ratings / 2 if tasks == ("score",) else None,
        "comparisons": torch.tensor([[1, 0]]),
    }
    none = torch.full_like(ratings, -1)
    given = none if tasks == ("score",) else ratings
    returns = (ratings + torch.arange(12) / 100).expand(2, 12)
    loss.end_fit(
        returns, given, torch.full((12,), 50), torch.zeros(12, dtype=torch.int64), **answers
    )
    assert loss.task_weights.shares.tolist() == [1] * len(tasks)
    loss.end_fit(-returns * 0, given, torch.full((12,), 50), **answers)  # a constant: unknown
    assert not loss.task_weights.shares.isnan().any()
