"""The control of every experiment with ratings: the same ratings, given to the wrong segments."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from gym_rated.raters.protocol import Comparison, Rater, Rating
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
        self._ids: list[str] = []  # segments in the order in which they were rated
        self._ratings: list[int] = []  # rating of ids[k] before shuffling
        self._source: list[int] = []  # whose rating ids[k] gets
        self._given: dict[str, Rating] = {}

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered."""
        return self.rater.pending

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask the other rater."""
        self.rater.submit(segments)

    def collect(self) -> list[Rating | Comparison]:
        """Return ratings that changed since the last call, revisions of earlier ones among them."""
        position = {segment_id: k for k, segment_id in enumerate(self._ids)}
        name = "shuffled"
        for answer in self.rater.collect():
            if not isinstance(answer, Rating) or answer.rating < 0:
                continue
            name = answer.rater
            if answer.segment_id in position:
                self._ratings[position[answer.segment_id]] = answer.rating
            else:
                position[answer.segment_id] = len(self._ids)
                self._insert(answer.segment_id, answer.rating)
        return self._changes(name)

    def _insert(self, segment_id: str, rating: int) -> None:
        last = len(self._ids)
        self._ids.append(segment_id)
        self._ratings.append(rating)
        self._source.append(last)
        other = int(self._rng.integers(last + 1))
        self._source[last], self._source[other] = self._source[other], self._source[last]

    def _changes(self, name: str) -> list[Rating | Comparison]:
        changes: list[Rating | Comparison] = []
        for segment_id, source in zip(self._ids, self._source, strict=True):
            last, rating = self._given.get(segment_id), self._ratings[source]
            if last is None or last.rating != rating:
                revision = 0 if last is None else last.revision + 1
                self._given[segment_id] = Rating(segment_id, rating, name, revision)
                changes.append(self._given[segment_id])
        return changes

    def state_dict(self) -> dict[str, Any]:
        """Return the permutation and the other rater's memory, for a checkpoint."""
        return {
            "rater": self.rater.state_dict() if hasattr(self.rater, "state_dict") else None,
            "ids": self._ids,
            "ratings": self._ratings,
            "source": self._source,
            "given": [[r.segment_id, r.rating, r.rater, r.revision] for r in self._given.values()],
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if state["rater"] is not None:
            self.rater.load_state_dict(state["rater"])  # type: ignore[attr-defined]  # it gave the state
        self._ids, self._ratings = list(state["ids"]), list(state["ratings"])
        self._source = list(state["source"])
        self._given = {fields[0]: Rating(*fields) for fields in state["given"]}
        self._rng.bit_generator.state = state["rng"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self
