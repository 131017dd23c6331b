"""Steps of a segment as the dataset keeps them: checked, whether they were just cut or loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.segments import Origin, Segment
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
    for name, array, dim in (
        ("obs", segment.obs, obs_dim),
        ("actions", segment.actions, action_dim),
    ):
        if array.shape != (len(segment), dim) or len(segment) == 0:
            raise ValueError(
                f"`{name}` of segment {segment.id!r} must have shape (T, {dim}) with T >= 1, "
                f"got {array.shape}"
            )
    check_segment(segment)
    obs_dtype = np.uint8 if segment.obs.dtype == np.uint8 else np.float32
    with np.errstate(over="ignore"):
        obs, actions = np.array(segment.obs, obs_dtype), np.array(segment.actions, np.float32)
    for name, array in (("obs", obs), ("actions", actions)):
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` of segment {segment.id!r} must be finite as float32")
    return Steps(obs, actions, segment.round)


def cut_stored(
    segments: Sequence[Sequence[Any]], obs: NDArray[Any], actions: NDArray[Any]
) -> Iterator[Segment]:
    """Yield the segments that were stored one behind the other."""
    lengths = [whole_number("length", length) for _, _, length in segments]
    for name, array in (("obs", obs), ("actions", actions)):
        dtypes = ("uint8", "float32") if name == "obs" else ("float32",)
        if array.ndim != 2 or array.dtype.name not in dtypes or not array.dtype.isnative:
            raise ValueError(
                f"`{name}` must be rows of {' or '.join(dtypes)}, got {array.shape} of "
                f"{array.dtype}"
            )
        if len(array) != sum(lengths):
            raise ValueError(
                f"`{name}` must have a row for each of the {sum(lengths)} steps of the segments, "
                f"got {len(array)}"
            )
    start = 0
    for (segment_id, round_, _), length in zip(segments, lengths, strict=True):
        end = start + length
        nowhere, unknown = Origin(0, 0, 0, 0), np.full(length, np.nan)
        yield Segment(segment_id, obs[start:end], actions[start:end], unknown, round_, nowhere)
        start = end
