"""Ask where the reward model is unsure, or about all that it can tell apart.

Until the model is ready its predictions say nothing, and every strategy here chooses uniformly.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.queries.coverage import describe, farthest_first
from gym_rated.queries.selection import highest, uniform
from gym_rated.queries.values import (
    SegmentModel,
    entropy,
    quantile_chances,
    segment_values,
    standardised,
)
from gym_rated.segments import Segment


class _ByScore(ABC):
    """Choose the segments that score highest by a reward model."""

    def __init__(self, model: SegmentModel, *, shortlist: int = 1) -> None:
        self.model = model
        self.shortlist = whole_number("shortlist", shortlist)

    def __call__(
        self, candidates: Sequence[Segment], num: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Choose `num` of the candidates; returns their indices."""
        if not self.model.ready or not candidates:
            return uniform(candidates, num, rng)
        best = highest(self.scores(candidates), self.shortlist * num, rng)
        if self.shortlist == 1:
            return best
        features = describe([candidates[i] for i in best])
        return best[farthest_first(features, num, rng)]

    @abstractmethod
    def scores(self, candidates: Sequence[Segment]) -> NDArray[np.float64]:
        """Return how much is to be learned from each candidate, shape (B,)."""


class Disagreement(_ByScore):
    """Ask where the members of the ensemble disagree most about a segment's return.

    Standard deviation over members of the segment return (Christiano et al. 2017, section 2.2.4;
    PEBBLE), each member's returns of the candidates standardised first, because ratings leave
    their offset and scale open.

    Args:
        model: The reward model: its `ready` and `returns` are used.
        shortlist: Above 1, take the best `shortlist` times as many and choose among them those
            that are far apart (k-center, as `Coverage`), so that no two questions are the same.

    Raises:
        ValueError: If `shortlist` is below 1.
    """

    def scores(self, candidates: Sequence[Segment]) -> NDArray[np.float64]:
        """Return the members' standard deviation, shape (B,), in units of a member's own."""
        return np.asarray(standardised(segment_values(self.model, candidates)).std(0))


class _ByClass(_ByScore):
    def __init__(self, model: SegmentModel, num_classes: int, *, shortlist: int = 1) -> None:
        super().__init__(model, shortlist=shortlist)
        self.num_classes = whole_number("num_classes", num_classes, minimum=2)

    def _probabilities(self, candidates: Sequence[Segment]) -> NDArray[np.float64]:
        return quantile_chances(segment_values(self.model, candidates), self.num_classes)


class Entropy(_ByClass):
    """Ask about segments that lie between two classes: whose rating the members leave open.

    Entropy of the predicted rating class, averaged over members. A class holds the same share of
    the candidates by each member's own returns, see `quantile_chances`. Much of this entropy is
    the rater's own wavering, which no answer removes: `InformationGain` subtracts it.

    Args:
        model: The reward model: its `ready` and `returns` are used.
        num_classes: Number of rating classes C, at least 2.
        shortlist: As for `Disagreement`.

    Raises:
        ValueError: If a number is too small.
    """

    def scores(self, candidates: Sequence[Segment]) -> NDArray[np.float64]:
        """Return the mean entropy, shape (B,), in nats."""
        return np.asarray(entropy(self._probabilities(candidates)).mean(0))


class InformationGain(_ByClass):
    """Ask about segments whose rating would say most about which member is right.

    The mutual information between the rating and the member, H(mean p) - mean H(p): BALD (Houlsby
    et al. 2011), with the members for the posterior; for rewards from comparisons see Biyik et al.
    2019. High where each member is sure of its class and they are not the same.

    Args:
        model: The reward model: its `ready` and `returns` are used.
        num_classes: Number of rating classes C, at least 2.
        shortlist: As for `Disagreement`.

    Raises:
        ValueError: If a number is too small.
    """

    def scores(self, candidates: Sequence[Segment]) -> NDArray[np.float64]:
        """Return the mutual information, shape (B,), in nats, at most log E."""
        probabilities = self._probabilities(candidates)
        return np.asarray(entropy(probabilities.mean(0)) - entropy(probabilities).mean(0))


class Stratified:
    """Ask about equally many segments of each predicted class, so that no rare class is missed.

    Here the classes have equal *width*: they divide the range of the ensemble's mean return over
    the candidates, so a class may be rare, as good behaviour is at first. Where a class has too few
    candidates, the others share its places.

    Args:
        model: The reward model: its `ready` and `returns` are used.
        num_classes: Number of rating classes C, at least 2.

    Raises:
        ValueError: If `num_classes` is below 2.
    """

    def __init__(self, model: SegmentModel, num_classes: int) -> None:
        self.model = model
        self.num_classes = whole_number("num_classes", num_classes, minimum=2)

    def __call__(
        self, candidates: Sequence[Segment], num: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Choose `num` of the candidates; returns their indices."""
        order = uniform(candidates, len(candidates), rng)
        if not self.model.ready or not candidates:
            return order[:num]
        classes = self.classes(candidates)[order]
        turn = np.zeros(len(order), np.int64)  # the how-maniest of its class each one is
        for c in range(self.num_classes):
            turn[classes == c] = np.arange(np.count_nonzero(classes == c))
        return order[np.argsort(turn, kind="stable")][:num]

    def classes(self, candidates: Sequence[Segment]) -> NDArray[np.int64]:
        """Return the predicted class of each candidate, 0 to C - 1, shape (B,)."""
        values = segment_values(self.model, candidates).mean(0)
        low, high = values.min(), values.max()
        limits = np.linspace(low, high, self.num_classes + 1)[1:-1]
        return np.asarray(np.searchsorted(limits, values, side="right"), np.int64)
