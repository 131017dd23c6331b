"""An episode that somebody recorded: what was seen and done. It needs no reward."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from gym_rated.segments.encoding import Features, ObservationEncoder, encode_actions
from gym_rated.segments.images import has_channels_last


@dataclass(frozen=True, eq=False)
class Episode:
    """T steps of one episode, as its environment has them.

    Attributes:
        observations: What was seen before each step, and after the last one if that was kept: shape
            (T, ...) or (T + 1, ...), or a mapping of such arrays for a Dict space.
        actions: What was done, shape (T, ...): numbers of a Box, or the choice of a Discrete.

    Raises:
        TypeError: If something is no array of numbers.
        ValueError: If there is no step, or observations are not as many.
    """

    observations: Any
    actions: NDArray[Any]

    def __post_init__(self) -> None:
        """Refuse what is no episode."""
        _check_numbers("actions", self.actions)
        if not len(self):
            raise ValueError("`actions` must hold at least one step, got none")
        for name, values in _leaves("observations", self.observations):
            _check_numbers(name, values)
            if len(values) not in (len(self), len(self) + 1):
                raise ValueError(
                    f"`{name}` must be as many as the {len(self)} `actions`, or one more, got "
                    f"{len(values)}"
                )

    def __len__(self) -> int:
        """Return the number of steps T."""
        return len(self.actions)


Steps = tuple[NDArray[Any], NDArray[np.float32]]
"""Encoded observations (T, D) and actions (T, A)."""


def encoded(
    episode: Episode,
    observation_space: Space[Any],
    action_space: Space[Any],
    features: Features | str | None = None,
) -> Steps:
    """Return the steps of an episode as the wrappers would record them.

    Raises:
        TypeError: If a space is of a kind that cannot be encoded.
        ValueError: If what was recorded is not of the spaces.
    """
    steps = len(episode)
    obs = _first(episode.observations, steps)
    vectors = ObservationEncoder(observation_space, features, steps)(obs)
    actions, shape = episode.actions, (steps, *(action_space.shape or ()))
    if actions.size == np.prod(shape):  # (T, 1) for a Discrete, or (T,) for a Box of one
        actions = actions.reshape(shape)
    return vectors, encode_actions(action_space, actions)


def image_space(episode: Episode) -> spaces.Box | None:
    """Return the space of the images that an episode shows, in the size that they were recorded in.

    Returns:
        None if it shows no images, uint8 of shape (T, H, W) or (T, H, W, C).

    Raises:
        ValueError: If their channels or frames come first.
    """
    obs = episode.observations
    if not isinstance(obs, np.ndarray) or obs.dtype != np.uint8 or obs.ndim not in (3, 4):
        return None
    space = spaces.Box(0, 255, obs.shape[1:], np.uint8)
    if not has_channels_last(space):
        raise ValueError(
            f"`observations` must have their channels last, (T, H, W, C), got {obs.shape}; move "
            "them with numpy.moveaxis before they are written"
        )
    return space


def spaces_without_environment(episode: Episode) -> tuple[Space[Any], Space[Any]]:
    """Return the spaces that an episode is of, where that can be told without its environment.

    Raises:
        ValueError: If it cannot: of structures, of bytes that are no images, and of whole numbers
            as actions.
    """
    remedy = "name the environment as `env_id`"
    if not isinstance(episode.observations, np.ndarray):
        raise ValueError(f"`observations` must be one array, got several parts; {remedy}")
    obs, actions = episode.observations, episode.actions
    images = image_space(episode)
    if images is None and (obs.dtype == np.uint8 or obs.dtype.kind == "b" or obs.ndim < 2):
        raise ValueError(
            f"`observations` must be rows of numbers, got {obs.shape} of {obs.dtype}; {remedy}"
        )
    if actions.dtype.kind != "f":
        raise ValueError(
            f"`actions` must be float, got {actions.dtype}, which may be choices or amounts; "
            f"{remedy}"
        )
    return images or _unbounded(obs), _unbounded(actions)


def _unbounded(values: NDArray[Any]) -> spaces.Box:
    return spaces.Box(-np.inf, np.inf, values.shape[1:], np.float32)


def _first(values: Any, steps: int) -> Any:
    if isinstance(values, Mapping):
        return {name: _first(part, steps) for name, part in values.items()}
    if isinstance(values, tuple):
        return tuple(_first(part, steps) for part in values)
    return values[:steps]


def _leaves(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping | tuple):
        parts = values.items() if isinstance(values, Mapping) else enumerate(values)
        for key, part in parts:
            yield from _leaves(f"{name}/{key}", part)
    else:
        yield name, values


def _check_numbers(name: str, values: Any) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf" or not values.ndim:
        found = getattr(values, "dtype", type(values).__name__)
        raise TypeError(f"`{name}` must be an array with a row a step of numbers, got {found}")
