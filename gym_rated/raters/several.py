"""Several raters as one: people share the work, and do not share a scale."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from gym_rated.checks import whole_number
from gym_rated.raters.protocol import Rater
from gym_rated.ratings.answer import Answer
from gym_rated.segments import Segment


class SeveralRaters:
    """Give each segment to one or more of several raters.

    Segments go to those who were asked least so far, at random among equals. Each rater sees only
    what it is asked about, and answers under its own name, so its ratings make groups of their own.

    Args:
        raters: At least two raters with the same classes and different names.
        overlap: How many of them see each segment, from 1 to all.
        seed: Seed of who gets what.

    Raises:
        TypeError: If a rater has no name, or `overlap` is no int.
        ValueError: If a value is out of range, or names or classes do not fit together.
    """

    def __init__(self, raters: Sequence[Rater], *, overlap: int = 1, seed: int = 0) -> None:
        self.raters = list(raters)
        if len(self.raters) < 2:
            raise ValueError(f"`raters` must hold at least 2, got {len(self.raters)}")
        self.names = [_name_of(rater) for rater in self.raters]
        if len(set(self.names)) < len(self.names):
            raise ValueError(
                f"`raters` must have different names, got {self.names}; their ratings are told "
                "apart by `name`"
            )
        classes = [rater.num_classes for rater in self.raters]
        if len(set(classes)) > 1:
            raise ValueError(f"`raters` must have the same number of classes, got {classes}")
        self.num_classes = classes[0]
        self.overlap = whole_number("overlap", overlap)
        if overlap > len(self.raters):
            raise ValueError(
                f"`overlap` must be at most the number of raters, {len(self.raters)}, got {overlap}"
            )
        self._rng = np.random.default_rng(seed)
        self._asked = np.zeros(len(self.raters), np.int64)

    @property
    def criterion(self) -> str | None:
        """What those of them who judge as people do judge by, in words; None if nobody does."""
        found = [getattr(rater, "criterion", None) for rater in self.raters]
        return "; ".join(dict.fromkeys(words for words in found if words)) or None

    @property
    def pending(self) -> int:
        """Questions asked and not yet answered, summed over raters."""
        return sum(rater.pending for rater in self.raters)

    def submit(self, segments: Sequence[Segment]) -> None:
        """Deal segments to the raters."""
        dealt: list[list[Segment]] = [[] for _ in self.raters]
        for segment in segments:
            chance = self._rng.random(len(self.raters))
            for k in np.lexsort((chance, self._asked))[: self.overlap].tolist():
                dealt[k].append(segment)
                self._asked[k] += 1
        for rater, share in zip(self.raters, dealt, strict=True):
            if share:
                rater.submit(share)

    def collect(self) -> list[Answer]:
        """Return the answers of all raters since the last call."""
        return [answer for rater in self.raters for answer in rater.collect()]

    def state_dict(self) -> dict[str, Any]:
        """Return who was asked how often and the raters' memories, for a checkpoint."""
        return {
            "raters": [r.state_dict() if hasattr(r, "state_dict") else None for r in self.raters],
            "asked": self._asked.copy(),
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        for rater, memory in zip(self.raters, state["raters"], strict=True):
            if memory is not None:
                rater.load_state_dict(memory)  # type: ignore[attr-defined]  # it gave the state
        self._asked = state["asked"].copy()
        self._rng.bit_generator.state = state["rng"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self


def _name_of(rater: Rater) -> str:
    name = getattr(rater, "name", None)
    if not isinstance(name, str):
        raise TypeError(f"`raters` must each have a `name`, got {rater!r} without one")
    return name
