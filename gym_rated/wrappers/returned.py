"""What environments of other authors return: taken where it can only mean one thing, else refused.

An environment without a reward may say None, which is kept as NaN; a number may come in an array of
its own, and a flag as 0 or 1. What is guessed at, such as the text "False", is not taken.
"""

import sys
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from gym_rated.segments.tensors import as_tensor, host_array, is_tensor, like, on_host

_ARRAY = np.ndarray
_Step = tuple[Any, Any, Any, Any, Mapping[str, Any]]


def of_reset(returned: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return what `reset` of a single or a vector environment returned, checked.

    Raises:
        TypeError: If it is not (obs, info).
    """
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise TypeError(
            f"`env.reset` must return (obs, info), got {_described(returned)}; an environment of "
            "the old Gym goes through shimmy's GymV21CompatibilityV0 first"
        )
    obs, info = returned
    return obs, _info("reset", info)


def of_step(returned: Any) -> _Step:
    """Return what `step` of a single environment returned, checked: a float, flags and a dict.

    Raises:
        TypeError: If it is no such five values.
        ValueError: If a reward or a flag is an array of several.
    """
    if type(returned) is not tuple or len(returned) != 5:
        _refuse_other_than_five(returned)
    obs, reward, terminated, truncated, info = returned
    if type(reward) is not float:
        reward = _number(reward)
    if terminated is not True and terminated is not False:
        terminated = _flag("terminated", terminated)
    if truncated is not True and truncated is not False:
        truncated = _flag("truncated", truncated)
    if type(info) is not dict:
        info = _info("step", info)
    return obs, reward, terminated, truncated, info


def of_vector_step(returned: Any, num_envs: int) -> _Step:
    """Return what `step` of N environments returned, checked: three arrays (N,) and a dict.

    Raises:
        TypeError: If it is no such five values.
        ValueError: If an array has another shape.
    """
    if type(returned) is not tuple or len(returned) != 5:
        _refuse_other_than_five(returned)
    obs, rewards, terminated, truncated, infos = returned
    shape = (num_envs,)
    if type(rewards) is not _ARRAY or rewards.dtype.kind not in "fiu" or rewards.shape != shape:
        rewards = _rewards(rewards, num_envs)
    if type(terminated) is not _ARRAY or terminated.dtype.kind != "b" or terminated.shape != shape:
        terminated = _flags("terminated", terminated, num_envs)
    if type(truncated) is not _ARRAY or truncated.dtype.kind != "b" or truncated.shape != shape:
        truncated = _flags("truncated", truncated, num_envs)
    if type(infos) is not dict:
        infos = _info("step", infos)
    if type(terminated) is not type(truncated):
        truncated = like(truncated, terminated)
    return obs, rewards, terminated, truncated, infos


def paid_like(learned: Any, rewards: Any) -> Any:
    """Return learned rewards as the environment's: arrays or tensors, on their device.

    They are float, and no smaller than float32: 0.9 in the place of whole numbers would be 0.
    """
    if type(rewards) is _ARRAY:
        dtype = rewards.dtype
        paid = dtype if dtype.char in "fd" else np.result_type(dtype, np.float32)
        return on_host(learned).astype(paid, copy=False)
    is_large = rewards.is_floating_point() and rewards.element_size() >= 4
    there = as_tensor(learned, rewards.device)
    return there.to(rewards.dtype) if is_large else there.float()


def _refuse_other_than_five(returned: Any) -> None:
    if not isinstance(returned, tuple) or len(returned) != 5:  # a subclass of tuple will do
        raise TypeError(
            "`env.step` must return (obs, reward, terminated, truncated, info), got "
            f"{_described(returned)}; an environment of the old Gym, which returns four, goes "
            "through shimmy's GymV21CompatibilityV0 first"
        )


def _described(returned: Any) -> str:
    kind = type(returned).__name__
    return f"a {kind} of {len(returned)}" if isinstance(returned, tuple | list) else f"a {kind}"


def _info(method: str, info: Any) -> Mapping[str, Any]:
    if isinstance(info, Mapping):
        return info
    if info is None:
        return {}
    raise TypeError(
        f"`env.{method}` must return a dict as its info, got {info!r}; DictInfoToList and the like "
        "go above the rating wrappers"
    )


def _number(reward: Any) -> float:
    if reward is None:
        return np.nan
    if isinstance(reward, np.ndarray | list | tuple) or hasattr(reward, "__array__"):
        reward = _only("reward", reward)
    if isinstance(reward, Real | np.bool_) or type(reward).__name__ == "Decimal":
        return float(reward)
    raise TypeError(
        f"`env.step` must return a number as its reward, or None where there is none, got "
        f"{reward!r}; mend it in a wrapper below the rating wrappers"
    )


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, np.bool_):
        return value  # type: ignore[return-value]  # as good
    only = _only(name, value) if hasattr(value, "__array__") or isinstance(value, list) else value
    if isinstance(only, bool | np.bool_) or (isinstance(only, Real) and only in (0, 1)):
        return bool(only)
    raise TypeError(
        f"`env.step` must return a bool as `{name}`, got {value!r}; mend it in a wrapper below the "
        "rating wrappers"
    )


def _only(name: str, values: Any) -> Any:
    """Return the only entry of an array."""
    array = host_array(values)
    if array.size != 1:
        raise ValueError(
            f"`env.step` must return one `{name}` for one environment, got {values!r}; several "
            "environments go into a vector environment and gym_rated.vector"
        )
    return array.item()


def _rewards(rewards: Any, num_envs: int) -> Any:
    """Return rewards that are no array of numbers (N,): as one, or as a tensor if they are one."""
    if not is_tensor(rewards):
        return np.array([_number(x) for x in _each("rewards", rewards, num_envs)])
    is_usual = not rewards.is_complex() and rewards.dtype != sys.modules["torch"].bool
    if is_usual and tuple(rewards.shape) in ((num_envs,), (num_envs, 1)):
        return rewards.detach().reshape(num_envs)
    return like(_rewards(on_host(rewards), num_envs), rewards)


def _each(name: str, values: Any, num_envs: int) -> list[Any]:
    array = host_array(values)
    if array.shape not in ((num_envs,), (num_envs, 1)):
        raise ValueError(
            f"`envs.step` must return `{name}` of shape ({num_envs},), got {array.shape}"
        )
    return array.ravel().tolist()


def _flags(name: str, values: Any, num_envs: int) -> Any:
    """Return flags that are no array of bools (N,): as one, or as a tensor if they are one."""
    if is_tensor(values):
        is_usual = values.dtype == sys.modules["torch"].bool
        if is_usual and tuple(values.shape) in ((num_envs,), (num_envs, 1)):
            return values.reshape(num_envs)
        return like(_flags(name, on_host(values), num_envs), values)
    return np.array([bool(_flag(name, x)) for x in _each(name, values, num_envs)])
