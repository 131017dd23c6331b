"""How well a fitted reward predicts the answers: those it learned from, and those held out.

Where only answers of one (rater, round) share a scale, ranks and classes are compared within it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gym_rated.fitting.classes import class_chances, most_probable, sharpness_of
from gym_rated.fitting.report import HeldOut
from gym_rated.fitting.rows import RatedRows
from gym_rated.fitting.split import FitSplit
from gym_rated.losses import Loss
from gym_rated.metrics import accuracy, pair_accuracy, quadratic_weighted_kappa, spearman

_MIN_HELD_OUT = 5


def judge_held_out(loss: Loss, returns: Tensor, rows: RatedRows, split: FitSplit) -> HeldOut:
    """Judge a reward by the answers it was not fitted to.

    Args:
        loss: Says what of a segment counts, and which answers share a scale.
        returns: Predicted returns of the rows, shape (E, B).
        rows: The rows that the fit looks at.
        split: Which of them are held out; the others set the scale and the class limits.
    """
    values = loss.values(returns, rows.lengths)
    mean = values.mean(0).cpu().numpy()
    num, num_pairs = len(split.held_out), len(split.held_out_pairs)
    found: dict[str, float] = {}
    if num_pairs >= _MIN_HELD_OUT:
        better, worse = mean[split.held_out_pairs].T
        found["comparisons_in_order"] = float(np.mean(0.5 + 0.5 * np.sign(better - worse)))
    if num < _MIN_HELD_OUT:
        return HeldOut(num, num_comparisons=num_pairs, **found)
    answers, given = answers_of(
        rows.ratings.cpu().numpy(), rows.scores.cpu().numpy(), loss.num_classes
    )
    which = split.held_out[given[split.held_out]]
    groups = rows.groups.cpu().numpy()
    within = groups[which] if loss.scale == "group" else None
    found["spearman"] = spearman(mean[which], answers[which], within)
    found["pair_accuracy"] = pair_accuracy(mean[which], answers[which], groups[which])
    return HeldOut(
        num, num_comparisons=num_pairs, **found, **_classes_held_out(loss, values, rows, split)
    )


def train_accuracy(loss: Loss, returns: Tensor, rows: RatedRows, split: FitSplit) -> float:
    """Return the fraction of the ratings fitted to that are the predicted class, NaN for none.

    The mean over members, each with the class limits of its own predictions.

    Args:
        loss: Says what of a segment counts, and which ratings share a scale.
        returns: Predicted returns of the rows, shape (E, B).
        rows: The rows that the fit looks at.
        split: Which of them are fitted to.
    """
    train = split.train[rows.ratings.cpu().numpy()[split.train] >= 0]
    values = loss.values(returns, rows.lengths)
    ratings = rows.ratings[torch.from_numpy(train)].cpu().numpy()
    found = [
        accuracy(predicted_classes(loss, member[None], rows, train, train), ratings)
        for member in values
    ]
    return float(np.mean(found)) if len(train) else float("nan")


def predicted_classes(
    loss: Loss,
    values: Tensor,
    rows: RatedRows,
    fitted: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the most probable class of some rows, shape (B',); -1 where nothing tells.

    Args:
        loss: Says which ratings share a scale.
        values: What of the returns counts, of all rows, shape (E, B).
        rows: All rows.
        fitted: Rated rows that set the limits, see `class_chances`.
        asked: Rows to classify.
    """
    chances = class_chances(
        values,
        rows.ratings,
        rows.groups if loss.scale == "group" else None,
        fitted=fitted,
        asked=asked,
        num_classes=loss.num_classes,
        sharpness=sharpness_of(loss.options()),
    )
    return most_probable(chances)


def answers_of(
    ratings: NDArray[np.int64], scores: NDArray[np.float32], num_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return what each row was given, and which were given anything.

    That is its rating, or, where it has only a score, the rating that wants the same return (see
    `score_targets`): a rater may give some rows the one and others the other.
    """
    is_rated = ratings >= 0
    answers = np.where(is_rated, ratings, scores * (num_classes - 1)).astype(np.float32)
    return answers, ~np.isnan(answers)


def _classes_held_out(
    loss: Loss, values: Tensor, rows: RatedRows, split: FitSplit
) -> dict[str, float]:
    ratings = rows.ratings.cpu().numpy()
    fitted, asked = (part[ratings[part] >= 0] for part in (split.train, split.held_out))
    classes = predicted_classes(loss, values, rows, fitted, asked)
    known, told = classes[classes >= 0], ratings[asked[classes >= 0]]
    kappa = quadratic_weighted_kappa(known, told, loss.num_classes)
    return {"accuracy": accuracy(known, told), "kappa": kappa}
