"""A rater who does not always judge in the same way: another strategy later on, or now and then.

Wu et al. 2025 (arXiv 2506.09183) think of people as judging now by classes, now by values. Which of
several strategies is at work follows here from how much was rated before, or from chance.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import isclose
from typing import Any

import numpy as np

from gym_rated.checks import check_number, whole_number
from gym_rated.raters.inner import InnerRaters
from gym_rated.raters.protocol import Rater
from gym_rated.segments import Segment


class SwitchingRater(InnerRaters):
    """Judge each segment by one of several strategies, each of them a rater.

    A strategy knows only the segments that it was asked about, and answers under its own name.
    Strategies of one person have one name: then their answers of one round share a scale. Those of
    different names make groups of their own.

    Args:
        raters: The strategies, at least two, with the same classes.
        starts: After how many segments each of them takes over, increasing from 0: (0, 100) asks
            the second from the 101st segment on.
        shares: In the place of `starts`, the probability that a segment goes to each of them; they
            sum to 1.
        seed: Seed of that chance.

    Raises:
        TypeError: If one of `starts` is no int, or of `shares` no number.
        ValueError: If not just one of `starts` and `shares` is given, their number is not that of
            the raters, they are out of range, or the classes do not fit together.
    """

    def __init__(
        self,
        raters: Sequence[Rater],
        *,
        starts: Sequence[int] | None = None,
        shares: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(raters)
        if (starts is None) == (shares is None):
            raise ValueError(
                "`starts` or `shares` must say which strategy is at work, and not both, got "
                f"starts={starts} and shares={shares}"
            )
        self.starts = None if starts is None else self._checked_starts(starts)
        self.shares = None if shares is None else self._checked_shares(shares)
        self._rng = np.random.default_rng(seed)
        self._num_asked = 0

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask about each segment the strategy that is at work."""
        dealt: list[list[Segment]] = [[] for _ in self.raters]
        for segment in segments:
            dealt[self._at_work()].append(segment)
            self._num_asked += 1
        self._ask(dealt)

    def state_dict(self) -> dict[str, Any]:
        """Return how much was asked and the memories of the strategies, for a checkpoint."""
        return {
            "raters": self._memories(),
            "num_asked": self._num_asked,
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._load_memories(state["raters"])
        self._num_asked = state["num_asked"]
        self._rng.bit_generator.state = state["rng"]

    def _at_work(self) -> int:
        """Return the number of the strategy for the next segment."""
        if self.starts is not None:
            return bisect_right(self.starts, self._num_asked) - 1
        return int(self._rng.choice(len(self.raters), p=self.shares))

    def _checked_starts(self, starts: Sequence[int]) -> list[int]:
        found = [whole_number("starts", start, minimum=0) for start in starts]
        rises = all(before < after for before, after in pairwise(found))
        if len(found) != len(self.raters) or found[:1] != [0] or not rises:
            raise ValueError(
                f"`starts` must be {len(self.raters)} increasing numbers from 0, one for each "
                f"rater, got {list(starts)}"
            )
        return found

    def _checked_shares(self, shares: Sequence[float]) -> list[float]:
        found = [check_number("shares", share, 0, 1) for share in shares]
        if len(found) != len(self.raters) or not isclose(sum(found), 1):
            raise ValueError(
                f"`shares` must be {len(self.raters)} numbers of at least 0 that sum to 1, one for "
                f"each rater, got {list(shares)}"
            )
        return found
