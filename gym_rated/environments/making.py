"""Make an environment from the id that a user typed, or say in one sentence why there is none.

An id `module:Id` imports its module, which may lie in the folder that one works in, as with
`python -m`. So an id comes here from a command line or an argument only, never from a file.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import gymnasium as gym

from gym_rated.environments.mujoco_warnings import warned_once
from gym_rated.imports import import_typed, named_extras

_MISSING_ARGUMENTS = re.compile(r"missing \d+ required [\w-]+ arguments?: (.*?)(?: was raised|$)")
_REFUSED_ARGUMENT = re.compile(r"unexpected keyword argument '?(\w+)'?|takes no (?=arguments)")


def make_env(
    env_id: str, env_kwargs: Mapping[str, Any] | None = None, *, render_mode: str | None = None
) -> gym.Env[Any, Any]:
    """Make an environment; without a `render_mode` it need not know that argument.

    Args:
        env_id: Its id, or `module:Id`, where importing the module registers the id.
        env_kwargs: Further arguments of `gymnasium.make`.
        render_mode: As in `gymnasium.make`.

    Raises:
        ImportError: If a package or the module of the id is missing.
        TypeError: If the environment does not take one of the arguments.
        ValueError: If there is no such id.
    """
    arguments = dict(env_kwargs or {}) | (
        {} if render_mode is None else {"render_mode": render_mode}
    )
    with own_words(env_id), named_extras(), warned_once(env_id):
        if env_kwargs:
            return _made_with(env_id, arguments, render_mode)
        return gym.make(env_id, **arguments)


def _made_with(
    env_id: str, arguments: Mapping[str, Any], render_mode: str | None
) -> gym.Env[Any, Any]:
    """Make an environment, or say that its arguments are wrong where it can be made without."""
    if "id" in arguments:
        raise TypeError("`env_kwargs` must not hold id, which `env_id` is, got one; leave it out")
    try:
        return gym.make(env_id, **arguments)
    except (ValueError, TypeError, AssertionError) as error:
        if _is_told_apart(error):
            raise
        gym.make(env_id, render_mode=render_mode).close()
        given = {name: value for name, value in arguments.items() if name != "render_mode"}
        said = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"`env_kwargs` must be what {env_id} takes, got {given}: {said}"
        ) from error


def _is_told_apart(error: Exception) -> bool:
    """Return whether `own_words` has words for an error."""
    found = (_REFUSED_ARGUMENT, _MISSING_ARGUMENTS)
    return isinstance(error, TypeError) and any(each.search(str(error)) for each in found)


@contextmanager
def own_words(env_id: str) -> Iterator[None]:
    """Say which environment could not be made, and what to do, where Gymnasium makes one."""
    try:
        _import_module_of(env_id)
        yield
    except ModuleNotFoundError as error:
        if error.name is None:
            raise
        raise ImportError(
            f"`env_id` {env_id} needs the package {error.name!r}, which is not installed"
        ) from error
    except gym.error.Error as error:
        if not isinstance(error, gym.error.UnregisteredEnv) and type(error) is not gym.error.Error:
            raise  # of a missing package, with its name
        raise ValueError(
            f"`env_id` must name an environment that is registered, got {env_id!r}; "
            f"{_suggestion(env_id)}"
        ) from error
    except TypeError as error:
        found = _REFUSED_ARGUMENT.search(str(error))
        lacking = _MISSING_ARGUMENTS.search(str(error))
        if lacking is not None:
            raise TypeError(
                f"`env_kwargs` must hold what the environment needs, got no {lacking[1]} for "
                f"{env_id}"
            ) from error
        if found is None:
            raise
        name = found[1] or "arguments"
        flag = name if name == "render_mode" else "env_kwargs"
        raise TypeError(
            f"`{flag}` must be what the environment takes, got {name!r} for {env_id}; leave it "
            "out, or add it to the arguments of the environment"
        ) from error


def _import_module_of(env_id: str) -> None:
    """Import the module of `module:Id`, installed or, if it is not, in the working folder."""
    if ":" not in env_id:
        return
    module, _, name = env_id.partition(":")
    if not module or not name or ":" in name:
        raise ValueError(f"`env_id` must have the form Id or module:Id, got {env_id!r}")
    import_typed("env_id", env_id)


def _suggestion(env_id: str) -> str:
    """Return what the user may have meant."""
    name = env_id.rpartition(":")[2]
    ours = name.replace("dm_control/", "gym_rated/dm-", 1)
    if ours != name and ours in gym.registry:
        return f"that task of dm_control is {ours} here"
    known = {known.lower(): known for known in gym.registry}
    unversioned = {re.sub(r"-v\d+$", "", known): known for known in known}
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.75) or [
        unversioned[found]
        for found in get_close_matches(
            re.sub(r"-v\d+$", "", name.lower()), unversioned, n=1, cutoff=0.75
        )
    ]
    if close:
        return f"did you mean {known[close[0]]}?"
    return "one of your own is 'module:Id', where importing the module registers the id"
