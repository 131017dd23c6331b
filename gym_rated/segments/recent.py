"""The newest steps of some environments, to judge a reward by what an agent does now."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RecentSteps:
    """S steps; those of one episode stand together, in their order.

    Attributes:
        obs: Raw, encoded observation before each step, shape (S, D).
        actions: Encoded action of each step, shape (S, A).
        true_rewards: The environment's own reward of each step, shape (S,). Read by
            `RatingFeedbackWrapper.judge` only, which hands on how they agree with others.
        episodes: Which episode each step is of, counted from 0, shape (S,).
    """

    obs: NDArray[Any]
    actions: NDArray[np.float32]
    true_rewards: NDArray[np.float64]
    episodes: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of steps S."""
        return len(self.actions)
