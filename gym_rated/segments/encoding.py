"""How observations and actions become vectors.

Everything behind the wrappers (segments, datasets, reward models) sees float32 vectors: an
observation is flattened as `gymnasium.spaces.flatten` does it, or goes through the user's
`features`, while images may stay uint8; a Box action is clipped to its space, a Discrete or
MultiDiscrete action becomes one-hot. This is the only place that does it.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.vector.utils import batch_space, iterate
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import all_finite
from gym_rated.imports import load_attribute

Features = Callable[[Any], ArrayLike]
"""Maps one observation of the environment to a vector, shape (D,)."""

PIXELS = "pixels"
"""In the place of features: images are flattened and stay uint8, four times smaller than float32.

The reward model must then be one for images, such as `gym_rated.ConvRewardEnsemble`.
"""


def resolve_features(features: Any) -> Any:
    """Return a feature function from a callable, `"module:attr"`, "pixels" or None."""
    if isinstance(features, str) and features == PIXELS:
        return features
    features = load_attribute(features) if isinstance(features, str) else features
    if features is not None and not callable(features):
        raise TypeError(f"`features` must map an observation to a vector, got {features!r}")
    return features


def obs_dim(space: Space[Any], features: Features | str | None = None) -> int:
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
    batch = np.asarray(actions)
    return ActionEncoder(space, len(batch) if batch.ndim else 1)(batch)


class ObservationEncoder:
    """Encode observations of one space as vectors of length `dim` and type `dtype`.

    Args:
        space: Space of one observation; anything that `gymnasium.spaces.flatten` turns into an
            array.
        features: Maps one observation to a float32 vector instead; needed for unbounded structures.
            Images need it too, or "pixels", which keeps them as they are.
        num_envs: Number N of observations of a vector environment; None takes a single one, which
            has no leading axis.

    Raises:
        TypeError: If the space cannot be flattened, or holds images, and no `features` is given; or
            if it is no image where pixels are to be kept.
    """

    def __init__(
        self,
        space: Space[Any],
        features: Features | str | None = None,
        num_envs: int | None = None,
    ) -> None:
        self.space = space
        self.features = None if isinstance(features, str) else features
        self.dtype: np.dtype[Any] = np.dtype(np.uint8 if features == PIXELS else np.float32)
        self._layout = _Layout("obs", space, num_envs)
        self._is_box = features is None and isinstance(space, spaces.Box)
        self._one_hot = None
        self._batched_space = None if num_envs is None else batch_space(space, num_envs)
        if self.features is not None:
            probe = deepcopy(space)  # the environment's own random state stays untouched
            probe.seed(0)
            self.dim = _feature_vector(self.features, probe.sample()).size
            return
        if features == PIXELS:
            _check_is_image(space)
        else:
            _check_flattenable(space)
        self.dim = int(spaces.flatdim(space))
        if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
            self._one_hot = _OneHot("obs", space)

    def __call__(self, obs: Any) -> NDArray[Any]:
        """Encode one observation, or those of a vector environment; returns shape (N, D), N = 1.

        Raises:
            ValueError: If a number is not finite, or not what the space says.
        """
        if self.dtype == np.uint8:
            return self._layout.rows(_uint8(obs))
        if self._is_box:
            vectors = self._layout.rows(np.asarray(obs, np.float32))
        elif self._one_hot is not None:
            return self._one_hot(self._layout.rows(np.asarray(obs)))
        elif self._batched_space is None:
            vectors = self._encode(obs)[None]
        else:
            vectors = np.stack([self._encode(x) for x in iterate(self._batched_space, obs)])
        if not all_finite(vectors):
            raise _not_finite("obs", vectors, "mend it in a wrapper below the rating wrappers")
        return vectors

    def _encode(self, obs: Any) -> NDArray[np.float32]:
        if self.features is None:
            return np.asarray(spaces.flatten(self.space, obs), np.float32)
        vector = _feature_vector(self.features, obs)
        if vector.size != self.dim:
            raise ValueError(
                f"`features` must return vectors of one length, got {vector.size} after {self.dim}"
            )
        return vector


class ActionEncoder:
    """Encode actions of one space as float32 vectors of length `dim`; see `encode_actions`.

    Args:
        space: Space of one action: Box, Discrete or MultiDiscrete.
        num_envs: Number N of actions of a vector environment; None takes a single one, which has
            no leading axis.

    Raises:
        TypeError: If the space is of another kind.
    """

    def __init__(self, space: Space[Any], num_envs: int | None = None) -> None:
        self._layout = _Layout("actions", space, num_envs)
        self._one_hot = None
        if isinstance(space, spaces.Box):
            self.dim = int(np.prod(space.shape))
            self._low = np.asarray(space.low, np.float32).ravel()
            self._high = np.asarray(space.high, np.float32).ravel()
        elif isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
            self._one_hot = _OneHot("actions", space)
            self.dim = self._one_hot.dim
        else:
            raise TypeError(
                f"`env.action_space` must be Box, Discrete or MultiDiscrete, got {space}; "
                "map it to one of them with an action wrapper first"
            )

    def __call__(self, actions: Any) -> NDArray[np.float32]:
        """Encode one action, or those of a vector environment; returns shape (N, A), N = 1.

        Raises:
            ValueError: If a number is not finite, or not what the space says.
        """
        rows = self._layout.rows(np.asarray(actions))
        if self._one_hot is not None:
            return self._one_hot(rows)
        if not all_finite(rows):
            raise _not_finite("actions", rows, "has the policy diverged?")
        return np.asarray(rows.clip(self._low, self._high), np.float32)


class _Layout:
    """The shape that arrays of a space must have, turned into one row for each environment."""

    def __init__(self, name: str, space: Space[Any], num_envs: int | None) -> None:
        self.name = name
        self.space = space
        shape = space.shape or ()
        self._wanted = shape if num_envs is None else (num_envs, *shape)
        self._rows = (1 if num_envs is None else num_envs, int(np.prod(shape)))

    def rows(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return `array` in shape (N, numbers of one)."""
        if array.shape != self._wanted:
            raise ValueError(
                f"`{self.name}` must have shape {self._wanted} for {self.space}, got {array.shape}"
            )
        return array.reshape(self._rows)


class _OneHot:
    """Encode whole numbers of a Discrete or MultiDiscrete space as one-hot vectors."""

    def __init__(self, name: str, space: spaces.Discrete | spaces.MultiDiscrete) -> None:
        self.name = name
        self.space = space
        counts = space.nvec if isinstance(space, spaces.MultiDiscrete) else [space.n]
        self._counts = np.ravel(counts).astype(np.uint64)
        self._starts = np.ravel(space.start).astype(np.int64)
        self.dim = int(self._counts.sum())
        self._offsets = np.cumsum([0, *self._counts[:-1]], dtype=np.int64)

    def __call__(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Encode rows of values, shape (N, K); returns shape (N, dim)."""
        if rows.dtype.kind not in "iu":
            raise ValueError(f"`{self.name}` must be whole numbers, got {rows.tolist()}")
        indices = rows.astype(np.int64) - self._starts
        wrapped = indices.astype(np.uint64)  # negative ones become huge
        if np.count_nonzero(wrapped >= self._counts):
            raise ValueError(f"`{self.name}` must lie in {self.space}, got {rows.tolist()}")
        vectors = np.zeros((len(rows), self.dim), np.float32)
        vectors[np.arange(len(rows))[:, None], indices + self._offsets] = 1.0
        return vectors


def _is_image(space: Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) >= 2


def _check_is_image(space: Space[Any]) -> None:
    if not _is_image(space):
        raise TypeError(
            "`env.observation_space` must be an image, a Box of uint8 with shape (H, W) or "
            f'(H, W, C), where features="pixels", got {space}; leave `features` out'
        )


def _uint8(obs: Any) -> NDArray[np.uint8]:
    pixels = np.asarray(obs)
    if pixels.dtype != np.uint8:
        raise ValueError(f"`obs` must be uint8 as its space says, got {pixels.dtype}")
    return pixels


def _check_flattenable(space: Space[Any]) -> None:
    if _is_image(space):
        raise TypeError(
            f"`env.observation_space` must not be an image, got {space}; "
            "pass `features`, a function from an image to a vector, or "
            'features="pixels" and a reward model for images (gym_rated.ConvRewardEnsemble)'
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


def _not_finite(name: str, vectors: NDArray[Any], remedy: str) -> ValueError:
    row, column = np.argwhere(~np.isfinite(vectors))[0]
    return ValueError(
        f"`{name}` must be finite, got {vectors[row, column]} at index {column} "
        f"(environment {row}); {remedy}"
    )
