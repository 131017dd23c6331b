"""Vector environments of other libraries, which follow Gymnasium's protocol and say so in no class.

Some are no `gymnasium.vector.VectorEnv`, as those of IsaacLab, which are single ones by class; some
are, and call the space of one observation that of all, as EnvPool's. When their ended episodes
begin anew is read from their metadata or asked for, never guessed: a wrong guess would take the
first step of an episode for no transition, or a reset for one.
"""

import inspect
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from gym_rated.checks import whole_number

_NEEDED = ("num_envs", "single_observation_space", "single_action_space", "reset", "step")


def as_vector_env(
    envs: Any, *, autoreset_mode: AutoresetMode | str | None = None
) -> VectorEnv[Any, Any, Any]:
    """Return what steps N environments as a `gymnasium.vector.VectorEnv`.

    Args:
        envs: Anything with `num_envs`, `single_observation_space`, `single_action_space`, `reset`
            and `step`, which return what those of a VectorEnv do, as arrays or tensors.
        autoreset_mode: When an ended episode begins anew, where its metadata do not say.

    Returns:
        `envs` itself, where nothing is missing.

    Raises:
        TypeError: If it lacks one of these, or they are of another kind.
        ValueError: If nobody says its autoreset mode, or two say different ones.

    Example:
        >>> import gymnasium as gym
        >>> import numpy as np
        >>> class Still:
        ...     num_envs = 2
        ...     single_observation_space = gym.spaces.Box(-1, 1, (1,))
        ...     single_action_space = gym.spaces.Discrete(2)
        ...     def reset(self):
        ...         return np.zeros((2, 1), np.float32), {}
        ...     def step(self, actions):
        ...         over = np.zeros(2, bool)
        ...         return np.zeros((2, 1), np.float32), np.ones(2), over, over, {}
        >>> envs = as_vector_env(Still(), autoreset_mode="SameStep")
        >>> envs.reset()[0].shape, envs.observation_space.shape
        ((2, 1), (2, 1))
    """
    for name in _NEEDED:
        if attribute_of(envs, name) is None:
            raise TypeError(
                f"`envs` must have {', '.join(f'`{x}`' for x in _NEEDED)}, got {envs!r} without "
                f"`{name}`; set what it has under another name"
            )
    mode = _mode_of(envs, autoreset_mode)
    adapted = _Adapted(envs, mode)
    if isinstance(envs, VectorEnv) and envs.metadata.get("autoreset_mode") is not None:
        spaces = envs.observation_space, envs.action_space
        if spaces == (adapted.observation_space, adapted.action_space):
            return envs
    return adapted


def is_like_vector_env(env: Any) -> bool:
    """Say whether something steps several environments at once, whatever its class."""
    return all(attribute_of(env, name) is not None for name in _NEEDED)


def attribute_of(env: Any, name: str) -> Any:
    """Return an attribute of an environment or of one that it wraps; None if there is none."""
    found = getattr(env, name, None)
    if found is None and isinstance(env, gym.Wrapper) and env.has_wrapper_attr(name):
        return env.get_wrapper_attr(name)
    return found


def _mode_of(envs: Any, given: AutoresetMode | str | None) -> AutoresetMode:
    metadata = attribute_of(envs, "metadata") or {}
    says = {"metadata": metadata.get("autoreset_mode"), "`autoreset_mode`": given}
    modes = {name: _as_mode(mode) for name, mode in says.items() if mode is not None}
    if not modes:
        raise ValueError(
            "`autoreset_mode` must be given where the metadata do not say when an ended episode "
            f"begins anew, got neither for {envs!r}; it is SameStep if the step in which it ends "
            "returns the next one's first observation (IsaacLab, ManiSkill, brax), NextStep if the "
            "step after does (EnvPool), and Disabled if nothing does"
        )
    if len(set(modes.values())) > 1:
        raise ValueError(
            f"`autoreset_mode` must be that of the metadata, {modes['metadata'].value}, got "
            f"{modes['`autoreset_mode`'].value}; leave it out, or mend the metadata"
        )
    return next(iter(modes.values()))


def _as_mode(mode: Any) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(each.value for each in AutoresetMode)
        raise ValueError(f"`autoreset_mode` must be one of {known}, got {mode!r}") from None


class _Adapted(VectorEnv[Any, Any, Any]):
    """A vector environment by its class, around one that is by what it does."""

    def __init__(self, adapted: Any, mode: AutoresetMode) -> None:
        self.adapted = adapted
        self.num_envs = whole_number("num_envs", attribute_of(adapted, "num_envs"))
        self.single_observation_space = _space(adapted, "single_observation_space")
        self.single_action_space = _space(adapted, "single_action_space")
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        metadata = attribute_of(adapted, "metadata") or {}
        self.metadata = {**metadata, "autoreset_mode": mode}
        self.render_mode = attribute_of(adapted, "render_mode")
        spec = attribute_of(adapted, "spec")
        self.spec = spec if isinstance(spec, EnvSpec) else None
        self._takes = _arguments_of(adapted.reset)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments.

        Raises:
            ValueError: If `seed` or `options` is given, and they do not take it.
        """
        given = {"seed": seed, "options": options}
        handed = {name: value for name, value in given.items() if value is not None}
        for name in handed:
            if name not in self._takes:
                raise ValueError(
                    f"`{name}` must be left out of `reset`, got {handed[name]!r}: {self.adapted!r} "
                    "takes none; give it where the environments are made"
                )
        return self.adapted.reset(**handed)  # type: ignore[no-any-return]  # checked above

    def step(self, actions: Any) -> Any:
        """Step the environments."""
        return self.adapted.step(actions)

    def render(self) -> Any:
        """Return what the environments draw."""
        return self.adapted.render()

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments, if they can be closed."""
        close = attribute_of(self.adapted, "close")
        if close is not None:
            close()


def _space(envs: Any, name: str) -> gym.Space[Any]:
    space = attribute_of(envs, name)
    if not isinstance(space, gym.Space):
        raise TypeError(
            f"`{name}` must be a space of Gymnasium, got {space!r}; give the environments one "
            "before they are adapted"
        )
    return space


def _arguments_of(function: Any) -> frozenset[str]:
    """Return which of `seed` and `options` a function takes."""
    names = frozenset({"seed", "options"})
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # compiled code does not say
        return names
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return names
    return names & set(parameters)
