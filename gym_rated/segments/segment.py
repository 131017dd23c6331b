"""A segment: a window of one episode, what a rater judges and a reward model learns from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Origin:
    """Where a segment was cut: enough to find, or replay, the moment."""

    env_index: int
    """Index of the sub-environment, 0 in a single environment."""
    episode: int
    """Number of the episode in that sub-environment, from 0."""
    first_step: int
    """Step of the episode at which the segment begins, from 0."""
    policy_step: int
    """Environment steps, summed over sub-environments, that the run had taken by then."""


@dataclass(frozen=True, eq=False)
class Segment:
    """A window of T steps of one episode (T <= the longest `segment_length`).

    Attributes:
        id: Unique in the run.
        obs: Raw, flattened observation before each step, shape (T, D): float32, or uint8 where
            pixels are kept.
        actions: Encoded action of each step, shape (T, A): clipped Box values, or one-hot.
        true_rewards: The environment's own reward of each step, shape (T,). Read by synthetic
            raters and by evaluation only; a `RatingDataset` drops it.
        round: Number of the query that asked for it. Ratings of one rater and one round share a
            scale.
        origin: Where it was cut.
        raw_actions: What the environment was given, from the first step of the episode to the
            segment's last, shape (`origin.first_step` + T, ...), where replay is recorded. A
            `RatingDataset` drops it.
        frames: The picture after each step, T of them, where frames are recorded; see
            `gym_rated.segments.frames`. A `RatingDataset` drops them.
    """

    id: str
    obs: NDArray[Any]
    actions: NDArray[np.float32]
    true_rewards: NDArray[np.float64]
    round: int
    origin: Origin
    raw_actions: NDArray[Any] | None = None
    frames: tuple[bytes, ...] | None = None

    def __len__(self) -> int:
        """Return the number of steps T."""
        return len(self.actions)
