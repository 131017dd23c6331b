"""A segment: a window of one episode, what a rater judges and a reward model learns from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from gym_rated.checks import check_text, whole_number
from gym_rated.segments.structure import column_names, unflattened


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

    def unflatten(self, space: Space[Any]) -> Any:
        """Return the observations in the structure of their space, for a rule that rates them.

        Args:
            space: Space of one observation, `env.observation_space`.

        Returns:
            What the space holds, each part with a leading axis of T: of a Dict the parts by name.

        Raises:
            ValueError: If the observations are not of the space.
        """
        return unflattened(space, self.obs)

    def columns(self, space: Space[Any]) -> dict[str, NDArray[Any]]:
        """Return the numbers of the observations by name, such as `arm/joints[0]`, shape (T,) each.

        Raises:
            ValueError: If the observations are not of the space.
        """
        names = column_names(space)
        if len(names) != self.obs.shape[1]:
            raise ValueError(
                f"`space` must have {self.obs.shape[1]} numbers as the observations of segment "
                f"{self.id!r}, got {len(names)} of {space}"
            )
        return dict(zip(names, self.obs.T, strict=True))


def check_segment(segment: Segment) -> None:
    """Refuse a segment that no episode can have.

    Raises:
        TypeError: If the id is no text, a place is no whole number, or an array holds no numbers.
        ValueError: If a place is negative, shapes do not fit each other, there is no step, or a
            number is not finite.
    """
    check_text("id", segment.id)
    places = {"round": segment.round, **vars(segment.origin)}
    for name, place in places.items():
        whole_number(name, place, minimum=0)
    for name, array in (("obs", segment.obs), ("actions", segment.actions)):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
            found = getattr(array, "dtype", type(array).__name__)
            raise TypeError(f"`{name}` of segment {segment.id!r} must hold numbers, got {found}")
        if array.ndim != 2 or not array.size or len(array) != len(segment):
            raise ValueError(
                f"`{name}` of segment {segment.id!r} must have shape (T, numbers of a step) with "
                f"T = {len(segment)} >= 1, got {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` of segment {segment.id!r} must be finite")
