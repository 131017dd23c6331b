"""What may leave the environment: info and attributes that cannot reveal the true reward.

An allow-list, not a deny-list: MuJoCo's `x_velocity` *is* HalfCheetah's forward reward, and its
name does not say so. What is not named here, or by the user, stays below the wrapper.
`env.unwrapped` and `env.env` are plain Python and cannot be sealed inside one process: code that
reaches for them reaches the truth.
"""

from collections.abc import Collection, Mapping
from typing import Any

from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

ALWAYS_IN_INFO = ("final_obs", "_final_obs")
"""Info keys that pass without being named: the last observation of an episode, and its mask."""

ALLOWED_ATTRIBUTES = frozenset(
    {
        "spec",
        "render_mode",
        "metadata",
        "observation_space",
        "action_space",
        "single_observation_space",
        "single_action_space",
        "np_random",
        "np_random_seed",
        "num_envs",
        "autoreset_mode",
        "render",
        "close",
        "reset",
        "step",
    }
)
"""Attributes that a wrapper above may read through a rating wrapper without being named."""


def hide_info(info: Mapping[str, Any], allow: Collection[str] = ()) -> dict[str, Any]:
    """Return the entries of `info` that may be seen above a rating wrapper.

    Args:
        info: The environment's info, of a single or a vector environment.
        allow: Keys that pass as well, with their `_key` masks.

    Returns:
        A new dict: `final_obs`, what `allow` names, and `final_info` filtered by the same rule,
        with its mask.
    """
    kept = {}
    for key in ALWAYS_IN_INFO:
        if key in info:
            kept[key] = info[key]
    for key in allow:
        kept |= {k: info[k] for k in (key, f"_{key}") if k in info}
    if "final_info" in info and "final_info" not in kept and isinstance(info["final_info"], dict):
        kept["final_info"] = hide_info(info["final_info"], allow)
        kept |= {key: info[key] for key in ("_final_info",) if key in info}
    return kept


class SealedAttributes:
    """Mixin for `gym.Wrapper`: `get_wrapper_attr` and its kin stop here for what is not allowed.

    A class that uses it sets `_visible`, the names that may be read through it.
    """

    _visible: frozenset[str]
    _own = frozenset({"ratings", "query", "collect", "replay"})  # the feedback wrapper's

    def has_wrapper_attr(self, name: str) -> bool:
        """Say whether `name` can be read from here: False for a sealed attribute."""
        return name in self._visible and super().has_wrapper_attr(name)  # type: ignore[misc]  # gym.Wrapper's

    def get_wrapper_attr(self, name: str) -> Any:
        """Return an attribute of this wrapper or a lower one.

        Raises:
            AttributeError: If it does not exist, or is sealed because it may reveal the true
                reward.
        """
        _refuse_sealed(self, name, self._visible)
        return super().get_wrapper_attr(name)  # type: ignore[misc]  # gym.Wrapper's

    def set_wrapper_attr(self, name: str, value: Any, *, force: bool = True) -> bool:
        """Set an attribute of this wrapper or a lower one; returns whether it was set.

        Raises:
            AttributeError: If it is sealed and `force` asks for it to be set here.
        """
        if not force and name not in self._visible:
            return False
        _refuse_sealed(self, name, self._visible)
        return bool(super().set_wrapper_attr(name, value, force=force))  # type: ignore[misc]  # gym.Wrapper's


class SealedVectorAttributes:
    """Mixin for `VectorWrapper`: `call`, `get_attr` and `set_attr` pass only what is allowed.

    A class that uses it sets `_visible`. `step` and `reset` of sub-environments cannot be called
    through it, because they return the true reward and its traces.
    """

    env: VectorEnv[Any, Any, Any]
    _visible: frozenset[str]
    _own: frozenset[str] = frozenset()  # those of sub-environments are none of a vector's

    @property
    def autoreset_mode(self) -> AutoresetMode | None:
        """When ended episodes begin anew; TorchRL reads it here and not in `metadata`."""
        return self.env.metadata.get("autoreset_mode")

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call or read `name` in every sub-environment; raises AttributeError if it is sealed."""
        return self._pass_on("call", name, *args, **kwargs)  # type: ignore[no-any-return]

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Read `name` from every sub-environment; raises AttributeError if it is sealed."""
        return self._pass_on("get_attr", name)  # type: ignore[no-any-return]

    def set_attr(self, name: str, values: Any) -> None:
        """Set `name` in every sub-environment; raises AttributeError if it is sealed."""
        self._pass_on("set_attr", name, values)

    def _pass_on(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        _refuse_sealed(self, name, self._visible - {"step", "reset"})
        env = self.env
        while isinstance(env, VectorWrapper) and not hasattr(env, method):
            env = env.env
        return getattr(env, method)(name, *args, **kwargs)


def _refuse_sealed(wrapper: object, name: str, visible: frozenset[str]) -> None:
    if name not in visible:
        raise AttributeError(
            f"`{name}` is sealed by {type(wrapper).__name__}, because what lies below may reveal "
            "the true reward; name it in `attr_allow` if it cannot"
        )
