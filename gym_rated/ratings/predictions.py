"""What a reward model says of rated segments: kept, a report needs neither model nor torch."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint.restoring import restoring
from gym_rated.checks import all_finite, check_num_classes, check_text

FORMAT = "gym_rated predictions 1"
_KINDS = {"ratings": np.int64, "held_out": np.bool_, "returns": float, "probabilities": float}
_ROUNDING = 1e-4  # of the sum of probabilities


@dataclass(frozen=True, eq=False)
class RatingPredictions:
    """The rated segments, and what a reward model predicts of them; B ratings, C classes.

    Attributes:
        ids: Segment id of each rating, B of them.
        ratings: Rating classes, shape (B,), in 0..C-1.
        held_out: Whether a fit leaves the rating out of its loss, shape (B,).
        rewards: The learned reward of each step, B arrays of shape (T,).
        returns: The learned return that is compared, shape (B,): the sum of the rewards, or their
            mean times the segment length where the model was fitted to that.
        probabilities: Probability of each class, shape (B, C), the mean over the model's members;
            see `gym_rated.fitting.classes.class_chances`. All equal where no fitted rating of the
            scale tells.
    """

    ids: tuple[str, ...]
    ratings: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    rewards: list[NDArray[np.float32]]
    returns: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The most probable class of each segment, shape (B,)."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    def __post_init__(self) -> None:
        """Refuse what is of no use to a report with a TypeError or a ValueError."""
        for name in self.ids:
            check_text("ids", name)
        for name, kind in _KINDS.items():
            _check_array(name, getattr(self, name), kind)
        num, shape = len(self.ids), self.probabilities.shape
        columns = (self.ratings, self.held_out, self.returns)
        if {column.shape for column in columns} != {(num,)} or len(self.rewards) != num:
            raise ValueError(f"each of the {num} `ids` must have a row in all columns, got others")
        if len(shape) != 2 or shape[0] != num or shape[1] < 2:
            raise ValueError(f"`probabilities` must have shape ({num}, C), got {shape}")
        check_num_classes(shape[1])
        if not ((self.ratings >= 0) & (self.ratings < shape[1])).all():
            raise ValueError(f"`ratings` must lie in 0..{shape[1] - 1}, got others")
        sums = self.probabilities.sum(1)
        if (self.probabilities < 0).any() or (np.abs(sums - 1) > _ROUNDING).any():
            raise ValueError("`probabilities` must be at least 0, and each row sum to 1")
        for steps in self.rewards:
            _check_array("rewards", steps, np.float32)
            if steps.ndim != 1 or len(steps) == 0:
                raise ValueError(f"`rewards` must have a number for each step, got {steps.shape}")

    def save(self, folder: str | PathLike[str]) -> None:
        """Write them to a folder, atomically; `load` reads it."""
        state: dict[str, Any] = {**vars(self), "format": FORMAT}
        state["lengths"] = np.array([len(steps) for steps in self.rewards], np.int64)
        state["rewards"] = np.concatenate([np.zeros(0, np.float32), *self.rewards])
        save_state(Path(folder), state)

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: If the folder or one of its files is missing.
            ValueError: If it is damaged, or holds something else.
        """
        state = load_state(Path(folder))
        found = state.pop("format", None)
        if not isinstance(found, str) or found != FORMAT:  # `!=` alone compares within arrays
            raise ValueError(f"`folder` must hold predictions, got {found!r:.80} in {folder}")
        with restoring("folder", folder):
            steps, lengths = state.pop("rewards"), state.pop("lengths")
            _check_array("lengths", lengths, np.int64)
            if sum(lengths.tolist()) != len(steps) or (lengths < 1).any():
                raise ValueError(f"`lengths` must be at least 1 and sum to {len(steps)}")
            rewards = np.split(steps, np.cumsum(lengths)[:-1]) if len(lengths) else []
            return cls(**state, rewards=rewards)


def _check_array(name: str, array: Any, kind: Any) -> None:
    """Refuse what is no array of finite numbers of a type."""
    if not isinstance(array, np.ndarray) or array.dtype != kind:
        found = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"`{name}` must be an array of {np.dtype(kind)}, got {found}")
    if not all_finite(array):
        raise ValueError(f"`{name}` must be finite, got NaN or infinity")
