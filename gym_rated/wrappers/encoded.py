"""Encode once: above a feedback wrapper, observations are vectors already.

A reward model must predict on the very numbers that it was fitted to. So a learned wrapper does not
encode observations again, where a feedback wrapper below it has: it takes the rows from there, and
so do `features` come from there.
"""

from collections.abc import Sequence
from types import MethodType
from typing import Any

import numpy as np
from gymnasium.vector import SyncVectorEnv
from numpy.typing import NDArray

from gym_rated.segments.encoding import Features, ObservationEncoder, resolve_features
from gym_rated.wrappers.recording import Recording, Spaces
from gym_rated.wrappers.stacking import RatingWrapper, feedback_below, layers


class RowsBelow:
    """In the place of an encoder: what feedback wrappers below have encoded last.

    Args:
        recordings: Theirs: one of N environments, or N of one each.
    """

    def __init__(self, recordings: list[Recording]) -> None:
        self._recordings = recordings

    def __call__(self, obs: Any) -> NDArray[Any]:
        """Return the encoded observations of the newest step or reset, shape (N, D)."""
        rows = [recording.buffer.newest_obs for recording in self._recordings]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)


def observation_encoder(
    env: Any, spaces: Spaces, features: Features | str | None
) -> RowsBelow | ObservationEncoder:
    """Return what gives encoded observations above `env`.

    The rows of the feedback wrapper below, or of those in all sub-environments of a SyncVectorEnv;
    an encoder where there is none, or where it is out of reach in a process of its own.
    """
    recordings = [wrapper._feedback.recording for wrapper in feedback_below(env)]
    theirs = [recording.spaces for recording in recordings]
    is_sync = isinstance(layers(env)[-1], SyncVectorEnv)
    in_each = is_sync and theirs == [spaces._replace(num_envs=None)] * env.num_envs
    if in_each or theirs == [spaces]:
        return RowsBelow(recordings)
    return ObservationEncoder(spaces.observation, features, spaces.num_envs)


def agreed_features(
    wrappers: Sequence[RatingWrapper], features: Any = None
) -> Features | str | None:
    """Return the `features` that rating wrappers have, or those given if there are no wrappers.

    Args:
        wrappers: Those whose observations a reward model is fitted to or predicts on.
        features: A function, its JSON form, "pixels", or None to take what the wrappers have.

    Raises:
        TypeError: If `features` is none of them.
        ValueError: If it is not what the wrappers have, or theirs differ.
    """
    given = resolve_features(features)
    theirs = [wrapper.features for wrapper in wrappers]
    ours = theirs[0] if theirs and given is None else given
    for other in theirs:
        if not _are_same(ours, other):
            raise ValueError(
                f"`features` must be the same for all that share a reward model, got {ours!r} "
                f"where a rating wrapper has {other!r}: it would be fitted to the one and predict "
                "on the other; give it to RatingFeedbackWrapper alone, the others take it from "
                "there"
            )
    return ours


def _are_same(one: Any, other: Any) -> bool:
    """Say whether two `features` are the same: a bound method is made anew each time it is read."""
    return one is other or (isinstance(one, str | MethodType) and bool(one == other))
