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

from gym_rated.segments.encoding import (
    ActionEncoder,
    Features,
    ObservationEncoder,
    resolve_features,
)
from gym_rated.segments.on_device import on_device
from gym_rated.segments.tensors import copied, device_of, on_host
from gym_rated.wrappers.endings import Flags
from gym_rated.wrappers.recording import Recording, Spaces
from gym_rated.wrappers.stacking import RatingWrapper, feedback_below, layers, untried_between


class RowsBelow:
    """What feedback wrappers below have encoded last: a reward is predicted on what is recorded.

    Args:
        recordings: Theirs: one of N environments, or N of one each.
    """

    def __init__(self, recordings: list[Recording]) -> None:
        self._recordings = recordings
        self._buffers = [recording.buffer for recording in recordings]
        self._one_each = [1] * len(recordings)

    def is_untouched(self, prepared: list[int]) -> bool:
        """Say whether nothing of the step since `prepare` was taken: its actions were refused."""
        are_ready = all(recording.is_ready for recording in self._recordings)
        return are_ready and self._num_rows() == prepared

    def obs(self, obs: Any) -> NDArray[Any]:
        """Return the encoded observations of the newest step or reset, shape (N, D)."""
        if len(self._buffers) == 1:
            return self._buffers[0].newest_obs
        return np.concatenate([buffer.newest_obs for buffer in self._buffers])

    def prepare(self, actions: Any) -> list[int]:
        """Return how many steps were recorded before the one that is about to be taken."""
        return self._num_rows()

    def _num_rows(self) -> list[int]:
        return [buffer.num_rows for buffer in self._buffers]

    def actions(self, prepared: list[int], were_resets: Flags) -> NDArray[np.float32]:
        """Return the encoded actions of the step since `prepare`, shape (N, A).

        Raises:
            RuntimeError: If it was not one step, by something between the two wrappers.
        """
        taken = [x.num_rows - y for x, y in zip(self._buffers, prepared, strict=True)]
        if taken != self._one_each:
            self._refuse_other_steps(taken, were_resets)
        if len(taken) == 1:
            return self._buffers[0].newest_actions
        return np.concatenate([buffer.newest_actions for buffer in self._buffers])

    def _refuse_other_steps(self, taken: list[int], were_resets: Flags) -> None:
        resets = np.broadcast_to(on_host(were_resets), len(taken)).tolist()
        if any(n > 1 or not (n or reset) for n, reset in zip(taken, resets, strict=True)):
            raise RuntimeError(
                "a step of LearnedRewardWrapper must be one of RatingFeedbackWrapper below, which "
                f"recorded {taken}; put what repeats or skips steps above the learned or below the "
                "feedback wrapper"
            )


class WatchedRows(RowsBelow):
    """The same where wrappers lie between that cannot be tried: what they do is seen at every step.

    Such a wrapper works only around its own environment, or holds what cannot be copied, as an open
    file. Most of them only log.

    Args:
        recordings: As in `RowsBelow`.
        encoders: Encode what passes above the wrappers between.
        names: Of these, for the error.
    """

    def __init__(self, recordings: list[Recording], encoders: "Encoders", names: list[str]) -> None:
        super().__init__(recordings)
        self._encoders = encoders
        self._names = names
        self._handed: NDArray[np.float32]

    def obs(self, obs: Any) -> NDArray[Any]:
        """Return the encoded observations of the newest step or reset, shape (N, D).

        Raises:
            RuntimeError: If they are not those that came through.
        """
        recorded = super().obs(obs)
        if not np.array_equal(self._encoders.obs(obs), recorded, equal_nan=True):
            self._refuse_change("observations")
        return recorded

    def prepare(self, actions: Any) -> list[int]:
        """Take the actions of a step; returns how many were recorded before it."""
        self._handed = self._encoders.prepare(actions).copy()
        return super().prepare(actions)

    def actions(self, prepared: list[int], were_resets: Flags) -> NDArray[np.float32]:
        """Return the encoded actions of the step since `prepare`, shape (N, A).

        Raises:
            RuntimeError: If it was not one step, or its actions are not those handed in.
        """
        recorded = super().actions(prepared, were_resets)
        is_step = ~np.broadcast_to(were_resets, len(recorded))
        if not np.array_equal(self._handed[is_step], recorded[is_step], equal_nan=True):
            self._refuse_change("actions")
        return recorded

    def _refuse_change(self, what: str) -> None:
        raise RuntimeError(
            f"`env` must not transform {what} between LearnedRewardWrapper and "
            f"RatingFeedbackWrapper, got others through {', '.join(self._names)}; put what changes "
            "them above LearnedRewardWrapper"
        )


class Encoders:
    """What encodes observations and actions where no feedback wrapper below has done it.

    Args:
        spaces: Of the environment.
        features: As in `gym_rated.wrappers.RatingFeedbackWrapper`.
    """

    def __init__(self, spaces: Spaces, features: Features | str | None) -> None:
        self.obs = ObservationEncoder(spaces.observation, features, spaces.num_envs)
        self.prepare = ActionEncoder(spaces.action, spaces.num_envs)

    def is_untouched(self, prepared: NDArray[np.float32]) -> bool:
        """Say no: nobody knows how far a step that failed has come."""
        return False

    def actions(self, prepared: NDArray[np.float32], were_resets: Flags) -> NDArray[np.float32]:
        """Return the actions that `prepare` encoded."""
        return prepared


class TensorRows:
    """Encoded on the device where an environment returned them, in the place of `seen`.

    Args:
        seen: What would be seen on the host; it still finds steps that were repeated or skipped.
        encoders: Those of arrays.
        spaces: Of the environment.
    """

    def __init__(self, seen: RowsBelow | Encoders, encoders: Encoders, spaces: Spaces) -> None:
        self._below = seen if isinstance(seen, RowsBelow) else None
        checks, num_envs = self._below is None, spaces.num_envs or 1
        self._encode = on_device(encoders.obs, spaces.observation, num_envs, checks=checks)
        self._encode_actions = on_device(encoders.prepare, spaces.action, num_envs, checks=checks)
        self._device: Any = None

    @property
    def can_encode(self) -> bool:
        """Whether there are no `features`, and nothing else that is of arrays only."""
        return self._encode is not None

    def is_untouched(self, prepared: tuple[Any, Any]) -> bool:
        """Say whether nothing of the step since `prepare` was taken; see `RowsBelow`."""
        return self._below is not None and self._below.is_untouched(prepared[1])

    def obs(self, obs: Any) -> Any:
        """Return the encoded observations, a tensor of shape (N, D)."""
        self._device = device_of(obs)
        return self._encode(obs, self._device)  # type: ignore[misc]  # it can encode

    def prepare(self, actions: Any) -> tuple[Any, Any]:
        """Take the actions of a step; returns them encoded, and what `RowsBelow` would."""
        rows = copied(self._encode_actions(actions, self._device))  # type: ignore[misc]  # it can
        return rows, None if self._below is None else self._below.prepare(actions)

    def actions(self, prepared: tuple[Any, Any], were_resets: Any) -> Any:
        """Return the encoded actions of the step since `prepare`; raises as `RowsBelow`."""
        if self._below is not None:
            self._below.actions(prepared[1], were_resets)
        return prepared[0]


def seen_on_device(
    seen: RowsBelow | Encoders,
    spaces: Spaces,
    features: Features | str | None,
) -> TensorRows | None:
    """Return what gives tensors encoded where they are, in the place of `seen`.

    None where it cannot be: around single environments, with `features`, or where wrappers lie
    between that must be watched.
    """
    if spaces.num_envs is None or isinstance(seen, WatchedRows):
        return None
    encoders = seen if isinstance(seen, Encoders) else Encoders(spaces, features)
    rows = TensorRows(seen, encoders, spaces)
    return rows if rows.can_encode else None


def what_is_seen(env: Any, spaces: Spaces, features: Features | str | None) -> RowsBelow | Encoders:
    """Return what gives encoded observations and actions above `env`.

    The rows of the feedback wrapper below, or of those in all sub-environments of a SyncVectorEnv;
    encoders where there is none, or where it is out of reach in a process of its own.
    """
    recordings = [wrapper._feedback.recording for wrapper in feedback_below(env)]
    theirs = [recording.spaces for recording in recordings]
    is_sync = isinstance(layers(env)[-1], SyncVectorEnv)
    in_each = is_sync and theirs == [spaces._replace(num_envs=None)] * env.num_envs
    if not in_each and theirs != [spaces]:
        return Encoders(spaces, features)
    names = untried_between(env)
    if names:
        return WatchedRows(recordings, Encoders(spaces, features), names)
    return RowsBelow(recordings)


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
