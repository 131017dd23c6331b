"""Which script trains on which spaces: one table, so that a refusal can name what to do instead."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
from gymnasium import Space, spaces

from gym_rated.assembly.features import BLIND, check_function
from gym_rated.assembly.run_args import RunArgs
from gym_rated.environments.making import make_env
from gym_rated.segments.choices import DISCRETE
from gym_rated.segments.encoding import PIXELS, obs_dim
from gym_rated.segments.images import has_channels_last, is_image

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

SEE_IMAGES = ("ppo", "ppo_continuous_action")
"""Scripts whose agents see images."""


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


def check_spaces(envs: "Spaces", args: RunArgs, script: str) -> None:
    """Refuse environments that a script cannot train on, or not with these flags.

    Args:
        envs: The environments.
        args: The flags.
        script: Name of the script, one of `ACTIONS`.

    Raises:
        TypeError: With the spaces that it takes, and what to do instead.
        ValueError: If `features` names no function, or one that makes no vector of an observation.
    """
    space, seen = envs.single_action_space, envs.single_observation_space
    if not ACTIONS[script].takes(space):
        raise TypeError(
            f"`env_id` must have {ACTIONS[script].words}, got {in_a_line(space)} in {args.env_id}; "
            f"{remedy_for_actions(space)}"
        )
    if is_image(seen):
        _check_image(seen, args, script)
    else:
        _check_vector(seen, args)
    if args.features not in (None, PIXELS):
        check_function(str(args.features), seen)


def _check_image(seen: spaces.Box, args: RunArgs, script: str) -> None:
    found = f"{in_a_line(seen)} in {args.env_id}"
    if script not in SEE_IMAGES:
        others = " and ".join(f"scripts/{name}.py" for name in SEE_IMAGES)
        raise TypeError(
            f"`env_id` must have observations that become vectors for {script}.py, got {found}; "
            f"{others} see images"
        )
    if not has_channels_last(seen):
        raise TypeError(
            f"`env_id` must have observations (H, W) or (H, W, C), channels last, where they are "
            f"images, got {found}; move the axis of channels or frames last in a wrapper, such as "
            "gymnasium.wrappers.TransformObservation, or stack frames by `frame_stack`"
        )
    if args.features is None and args.reward not in BLIND:
        raise TypeError(
            "`features` must be given where observations are images, pixels to learn the reward "
            "from the image itself, or module:function to learn it from numbers that a function of "
            f"yours picks from it, got none for {found}; add --features pixels, and --image-size "
            "to train faster"
        )


def _check_vector(seen: Space[Any], args: RunArgs) -> None:
    found = f"{in_a_line(seen)} in {args.env_id}"
    if args.features == PIXELS:
        raise TypeError(
            "`features` must be pixels only where observations are images, a Box of uint8 of shape "
            f"(H, W) or (H, W, C), got pixels for {found}; leave it out, or make them images in a "
            "wrapper"
        )
    try:
        size = obs_dim(seen)
    except TypeError as error:
        raise TypeError(
            "`env_id` must have observations that are an image or become vectors, with no image "
            f"among other parts and nothing without a fixed size, got {found}; register it with a "
            "wrapper that shows an image or numbers, such as "
            "gymnasium.wrappers.TransformObservation"
        ) from error
    if size == 0:
        raise TypeError(f"`env_id` must have observations of at least one number, got {found}")


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
