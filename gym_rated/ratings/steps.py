"""Steps of a segment as the dataset keeps them: checked, whether they were just cut or loaded."""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import check_text, whole_number
from gym_rated.segments import Segment
from gym_rated.segments.segment import check_segment


@dataclass(frozen=True, eq=False)
class Steps:
    """What is kept of a segment: observations (T, D), actions (T, A), and its round."""

    obs: NDArray[Any]
    actions: NDArray[np.float32]
    round: int


def checked_steps(segment: Segment, obs_dim: int, action_dim: int) -> Steps:
    """Return a copy of a segment's steps, without its true rewards.

    Raises:
        ValueError: If a shape or a value is wrong.
    """
    for name, numbers, dim in (
        ("obs", segment.obs, obs_dim),
        ("actions", segment.actions, action_dim),
    ):
        if numbers.shape != (len(segment), dim) or len(segment) == 0:
            raise ValueError(
                f"`{name}` of segment {segment.id!r} must have shape (T, {dim}) with T >= 1, "
                f"got {numbers.shape}"
            )
    check_segment(segment)
    obs_dtype = np.uint8 if segment.obs.dtype == np.uint8 else np.float32
    with np.errstate(over="ignore"):
        obs, actions = np.array(segment.obs, obs_dtype), np.array(segment.actions, np.float32)
    for name, numbers in (("obs", obs), ("actions", actions)):
        if not np.isfinite(numbers).all():
            raise ValueError(f"`{name}` of segment {segment.id!r} must be finite as float32")
    return Steps(obs, actions, segment.round)


def stored_steps(
    segments: Sequence[Sequence[Any]],
    obs: NDArray[Any],
    actions: NDArray[Any],
    obs_dim: int,
    action_dim: int,
) -> Iterator[tuple[str, Steps]]:
    """Yield id and steps of the segments that were stored one behind the other.

    They pass the checks of `checked_steps`, but the numbers all at once.

    Raises:
        TypeError: If a name or a number is of another type.
        ValueError: If a shape or a value is wrong.
    """
    ends = np.cumsum([whole_number("length", length) for _, _, length in segments], dtype=np.int64)
    num_steps = int(ends[-1]) if len(ends) else 0
    for name, numbers, dim in (("obs", obs, obs_dim), ("actions", actions, action_dim)):
        dtypes = ("uint8", "float32") if name == "obs" else ("float32",)
        if numbers.ndim != 2 or numbers.dtype.name not in dtypes or not numbers.dtype.isnative:
            raise ValueError(
                f"`{name}` must be rows of {' or '.join(dtypes)}, got {numbers.shape} of "
                f"{numbers.dtype}"
            )
        if numbers.shape != (num_steps, dim):
            raise ValueError(
                f"`{name}` must have a row of {dim} numbers for each of the {num_steps} steps of "
                f"the segments, got shape {numbers.shape}"
            )
        if not np.isfinite(numbers).all():
            first = np.isfinite(numbers).all(1).argmin()
            bad = segments[int(np.searchsorted(ends, first, "right"))][0]
            raise ValueError(f"`{name}` of segment {bad!r} must be finite")
    obs, actions = obs.copy(), actions.copy()
    for (segment_id, round_, length), end in zip(segments, ends.tolist(), strict=True):
        steps = slice(end - length, end)
        check_text("id", segment_id)
        whole_number("round", round_, minimum=0)
        yield segment_id, Steps(obs[steps], actions[steps], round_)


class KeptSegments:
    """The segments of a dataset, numbered from 0 in the order in which they were added.

    Attributes:
        ids: Their ids.
        steps: What is kept of each.
        lengths: Steps of each.
        rounds: Round of each.
        checksums: CRC-32 of the id of each.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.steps: list[Steps] = []
        self.lengths, self.rounds, self.checksums = array("q"), array("q"), array("q")
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)

    def __contains__(self, segment_id: object) -> bool:
        """Return whether a segment of this id was added."""
        return segment_id in self._numbers

    def __getitem__(self, segment_id: str) -> Steps:
        """Return the steps of the segment of this id."""
        return self.steps[self._numbers[segment_id]]

    @property
    def obs_dtype(self) -> np.dtype[Any]:
        """The type of all observations: uint8 for images, else float32."""
        return self.steps[0].obs.dtype if self.steps else np.dtype(np.float32)

    def number(self, segment_id: str) -> int:
        """Return the number of the segment of this id."""
        return self._numbers[segment_id]

    def described(self) -> list[list[Any]]:
        """Return id, round and length of each, as JSON keeps them."""
        return [list(one) for one in zip(self.ids, self.rounds, self.lengths, strict=True)]

    def add(self, segments: Iterable[tuple[str, Steps]]) -> None:
        """Add checked segments.

        Raises:
            ValueError: If an id is taken, or some observations are uint8 and others not; then none
                of them is added.
        """
        new: dict[str, Steps] = {}
        for segment_id, steps in segments:
            if segment_id in self or segment_id in new:
                raise ValueError(
                    f"`segments` must have new ids, got {segment_id!r} twice; "
                    "segments of several environments need datasets of their own"
                )
            new[segment_id] = steps
        dtypes = {steps.obs.dtype for steps in (*self.steps[:1], *new.values())}
        if len(dtypes) > 1:
            raise ValueError("`obs` of all segments must be uint8, or none, got both")
        for segment_id, steps in new.items():
            self._numbers[segment_id] = len(self.ids)
            self.ids.append(segment_id)
            self.steps.append(steps)
            self.lengths.append(len(steps.actions))
            self.rounds.append(steps.round)
            self.checksums.append(zlib.crc32(segment_id.encode()))
