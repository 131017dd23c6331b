"""How observations and actions become vectors.

Everything behind the wrappers (segments, datasets, reward models) sees float32 vectors: an
observation is flattened as `gymnasium.spaces.flatten` does it, or goes through the user's
`features`, while images may stay uint8; a Box action is clipped to its space, a Discrete or
MultiDiscrete action becomes one-hot, a MultiBinary action stays zeros and ones. This is the only
place that does it.
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
from gym_rated.segments.images import is_image
from gym_rated.segments.parts import (
    LEAVES,
    Numbers,
    float32,
    leaf_encoder,
    leaves,
    part_encoder,
    parts_of,
)
from gym_rated.segments.tensors import host_array, on_host

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
        space: Space of one action: Box, Discrete, MultiDiscrete or MultiBinary.
        actions: N actions, shape (N, *space.shape).

    Returns:
        Array of shape (N, A): clipped values for Box, one-hot for Discrete and MultiDiscrete, zeros
        and ones for MultiBinary.

    Raises:
        TypeError: If the space is of another kind.
        ValueError: If shapes differ, a value is not finite, or a discrete action is out of range.
    """
    batch = host_array(actions)
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
        self._layout = Numbers("obs", space, num_envs)
        self._parts: Callable[[Any], NDArray[np.float32]] | None = None
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
        if features is None and all(isinstance(x, LEAVES) for x in leaves(space)):
            self._parts = part_encoder("obs", space, num_envs)

    def __call__(self, obs: Any) -> NDArray[Any]:
        """Encode one observation, or those of a vector environment; returns shape (N, D), N = 1.

        Raises:
            ValueError: If a number is not finite, or not what the space says.
        """
        if self._parts is not None:
            vectors = self._parts(obs)
        elif self.dtype == np.uint8:
            return self._layout.rows(_uint8(obs))
        elif self._batched_space is None:
            vectors = self._encode(on_host(obs))[None]
        else:
            rows = iterate(self._batched_space, on_host(obs))
            vectors = np.stack([self._encode(x) for x in rows])
        if not all_finite(vectors):
            raise _not_finite("obs", vectors, "mend it in a wrapper below the rating wrappers")
        return vectors

    def _encode(self, obs: Any) -> NDArray[np.float32]:
        if self.features is None:
            if not self.space.contains(obs):
                raise ValueError(f"`obs` must lie in {self.space}, got {obs!r}")
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
        space: Space of one action: Box, Discrete, MultiDiscrete or MultiBinary.
        num_envs: Number N of actions of a vector environment; None takes a single one, which has
            no leading axis.

    Raises:
        TypeError: If the space is of another kind.
    """

    def __init__(self, space: Space[Any], num_envs: int | None = None) -> None:
        if not isinstance(space, LEAVES):
            raise TypeError(
                "`env.action_space` must be Box, Discrete, MultiDiscrete or MultiBinary, got "
                f"{space}; map it to one of them with an action wrapper first"
            )
        self._numbers = leaf_encoder("actions", space, num_envs)
        self.dim = int(spaces.flatdim(space))
        self._bounds: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        if isinstance(space, spaces.Box):
            low, high = (np.asarray(x, np.float32).ravel() for x in (space.low, space.high))
            self._bounds = low, high

    def __call__(self, actions: Any) -> NDArray[np.float32]:
        """Encode one action, or those of a vector environment; returns shape (N, A), N = 1.

        Raises:
            ValueError: If a number is not finite, or not what the space says.
        """
        if self._bounds is None:
            return self._numbers(actions)
        rows = self._numbers.rows(actions)
        if not all_finite(rows):
            raise _not_finite("actions", rows, "has the policy diverged?")
        return float32(rows.clip(*self._bounds))  # before it overflows


def _check_is_image(space: Space[Any]) -> None:
    if not is_image(space):
        raise TypeError(
            "`env.observation_space` must be an image, a Box of uint8 with shape (H, W) or "
            f'(H, W, C), where features="pixels", got {space}; leave `features` out'
        )


def _uint8(obs: Any) -> NDArray[np.uint8]:
    pixels = host_array(obs)
    if pixels.dtype != np.uint8:
        raise ValueError(f"`obs` must be uint8 as its space says, got {pixels.dtype}")
    return pixels


def _check_flattenable(space: Space[Any]) -> None:
    if is_image(space):
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
    for part in parts_of(space):
        _check_flattenable(part)


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
