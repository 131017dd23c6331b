"""Several raters as one: people share the work, and do not share a scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gym_rated.checks import whole_number
from gym_rated.raters.inner import InnerRaters
from gym_rated.raters.protocol import Rater
from gym_rated.segments import Segment


class SeveralRaters(InnerRaters):
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
        super().__init__(raters)
        self.names = [_name_of(rater) for rater in self.raters]
        if len(set(self.names)) < len(self.names):
            raise ValueError(
                f"`raters` must have different names, got {self.names}; their ratings are told "
                "apart by `name`"
            )
        self.overlap = whole_number("overlap", overlap)
        if overlap > len(self.raters):
            raise ValueError(
                f"`overlap` must be at most the number of raters, {len(self.raters)}, got {overlap}"
            )
        self._rng = np.random.default_rng(seed)
        self._asked = np.zeros(len(self.raters), np.int64)

    def submit(self, segments: Sequence[Segment]) -> None:
        """Deal segments to the raters."""
        dealt: list[list[Segment]] = [[] for _ in self.raters]
        for segment in segments:
            chance = self._rng.random(len(self.raters))
            for k in np.lexsort((chance, self._asked))[: self.overlap].tolist():
                dealt[k].append(segment)
                self._asked[k] += 1
        self._ask(dealt)

    def state_dict(self) -> dict[str, Any]:
        """Return who was asked how often and the raters' memories, for a checkpoint."""
        return {
            "raters": self._memories(),
            "asked": self._asked.copy(),
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._load_memories(state["raters"])
        self._asked = state["asked"].copy()
        self._rng.bit_generator.state = state["rng"]


def _name_of(rater: Rater) -> str:
    name = getattr(rater, "name", None)
    if not isinstance(name, str):
        raise TypeError(f"`raters` must each have a `name`, got {rater!r} without one")
    return name
