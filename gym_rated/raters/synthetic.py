"""A rater computed from the true reward, for experiments without people.

What decides an experiment is the rater's scale, more than the loss: fixed boundaries taken from a
trained agent put almost every early segment into the worst class, and nothing is learned. The
default therefore rates by rank among everything seen so far. Rating everything again as standards
rise (`regrade=True`) is a luxury that only a computed rater has; `regrade=False` is how a person
rates.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.raters.protocol import Answer, Rating, check_num_classes
from gym_rated.segments import Segment


class SyntheticRater:
    """Rate segments by their true return.

    Without `boundaries` the rating is the quantile of the return among those seen: a segment with
    mid-rank F in [0, 1] (share of returns below it, plus half of those equal to it) gets class
    floor(C * F). Equal returns get equal ratings, and the mid-rank keeps them in a middle class
    instead of the best or the worst [our inference].

    Args:
        num_classes: Number of rating classes C, at least 2.
        boundaries: Fixed, increasing cut points of the true return, shape (C - 1,), in reward
            units: class i holds returns in [boundaries[i - 1], boundaries[i]). None rates by
            quantiles.
        regrade: Rate everything again at every query, and hand out changed ratings as revisions.
            False never touches a rating once given, as a person.
        relative_to: What quantiles refer to where nothing is regraded: "everything" seen so far,
            or only the "round" being rated.
        mistake_rate: Probability that a rating is wrong, in [0, 1]: then uniform over the other C
            - 1 classes. A segment stays mistaken by the same number of classes when it is
            regraded.
        name: Name of the rater, stored with each rating.
        seed: Seed of the mistakes.

    Raises:
        TypeError: If `num_classes` is not an int.
        ValueError: If a value is out of range or options contradict each other.
    """

    pending = 0

    def __init__(
        self,
        num_classes: int = 5,
        *,
        boundaries: ArrayLike | None = None,
        regrade: bool = True,
        relative_to: Literal["everything", "round"] = "everything",
        mistake_rate: float = 0.0,
        name: str = "synthetic",
        seed: int = 0,
    ) -> None:
        self.num_classes = check_num_classes(num_classes)
        self.boundaries = None if boundaries is None else _checked(boundaries, num_classes)
        if relative_to not in ("everything", "round"):
            raise ValueError(f"`relative_to` must be 'everything' or 'round', got {relative_to!r}")
        if relative_to == "round" and (regrade or boundaries is not None):
            raise ValueError(
                "`relative_to='round'` rates each round on a scale of its own; it needs "
                f"`regrade=False` and no `boundaries`, got regrade={regrade}, "
                f"boundaries={self.boundaries}"
            )
        if not 0 <= mistake_rate <= 1:
            raise ValueError(f"`mistake_rate` must lie in [0, 1], got {mistake_rate}")
        self.regrade = regrade
        self.relative_to = relative_to
        self.mistake_rate = mistake_rate
        self.name = name
        self._rng = np.random.default_rng(seed)
        self._returns: dict[str, float] = {}  # of every segment seen, in order
        self._mistakes: dict[str, int] = {}  # classes by which a rating is off, 0 where it is right
        self._ratings: dict[str, Rating] = {}
        self._answers: list[Rating] = []

    def submit(self, segments: Sequence[Segment]) -> None:
        """Rate segments, and others again where `regrade` says so.

        Raises:
            ValueError: If a true reward is not finite or an id was submitted before; then nothing
                changes.
        """
        returns = self._checked_returns(segments)
        self._returns |= returns
        for segment_id in returns:
            self._mistakes[segment_id] = self._draw_mistake()
        judged = self._returns if self.regrade else returns
        reference = returns if self.relative_to == "round" else self._returns
        classes = self._classes(_values(judged), _values(reference))
        for segment_id, clean in zip(judged, classes.tolist(), strict=True):
            self._answer(segment_id, (clean + self._mistakes[segment_id]) % self.num_classes)

    def collect(self) -> list[Answer]:
        """Return new and changed ratings since the last call."""
        answers, self._answers = self._answers, []
        return list(answers)

    def _answer(self, segment_id: str, rating: int) -> None:
        last = self._ratings.get(segment_id)
        if last is None or last.rating != rating:
            revision = 0 if last is None else last.revision + 1
            self._ratings[segment_id] = Rating(segment_id, rating, self.name, revision)
            self._answers.append(self._ratings[segment_id])

    def _draw_mistake(self) -> int:
        mistaken = self._rng.random() < self.mistake_rate
        return int(self._rng.integers(1, self.num_classes)) if mistaken else 0

    def _classes(
        self, returns: NDArray[np.float64], reference: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        if self.boundaries is not None:
            return np.searchsorted(self.boundaries, returns, side="right")
        ordered = np.sort(reference)
        below = np.searchsorted(ordered, returns, side="left")
        up_to = np.searchsorted(ordered, returns, side="right")
        return (self.num_classes * (below + up_to)) // max(2 * len(ordered), 1)

    def _checked_returns(self, segments: Sequence[Segment]) -> dict[str, float]:
        returns: dict[str, float] = {}
        for segment in segments:
            if segment.id in self._returns or segment.id in returns:
                raise ValueError(
                    f"`segments` must be new to the rater, got {segment.id!r} twice; "
                    "give each environment a rater of its own"
                )
            returns[segment.id] = float(segment.true_rewards.sum())
            if not np.isfinite(returns[segment.id]):
                raise ValueError(
                    "`true_rewards` must be finite for a synthetic rater, got a return of "
                    f"{returns[segment.id]} in segment {segment.id!r}; an environment without a "
                    "reward needs a CallableRater or a person"
                )
        return returns

    def state_dict(self) -> dict[str, Any]:
        """Return the rater's memory, for a checkpoint. It holds true returns."""
        ids = list(self._returns)
        return {
            "ids": ids,
            "returns": np.array(_values(self._returns)),
            "mistakes": np.array([self._mistakes[i] for i in ids], np.int64),
            "ratings": np.array([self._ratings[i].rating for i in ids], np.int64),
            "revisions": np.array([self._ratings[i].revision for i in ids], np.int64),
            "answers": [[a.segment_id, a.rating, a.revision] for a in self._answers],
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ids = state["ids"]
        self._returns = dict(zip(ids, state["returns"].tolist(), strict=True))
        self._mistakes = dict(zip(ids, state["mistakes"].tolist(), strict=True))
        rated = zip(ids, state["ratings"].tolist(), state["revisions"].tolist(), strict=True)
        self._ratings = {i: Rating(i, rating, self.name, rev) for i, rating, rev in rated}
        self._answers = [Rating(i, rating, self.name, rev) for i, rating, rev in state["answers"]]
        self._rng.bit_generator.state = state["rng"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self


def _values(returns: dict[str, float]) -> NDArray[np.float64]:
    return np.fromiter(returns.values(), np.float64, len(returns))


def _checked(boundaries: ArrayLike, num_classes: int) -> NDArray[np.float64]:
    cuts = np.asarray(boundaries, np.float64)
    if cuts.shape != (num_classes - 1,):
        raise ValueError(
            f"`boundaries` must hold num_classes - 1 = {num_classes - 1} cut points, "
            f"got shape {cuts.shape}"
        )
    if not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"`boundaries` must be finite and increasing, got {cuts.tolist()}")
    return cuts
