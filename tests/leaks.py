"""A detector of true rewards and infos in whatever comes out above the rating wrappers."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
from envs import step_vector

_NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
_OPAQUE = (
    Callable,
    ModuleType,
    type,
    gym.Space,
    gym.Env,
    gym.vector.VectorEnv,
    np.random.Generator,
)


class Spy(gym.Wrapper):
    """Goes innermost and knows every reward and info number that the environment gave.

    A number that could turn up by accident (1.0, a count, a mask) is replaced by one that cannot:
    each such number is planted once in a run. Numbers that the observation shows are no secret.
    """

    def __init__(self, env: gym.Env, secrets: "Secrets") -> None:
        super().__init__(env)
        self.secrets = secrets
        self.last_reward = 0.0

    def reset(self, **kwargs: Any) -> Any:
        obs, info = self.env.reset(**kwargs)
        self.secrets.show(obs)
        return obs, self.secrets.plant({**info, "planted": 1.0, "nested": {"planted": [1.0]}})

    def step(self, action: Any) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(action)
        self.secrets.show(obs)
        self.last_reward = self.secrets.plant(float(reward))
        info = self.secrets.plant({**info, "planted": 1.0, "array": np.ones(2)})
        return obs, self.last_reward, terminated, truncated, info


class Secrets:
    """Numbers that must not come out, in float64 and as float32 would round them."""

    def __init__(self) -> None:
        self.numbers: set[float] = set()
        self.shown: set[float] = set()

    def plant(self, value: Any) -> Any:
        """Return `value` with every number of it a secret, in the same structure."""
        if isinstance(value, Mapping):
            return {key: self.plant(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.plant(item) for item in value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            flat = [self.plant(float(item)) for item in value.ravel()]
            return np.array(flat).reshape(value.shape)
        if isinstance(value, bool | int | float | np.generic):
            number = float(value)
            if number == round(number, 3) or not np.isfinite(number):  # too common to be told apart
                number = 700_000 + len(self.numbers) + 0.123456789
            self.numbers |= {number, float(np.float32(number))}
            return number
        return value

    def show(self, obs: Any) -> None:
        """Note what an observation shows anyway."""
        if isinstance(obs, dict | tuple):
            for item in obs.values() if isinstance(obs, dict) else obs:
                self.show(item)
        elif np.asarray(obs).dtype.kind == "f":
            self.shown |= set(np.ravel(obs).astype(np.float64).tolist())
            self.shown |= set(np.ravel(obs).astype(np.float32).tolist())

    def found_in(self, value: Any, path: str = "") -> Iterator[str]:
        """Walk a value to its last part; yield where a secret is, and which."""
        yield from self._walk(value, path, set())

    def _walk(self, value: Any, path: str, seen: set[int]) -> Iterator[str]:
        if isinstance(value, bool | int | float | np.number):
            if float(value) in self.numbers - self.shown:
                yield f"{path}: {value}"
        elif isinstance(value, str):
            for text in _NUMBER.findall(value):
                yield from self._walk(float(text), f"{path} (text)", seen)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            hidden = self.numbers - self.shown
            hits = [x for x in np.ravel(value).astype(np.float64).tolist() if x in hidden]
            yield from (f"{path}: {x}" for x in hits)
        elif id(value) in seen or value is None or isinstance(value, _OPAQUE) or is_rater(value):
            return
        else:
            seen.add(id(value))
            if isinstance(value, Mapping):
                items = [(f"{path}[{key!r}]", item) for key, item in value.items()]
                items += [(f"{path} (key)", key) for key in value]
            elif isinstance(value, np.ndarray | list | tuple | set | frozenset | deque):
                items = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
            else:
                fields = list(getattr(value, "__dict__", {}))
                fields += [f for c in type(value).__mro__ for f in getattr(c, "__slots__", ())]
                items = [(f"{path}.{f}", getattr(value, f, None)) for f in fields]
            for where, item in items:
                yield from self._walk(item, where, seen)


def is_rater(value: Any) -> bool:
    """Say whether `value` may hold true rewards: a rater was given them to judge by."""
    return hasattr(value, "submit") and hasattr(value, "collect")


def names_below(env: Any) -> set[str]:
    """Return every attribute name of every layer, and of the layers of sub-environments."""
    names, layers = set(), [env]
    while layers:
        layer = layers.pop()
        names |= {name for name in dir(layer) if not name.startswith("__")}
        layers += list(getattr(layer, "envs", ()))
        layers += [layer.env] if isinstance(layer, gym.Wrapper | gym.vector.VectorWrapper) else []
    return names


def leaks_of_single(env: Any, secrets: Secrets, num_steps: int = 12) -> list[str]:
    """Run a wrapped environment and collect the secrets that come out of it."""
    found = list(secrets.found_in(env.reset(seed=1)[1], "reset info"))
    for _ in range(num_steps):
        _, *outputs, info = env.step(env.action_space.sample())
        found += secrets.found_in(outputs, "step")
        found += secrets.found_in(info, "step info")
        if outputs[1] or outputs[2]:
            found += secrets.found_in(env.reset()[1], "reset info")
    for name in sorted(names_below(env)):
        if env.has_wrapper_attr(name):
            found += secrets.found_in(env.get_wrapper_attr(name), f"has_wrapper_attr {name}")
        try:
            value = env.get_wrapper_attr(name)
        except AttributeError:
            continue
        found += secrets.found_in(value, f"get_wrapper_attr {name}")
    return [*found, *leaks_of_attributes(env, secrets)]


def leaks_of_vector(envs: Any, secrets: Secrets, num_steps: int = 12) -> list[str]:
    """Run a wrapped vector environment and collect the secrets that come out of it."""
    found = list(secrets.found_in(envs.reset(seed=1)[1], "reset info"))
    for _ in range(num_steps):
        _, *outputs, infos = step_vector(envs, envs.action_space.sample())
        found += secrets.found_in(outputs, "step")
        found += secrets.found_in({k: v for k, v in infos.items() if k != "final_obs"}, "step info")
    for name in sorted(names_below(envs) - {"close", "close_extras", "render"}):
        for access in ("call", "get_attr"):
            try:
                value = getattr(envs, access)(name)
            except (AttributeError, TypeError):  # TypeError: a method that wants arguments
                continue
            found += secrets.found_in(value, f"{access} {name}")
    return [*found, *leaks_of_attributes(envs, secrets)]


def leaks_of_attributes(env: Any, secrets: Secrets) -> Iterator[str]:
    """Look at the public attributes; `env` and `unwrapped` cannot be sealed in one process."""
    for name in dir(env):
        if not name.startswith("_") and name not in ("env", "unwrapped"):
            yield from secrets.found_in(getattr(env, name), name)


def leaks_of_file(path: Path, secrets: Secrets) -> list[str]:
    """Look into a saved dataset."""
    with np.load(path) as file:
        return list(secrets.found_in({name: file[name][()] for name in file.files}, "file"))
