"""How observations and actions become vectors.

Everything behind the wrappers (segments, datasets, reward models) sees float32 vectors: an
observation is flattened as `gymnasium.spaces.flatten` does it, or goes through the user's
`features`; a Box action is clipped to its space, a Discrete or MultiDiscrete action becomes
one-hot. This is the only place that does it.
"""

from collections.abc import Callable
from copy import deepcopy
from math import isfinite
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.vector.utils import batch_space, iterate
from numpy.typing import ArrayLike, NDArray

Features = Callable[[Any], ArrayLike]
"""Maps one observation of the environment to a vector, shape (D,)."""


def obs_dim(space: Space[Any], features: Features | None = None) -> int:
    """Return the length D of an encoded observation of `space`; raises as `ObservationEncoder`."""
    return ObservationEncoder(space, features).dim


def action_dim(space: Space[Any]) -> int:
    """Return the length A of an encoded action of `space`; raises as `ActionEncoder`."""
    return ActionEncoder(space).dim


def encode_actions(space: Space[Any], actions: Any) -> NDArray[np.float32]:
    """Encode a batch of actions of the single-action `space`.

    Args:
        space: Space of one action: Box, Discrete or MultiDiscrete.
        actions: N actions, shape (N, *space.shape).

    Returns:
        Array of shape (N, A): clipped values for Box, one-hot for Discrete and MultiDiscrete.

    Raises:
        TypeError: If the space is of another kind.
        ValueError: If shapes differ, a value is not finite, or a discrete action is out of range.
    """
    return ActionEncoder(space)(actions)


class ObservationEncoder:
    """Encode observations of one space as float32 vectors of length `dim`.

    Args:
        space: Space of one observation; anything that `gymnasium.spaces.flatten` turns into an
            array.
        features: Maps one observation to a vector instead; needed for images and unbounded
            structures.

    Raises:
        TypeError: If the space cannot be flattened, or holds images, and no `features` is given.
    """

    def __init__(self, space: Space[Any], features: Features | None = None) -> None:
        self.space = space
        self.features = features
        if features is None:
            _check_flattenable(space)
            self.dim = int(spaces.flatdim(space))
        else:
            probe = deepcopy(space)  # the environment's own random state stays untouched
            probe.seed(0)
            self.dim = _feature_vector(features, probe.sample()).size
        self._is_box = features is None and isinstance(space, spaces.Box)
        self._batched_space: Space[Any] | None = None

    def one(self, obs: Any) -> NDArray[np.float32]:
        """Encode one observation; returns shape (1, D).

        Raises:
            ValueError: If the result is not finite or has another length than the space says.
        """
        if self._is_box:
            vectors = np.asarray(obs, np.float32).reshape(1, -1)
        else:
            vectors = self._encode(obs)[None]
        return self._checked(vectors)

    def batch(self, obs: Any, num_envs: int) -> NDArray[np.float32]:
        """Encode a vector environment's observations; returns shape (N, D); raises as `one`."""
        if self._is_box:
            vectors = np.asarray(obs, np.float32).reshape(num_envs, -1)
        else:
            if self._batched_space is None:
                self._batched_space = batch_space(self.space, num_envs)
            vectors = np.stack([self._encode(x) for x in iterate(self._batched_space, obs)])
        return self._checked(vectors)

    def _encode(self, obs: Any) -> NDArray[np.float32]:
        if self.features is not None:
            return _feature_vector(self.features, obs)
        return np.asarray(spaces.flatten(self.space, obs), np.float32).ravel()

    def _checked(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if vectors.shape[1] != self.dim:
            raise ValueError(
                f"`obs` must encode to {self.dim} numbers, got {vectors.shape[1]}; "
                "does the environment return what its observation_space says?"
            )
        if not isfinite(np.vdot(vectors, vectors)):  # the cheapest test that meets every number
            _refuse_non_finite("obs", vectors, "mend it in a wrapper below the rating wrappers")
        return vectors


class ActionEncoder:
    """Encode actions of one space as float32 vectors of length `dim`; see `encode_actions`."""

    def __init__(self, space: Space[Any]) -> None:
        self.space = space
        self._shape = space.shape
        self._is_box = isinstance(space, spaces.Box)
        if isinstance(space, spaces.Box):
            self.dim = int(np.prod(space.shape))
            self._low = np.asarray(space.low, np.float32).ravel()
            self._high = np.asarray(space.high, np.float32).ravel()
        elif isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
            counts = np.atleast_1d(getattr(space, "nvec", getattr(space, "n", 0))).ravel()
            self.dim = int(counts.sum())
            self._counts = counts.astype(np.int64)
            self._starts = np.atleast_1d(space.start).ravel().astype(np.int64)
            self._offsets = np.concatenate([[0], np.cumsum(self._counts)[:-1]])
        else:
            raise TypeError(
                f"`env.action_space` must be Box, Discrete or MultiDiscrete, got {space}; "
                "map it to one of them with an action wrapper first"
            )

    def __call__(self, actions: Any) -> NDArray[np.float32]:
        """Encode actions, shape (N, *space.shape); returns shape (N, A)."""
        batch = np.asarray(actions)
        if batch.shape[1:] != self._shape or batch.ndim == 0:
            raise ValueError(
                f"`actions` must have shape (N, *{self.space.shape}) for {self.space}, "
                f"got {batch.shape}"
            )
        return self._clip(batch) if self._is_box else self._one_hot(batch)

    def _clip(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        vectors = np.array(actions, np.float32).reshape(len(actions), -1)
        if not isfinite(np.vdot(vectors, vectors)):
            _refuse_non_finite("actions", vectors, "has the policy diverged?")
        return vectors.clip(self._low, self._high)

    def _one_hot(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        indices = actions.reshape(len(actions), -1) - self._starts
        if (indices < 0).any() or (indices >= self._counts).any():
            raise ValueError(f"`actions` must lie in {self.space}, got {actions.tolist()}")
        vectors = np.zeros((len(actions), self.dim), np.float32)
        np.put_along_axis(vectors, (indices + self._offsets).astype(np.int64), 1.0, axis=1)
        return vectors


def _check_flattenable(space: Space[Any]) -> None:
    if isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) >= 2:
        raise TypeError(
            f"`env.observation_space` must not be an image, got {space}; "
            "pass `features`, a function from an image to a vector"
        )
    if not space.is_np_flattenable:
        raise TypeError(
            f"`env.observation_space` must be flattenable to an array, got {space}; "
            "pass `features`, a function from an observation to a vector"
        )
    for part in _parts(space):
        _check_flattenable(part)


def _parts(space: Space[Any]) -> tuple[Space[Any], ...]:
    if isinstance(space, spaces.Dict):
        return tuple(space.spaces.values())
    return tuple(space.spaces) if isinstance(space, spaces.Tuple | spaces.OneOf) else ()


def _feature_vector(features: Features, obs: Any) -> NDArray[np.float32]:
    vector = np.asarray(features(obs), np.float32)
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"`features` must return a vector of shape (D,), got shape {vector.shape}")
    return vector


def _refuse_non_finite(name: str, vectors: NDArray[np.float32], remedy: str) -> None:
    bad = np.argwhere(~np.isfinite(vectors))
    if len(bad):  # large finite numbers may overflow a product: then nothing is wrong
        row, column = bad[0]
        raise ValueError(
            f"`{name}` must be finite, got {vectors[row, column]} at index {column} "
            f"(environment {row}); {remedy}"
        )
