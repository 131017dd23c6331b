"""The control of every experiment with ratings: the same ratings, given to the wrong segments."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from gym_rated.raters.protocol import Rater
from gym_rated.ratings.answer import SKIPPED, Answer, Comparison, Rating, Score
from gym_rated.segments import Segment


class ShuffledRater:
    """Hand another rater's ratings and scores to segments at random, and toss its comparisons.

    The permutation covers everything rated so far and grows with it: each newly rated segment
    swaps its rating with one drawn uniformly from all (itself included). So how often each class
    occurs stays as it was, and nothing else does: an agent that learns from these ratings learns
    from a leak. Scores are shuffled among themselves; each comparison is reversed with probability
    1/2.

    Args:
        rater: The rater whose answers are shuffled; its skips are dropped.
        seed: Seed of the permutations and of the coin.
    """

    def __init__(self, rater: Rater, *, seed: int = 0) -> None:
        self.rater = rater
        self.num_classes = rater.num_classes
        self._rng = np.random.default_rng(seed)
        self._ratings = _Shuffle()
        self._scores = _Shuffle()

    @property
    def criterion(self) -> str | None:
        """The criterion of the rater whose ratings are shuffled, if it has one."""
        return getattr(self.rater, "criterion", None)

    @property
    def reads_true_rewards(self) -> bool:
        """Whether the other rater judges by the true reward."""
        return getattr(self.rater, "reads_true_rewards", False)

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered."""
        return self.rater.pending

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask the other rater."""
        self.rater.submit(segments)

    def collect(self) -> list[Answer]:
        """Return answers that changed since the last call, revisions of earlier ones among them."""
        tossed: list[Answer] = []
        for answer in self.rater.collect():
            if isinstance(answer, Comparison):
                tossed.append(self._toss(answer))
            elif isinstance(answer, Score):
                self._scores.put((answer.segment_id, answer.rater), answer.score, self._rng)
            elif answer.rating != SKIPPED:
                self._ratings.put((answer.segment_id, answer.rater), answer.rating, self._rng)
        ratings = [Rating(i, int(value), who, n) for (i, who), value, n in self._ratings.changes()]
        scores = [Score(i, value, who, n) for (i, who), value, n in self._scores.changes()]
        return [*ratings, *scores, *tossed]

    def _toss(self, answer: Comparison) -> Comparison:
        if self._rng.random() < 0.5:
            return answer
        return Comparison(answer.worse_id, answer.better_id, answer.rater)

    def state_dict(self) -> dict[str, Any]:
        """Return the permutations and the other rater's memory, for a checkpoint."""
        return {
            "rater": self.rater.state_dict() if hasattr(self.rater, "state_dict") else None,
            "ratings": self._ratings.state_dict(),
            "scores": self._scores.state_dict(),
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if state["rater"] is not None:
            self.rater.load_state_dict(state["rater"])  # type: ignore[attr-defined]  # it gave the state
        self._ratings.load_state_dict(state["ratings"])
        self._scores.load_state_dict(state["scores"])
        self._rng.bit_generator.state = state["rng"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self


class _Shuffle:
    """floats of (segment, rater), each handed to another by a permutation that grows."""

    def __init__(self) -> None:
        self._position: dict[tuple[str, str], int] = {}
        self._values: list[float] = []  # the value at a position before shuffling
        self._source: list[int] = []  # the position whose value it gets
        self._given: list[tuple[float, int] | None] = []  # the last value handed out, its revision

    def put(self, key: tuple[str, str], value: float, rng: np.random.Generator) -> None:
        """Take in a value, in the place of the key's earlier one."""
        if key in self._position:
            self._values[self._position[key]] = value
            return
        last = self._position[key] = len(self._position)
        self._values.append(value)
        self._source.append(last)
        self._given.append(None)
        other = int(rng.integers(last + 1))
        self._source[last], self._source[other] = self._source[other], self._source[last]

    def changes(self) -> Iterator[tuple[tuple[str, str], float, int]]:
        """Yield (key, value, revision) where the value is not the one handed out last."""
        for key, k in self._position.items():
            last, value = self._given[k], self._values[self._source[k]]
            if last is None or last[0] != value:
                revision = 0 if last is None else last[1] + 1
                self._given[k] = (value, revision)
                yield key, value, revision

    def state_dict(self) -> dict[str, Any]:
        return {
            "keys": [list(key) for key in self._position],
            "values": list(self._values),
            "source": list(self._source),
            "given": [None if given is None else list(given) for given in self._given],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._position = {(segment, rater): k for k, (segment, rater) in enumerate(state["keys"])}
        self._values, self._source = list(state["values"]), list(state["source"])
        self._given = [None if given is None else (given[0], given[1]) for given in state["given"]]
