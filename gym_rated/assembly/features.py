"""What a script's reward is learned from: `--features`, checked against what is observed."""

from copy import deepcopy
from operator import attrgetter
from typing import Any

from gymnasium import Space

from gym_rated.assembly.run_args import RunArgs
from gym_rated.imports import import_typed
from gym_rated.segments.encoding import PIXELS, Features, obs_dim
from gym_rated.segments.images import is_image

BLIND = ("true", "constant", "none")
"""Rewards that are computed from no observation."""


def features_of(args: RunArgs, space: Space[Any]) -> Features | str | None:
    """Return the `features` of the rating wrappers that the flags ask for.

    Args:
        args: The flags.
        space: What one environment shows.

    Raises:
        ValueError: If there is no function of the name that was typed.
    """
    if args.reward in BLIND:  # of an image nothing is computed
        return PIXELS if is_image(space) else None
    return load_features(args.features)


def load_features(name: str | None) -> Features | str | None:
    """Return what `--features` names, in whose module a user is trusted.

    Raises:
        TypeError: If what is named cannot be called.
        ValueError: If its module cannot be imported, or has nothing of that name.
    """
    if name is None or name == PIXELS:
        return name
    try:
        module = import_typed("features", name)
    except ImportError as error:
        own = "`features`" in str(error)
        raise ValueError(
            str(error) if own else f"`features` must be importable, got {name!r}: {error}"
        ) from error
    try:
        function = attrgetter(name.partition(":")[2])(module)
    except AttributeError as error:
        raise ValueError(
            f"`features` must name a function of {module.__name__}, got {name!r}: {error}"
        ) from error
    if not callable(function):
        raise TypeError(f"`features` must name a function, got {name!r}, which is {function!r}")
    return function  # type: ignore[no-any-return]  # checked to be callable


def check_function(name: str, space: Space[Any]) -> None:
    """Refuse a function of `--features` that makes no vector of an observation.

    Raises:
        ValueError: If it fails at an observation of the space, or returns anything else.
    """
    function: Any = load_features(name)
    probe = deepcopy(space)  # the environment's own random state stays untouched
    probe.seed(0)
    try:
        function(probe.sample())
    except Exception as error:
        raise ValueError(
            f"`features` must map an observation of {space} to a vector, got {name!r}, which "
            f"raises {type(error).__name__}: {error}"
        ) from error
    obs_dim(space, function)
