"""Which script trains on which spaces: one table, so that a refusal can name what to do instead."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
from gymnasium import Space, spaces

from gym_rated.environments.making import make_env
from gym_rated.segments.choices import DISCRETE
from gym_rated.segments.encoding import obs_dim

if TYPE_CHECKING:
    from gym_rated.assembly.parts import Spaces

REACH = 3.0
"""How far from 0 the first actions of PPO lie: its policy begins around 0, with deviation 1."""


class Kind(NamedTuple):
    """What a script asks of actions, in words and as a check."""

    words: str
    takes: Callable[[Space[Any]], bool]


def _takes_choices(space: Space[Any]) -> bool:
    return isinstance(space, DISCRETE)


def _takes_numbers(space: Space[Any]) -> TypeGuard[spaces.Box]:
    if not isinstance(space, spaces.Box) or not space.low.size:
        return False
    return bool(np.issubdtype(space.dtype, np.floating))


def _takes_numbers_near_zero(space: Space[Any]) -> bool:
    if not _takes_numbers(space):
        return False
    return bool((space.low < REACH).all() and (space.high > -REACH).all())


def _takes_bounded_numbers(space: Space[Any]) -> bool:
    if not _takes_numbers(space):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.float32(space.high) - np.float32(space.low)
    return bool((np.isfinite(width) & (width > 0)).all())


ACTIONS = {
    "ppo": Kind("discrete actions (Discrete, MultiDiscrete or MultiBinary)", _takes_choices),
    "ppo_continuous_action": Kind(
        f"continuous actions (a Box of floats, of which some lie in -{REACH:g}..{REACH:g})",
        _takes_numbers_near_zero,
    ),
    "sac_continuous_action": Kind(
        "continuous, bounded actions (a Box of floats, each with low < high)",
        _takes_bounded_numbers,
    ),
}
"""Script -> the actions that it takes."""


def scripts_for(space: Space[Any]) -> list[str]:
    """Return the names of the scripts that take actions of `space`, PPO's first."""
    return [script for script, kind in ACTIONS.items() if kind.takes(space)]


def script_for(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> str:
    """Return the name of the script that trains on an environment, PPO's where there are several.

    Args:
        env_id: Id of the environment.
        env_kwargs: Its arguments.

    Raises:
        ImportError: If a package or the module of the id is missing.
        TypeError: If no script takes its actions.
        ValueError: If there is no such id.
    """
    env = make_env(env_id, env_kwargs)
    env.close()
    found = scripts_for(env.action_space)
    if not found:
        raise TypeError(
            f"`env_id` must have actions that a script takes, got {in_a_line(env.action_space)} in "
            f"{env_id}; {remedy_for_actions(env.action_space)}"
        )
    return found[0]


def check_spaces(envs: "Spaces", env_id: str, script: str) -> None:
    """Refuse environments that a script cannot train on, whatever the reward.

    Args:
        envs: The environments.
        env_id: Their id, for the error.
        script: Name of the script, one of `ACTIONS`.

    Raises:
        TypeError: With the spaces that it takes, and what to do instead.
    """
    space, seen = envs.single_action_space, envs.single_observation_space
    if not ACTIONS[script].takes(space):
        raise TypeError(
            f"`env_id` must have {ACTIONS[script].words}, got {in_a_line(space)} in {env_id}; "
            f"{remedy_for_actions(space)}"
        )
    try:
        size = obs_dim(seen)
    except TypeError as error:
        raise TypeError(
            "`env_id` must have observations that become vectors, no images and nothing without a "
            f"fixed size, got {in_a_line(seen)} in {env_id}; register it with a "
            "wrapper that shows numbers, such as gymnasium.wrappers.TransformObservation"
        ) from error
    if size == 0:
        raise TypeError(
            f"`env_id` must have observations of at least one number, got {in_a_line(seen)} in "
            f"{env_id}"
        )


def in_a_line(space: Space[Any]) -> str:
    """Return a space as text, without the line breaks of its arrays."""
    return " ".join(str(space).split())


def remedy_for_actions(space: Space[Any]) -> str:
    """Return what to do with actions that a script does not take."""
    others = scripts_for(space)
    if others:
        return " and ".join(f"scripts/{name}.py" for name in others) + " can be trained on them"
    if isinstance(space, spaces.Box) and not _takes_numbers(space):
        return "make whole numbers MultiDiscrete in an action wrapper, for scripts/ppo.py"
    if isinstance(space, spaces.Box):
        return "shift them to numbers around 0 in an action wrapper"
    return "map them to a Box, Discrete, MultiDiscrete or MultiBinary space in an action wrapper"
