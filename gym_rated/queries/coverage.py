"""Ask about segments that are unlike each other, whatever the reward model says of them.

k-center greedy, or farthest-first (Gonzalez 1985; for active learning Sener and Savarese 2018):
each choice is the candidate farthest from all those chosen before. After k choices no candidate is
more than twice as far from a chosen one as under the best k choices.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gym_rated.segments import Segment

_MAX_NUMBERS = 1_000  # of an observation: of an image every n-th number says enough


class Coverage:
    """Choose segments far apart in the mean and spread of what happens in them.

    A segment is described by mean and standard deviation, over its steps, of each number of
    observation and action, each standardised over the candidates. The first segment is chosen at
    random. What was asked in earlier queries is not looked at.
    """

    def __call__(
        self, candidates: Sequence[Segment], num: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Choose `num` of the candidates; returns their indices."""
        return farthest_first(describe(candidates), num, rng)


def describe(segments: Sequence[Segment]) -> NDArray[np.float32]:
    """Return mean and spread of observations and actions, standardised over B segments, (B, F)."""
    if not segments:
        return np.zeros((0, 0), np.float32)
    features = np.stack([_mean_and_spread(segment) for segment in segments])
    std = features.std(0)
    return np.asarray((features - features.mean(0)) / np.where(std > 0, std, 1), np.float32)


def farthest_first(
    features: NDArray[np.float32], num: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return min(num, B) indices of `features`, shape (B, F), in the order of their choice."""
    num = min(num, len(features))
    chosen = np.zeros(num, np.int64)
    distances = np.full(len(features), np.inf, np.float32)
    for i in range(num):
        # at first all are infinitely far; later, of those equally far, the first
        chosen[i] = rng.integers(len(features)) if i == 0 else distances.argmax()
        to_chosen = np.square(features - features[chosen[i]]).sum(1)
        distances = np.minimum(distances, to_chosen)
        distances[chosen[i]] = -1  # never again, even if all are alike
    return chosen


def _mean_and_spread(segment: Segment) -> NDArray[np.float32]:
    obs = segment.obs.reshape(len(segment), -1)
    obs = obs[:, :: -(-obs.shape[1] // _MAX_NUMBERS)]
    steps = np.concatenate((obs, segment.actions), axis=1, dtype=np.float32)
    return np.concatenate((steps.mean(0), steps.std(0)))
