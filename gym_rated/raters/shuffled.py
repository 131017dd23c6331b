"""The control of every experiment with ratings: the same ratings, given to the wrong segments."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from gym_rated.raters.protocol import Answer, Rater, Rating
from gym_rated.segments import Segment


class ShuffledRater:
    """Hand another rater's ratings to segments at random.

    The permutation covers everything rated so far and grows with it: each newly rated segment
    swaps its rating with one drawn uniformly from all (itself included). So how often each class
    occurs stays as it was, and nothing else does: an agent that learns from these ratings learns
    from a leak.

    Args:
        rater: The rater whose ratings are shuffled; its skips and comparisons are dropped.
        seed: Seed of the permutation.
    """

    def __init__(self, rater: Rater, *, seed: int = 0) -> None:
        self.rater = rater
        self.num_classes = rater.num_classes
        self._rng = np.random.default_rng(seed)
        self._position: dict[tuple[str, str], int] = {}  # of each (segment, rater) that rated
        self._ratings: list[int] = []  # the rating at a position before shuffling
        self._source: list[int] = []  # the position whose rating it gets
        self._given: list[Rating | None] = []

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered."""
        return self.rater.pending

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask the other rater."""
        self.rater.submit(segments)

    def collect(self) -> list[Answer]:
        """Return ratings that changed since the last call, revisions of earlier ones among them."""
        for answer in self.rater.collect():
            if not isinstance(answer, Rating) or answer.rating < 0:
                continue
            key = (answer.segment_id, answer.rater)
            if key in self._position:
                self._ratings[self._position[key]] = answer.rating
            else:
                self._insert(key, answer.rating)
        return self._changes()

    def _insert(self, key: tuple[str, str], rating: int) -> None:
        last = self._position[key] = len(self._position)
        self._ratings.append(rating)
        self._source.append(last)
        self._given.append(None)
        other = int(self._rng.integers(last + 1))
        self._source[last], self._source[other] = self._source[other], self._source[last]

    def _changes(self) -> list[Answer]:
        changes: list[Answer] = []
        for (segment_id, rater), k in self._position.items():
            last, rating = self._given[k], self._ratings[self._source[k]]
            if last is None or last.rating != rating:
                revision = 0 if last is None else last.revision + 1
                given = self._given[k] = Rating(segment_id, rating, rater, revision)
                changes.append(given)
        return changes

    def state_dict(self) -> dict[str, Any]:
        """Return the permutation and the other rater's memory, for a checkpoint."""
        return {
            "rater": self.rater.state_dict() if hasattr(self.rater, "state_dict") else None,
            "keys": [list(key) for key in self._position],
            "ratings": list(self._ratings),
            "source": list(self._source),
            "given": [None if r is None else [r.rating, r.revision] for r in self._given],
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if state["rater"] is not None:
            self.rater.load_state_dict(state["rater"])  # type: ignore[attr-defined]  # it gave the state
        keys = [(segment_id, rater) for segment_id, rater in state["keys"]]
        self._position = {key: k for k, key in enumerate(keys)}
        self._ratings, self._source = list(state["ratings"]), list(state["source"])
        self._given = [
            None if given is None else Rating(segment_id, given[0], rater, given[1])
            for (segment_id, rater), given in zip(keys, state["given"], strict=True)
        ]
        self._rng.bit_generator.state = state["rng"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self
