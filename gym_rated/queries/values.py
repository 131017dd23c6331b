"""What an ensemble says of segments that nobody has rated yet: their values and their classes.

Each member learned from ratings, which fix neither the offset nor the scale of its reward, so each
is read on its own scale: that of its values of the candidates.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gym_rated.segments import Segment

_TINY = 1e-12
_NOISE = 0.2  # spread of a rating near a limit, as a share of the width of a class


class SegmentModel(Protocol):
    """What a strategy needs of a reward model; `RewardEnsemble` has it."""

    @property
    def ready(self) -> bool:
        """Whether a fit has succeeded."""
        ...

    def returns(self, segments: Sequence[Segment]) -> NDArray[Any]:
        """Return every member's return of B segments, shape (E, B)."""
        ...


def segment_values(model: SegmentModel, segments: Sequence[Segment]) -> NDArray[np.float64]:
    """Return what each member says that a rater judges, shape (E, B).

    That is the sum of the rewards, or their mean if the model was fitted to it (`options` of the
    model, "segment_value").
    """
    values = np.asarray(model.returns(segments), np.float64)
    if getattr(model, "options", {}).get("segment_value") == "mean":
        values = values / [len(segment) for segment in segments]
    return values


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each member's values (E, B) with mean 0 and standard deviation 1 over segments.

    Christiano et al. 2017, section 2.2.3: the members are normalised independently.
    """
    std = values.std(1, keepdims=True)
    centred = values - values.mean(1, keepdims=True)
    return np.asarray(centred / np.where(std > _TINY, std, 1.0))


def quantile_chances(values: NDArray[np.float64], num_classes: int) -> NDArray[np.float64]:
    """Return the probability of each class by each member, shape (E, B, C), for values (E, B).

    Of candidates that nobody has rated; for rated segments, whose ratings say how common each class
    is, there is `gym_rated.fitting.classes`. The limits between classes are the quantiles i / C of
    a member's values, so that each class is predicted for as many candidates: a rater who judges by
    comparison with what there is rates so.
    Around a limit the class is a matter of chance, as in a cumulative link model:
    P(class < i) = 1 / (1 + exp((value - limit_i) / w)), with w a fifth of the usual width of a
    class [our inference].
    """
    limits = np.quantile(values, np.arange(1, num_classes) / num_classes, axis=1)  # (C - 1, E)
    low, high = np.quantile(values, (0.1, 0.9), axis=1)
    width = np.maximum(_NOISE * (high - low) / (0.8 * num_classes), _TINY)  # (E,)
    distance = (limits[:, :, None] - values) / width[:, None]  # (C - 1, E, B)
    below = 1 / (1 + np.exp(-np.clip(distance, -50, 50)))
    edges = np.concatenate((np.zeros((1, *values.shape)), below, np.ones((1, *values.shape))))
    return np.asarray(np.diff(edges, axis=0).transpose(1, 2, 0))


def entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy over the last axis, in nats; 0 log 0 is 0."""
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return np.asarray(-(probabilities * logs).sum(-1))
