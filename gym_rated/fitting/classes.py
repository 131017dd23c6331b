"""The rating class that a fitted reward predicts: as common among predictions as among ratings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gym_rated.losses import SHARPNESS, class_limits, class_probabilities, rescale


def class_chances(
    values: Tensor,
    ratings: Tensor,
    groups: Tensor | None,
    *,
    fitted: NDArray[np.int64],
    asked: NDArray[np.int64],
    num_classes: int,
    sharpness: float = SHARPNESS,
) -> NDArray[Any]:
    """Return the probability of each class, the mean over members.

    The limits leave as many predicted as rated segments in every class, among the fitted rows: of
    the same group where only a group shares a scale.

    Args:
        values: What counts of the predicted returns of all rows, shape (E, B).
        ratings: Rating classes of all rows, shape (B,).
        groups: One integer per (rater, round), shape (B,); None where all ratings share a scale.
        fitted: Numbers of rated rows that set the limits.
        asked: Numbers of the B' rows to classify.
        num_classes: Number of classes C.
        sharpness: Steepness of the class borders.

    Returns:
        Shape (B', C); NaN in rows of a group without fitted rows, where nothing tells.
    """
    of_row = np.zeros(len(ratings)) if groups is None else groups.cpu().numpy()
    chances = np.full((len(asked), num_classes), np.nan, values.cpu().numpy().dtype)
    for group in np.unique(of_row[asked]):
        reference, here = fitted[of_row[fitted] == group], of_row[asked] == group
        if len(reference):
            known, unseen = values[:, reference], values[:, asked[here]]
            limits = class_limits(known, ratings[reference], num_classes)
            found = class_probabilities(rescale(unseen, known), limits, sharpness)
            chances[here] = found.mean(0).cpu().numpy()
    return chances


def most_probable(chances: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class of each row of `class_chances`, shape (B',); -1 where nothing tells."""
    unknown = np.isnan(chances).any(1)
    return np.where(unknown, -1, np.where(unknown[:, None], 0, chances).argmax(1))


def sharpness_of(options: Mapping[str, Any]) -> float:
    """Return the sharpness that a loss was used with, by its options; a default without one."""
    return float(options.get("sharpness") or SHARPNESS)
