"""What a wrapper does, found out by trying a copy of it around a stand-in of its environment.

A class says little about what a wrapper of another author does. The stand-in returns observations
and rewards that are known, and notes what it is handed; what comes out differently was changed on
the way. The environment itself is not touched, nor is the global random state.
"""

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

_Found = TypeVar("_Found")
_EPISODES, _STEPS = 3, 12


class CannotTry(Exception):
    """A wrapper cannot be copied, or does not work around a stand-in."""


def changed_by(wrapper: Any) -> frozenset[str]:
    """Return what a wrapper changes: of "observations", "actions", "rewards" and "steps".

    Args:
        wrapper: A `gymnasium.Wrapper` or `gymnasium.vector.VectorWrapper`.

    Raises:
        CannotTry: If it cannot be found out.
    """
    return _tried(wrapper, _changes)


def remembers_episodes(wrapper: Any) -> bool:
    """Say whether what a wrapper shows of an episode depends on what was seen in earlier ones.

    Running statistics do: two copies that saw different episodes show the same one differently.

    Raises:
        CannotTry: If it cannot be found out.
    """
    one, other = (_tried(wrapper, partial(_history, seed)) for seed in (1, 2))
    return differ(one, other)


def everything_in(env: Any) -> Iterator[Any]:
    """Yield `env` and all environments that it holds in whatever attribute, however deep."""
    waiting, seen = [env], set()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        # not by `__dict__`: once asked for, it makes all later attributes of an object slower
        waiting += _environments_in(gc.get_referents(found), depth=4)


def _environments_in(value: Any, depth: int) -> Iterator[Any]:
    """Yield the environments in nested containers."""
    if isinstance(value, gym.Env | VectorEnv):
        yield value
    elif depth and isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _environments_in(item, depth - 1)


class _StandIn:
    """Returns samples of its spaces, and notes the actions that it is handed."""

    def __init__(self, env: Any) -> None:
        super().__init__()
        self.metadata, self.render_mode = env.metadata, env.render_mode
        self.observation_space = deepcopy(env.observation_space)
        self.action_space = deepcopy(env.action_space)
        self.observation_space.seed(0)
        self.action_space.seed(0)
        self.obs: Any = None
        self.reward: Any = None
        self.handed: list[Any] = []
        self.num_resets = 0

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)  # type: ignore[misc]  # gym.Env's or VectorEnv's
        self.num_resets += 1
        self.obs = self.observation_space.sample()
        return deepcopy(self.obs), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        self.handed.append(deepcopy(action))
        self.obs = self.observation_space.sample()
        self.reward, done = self._reward_and_done()
        return deepcopy(self.obs), self.reward, done, done, {}

    def _reward_and_done(self) -> tuple[Any, Any]:
        return 0.5 + len(self.handed) * float(self.observation_space.np_random.uniform()), False


class _Single(_StandIn, gym.Env[Any, Any]):
    pass


class _Vector(_StandIn, VectorEnv[Any, Any, Any]):
    def __init__(self, env: Any) -> None:
        self.num_envs = env.num_envs
        self.single_observation_space = deepcopy(env.single_observation_space)
        self.single_action_space = deepcopy(env.single_action_space)
        super().__init__(env)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.observation_space.seed(0)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return super().reset(seed=seed if isinstance(seed, int) else None, options=options)

    def _reward_and_done(self) -> tuple[Any, Any]:
        reward, _ = super()._reward_and_done()
        return np.arange(self.num_envs) + reward, np.zeros(self.num_envs, np.bool_)


def _tried(wrapper: Any, trial: Callable[[Any, Any], _Found]) -> _Found:
    try:
        is_vector = isinstance(wrapper, VectorWrapper)
        below = _Vector(wrapper.env) if is_vector else _Single(wrapper.env)
    except Exception as error:  # of spaces that cannot be sampled or batched
        raise CannotTry(f"{type(error).__name__}: {error}") from error
    return tried(wrapper, {id(part): below for part in everything_in(wrapper.env)}, below, trial)


def tried(
    wrapper: Any, instead: dict[int, Any], below: Any, trial: Callable[[Any, Any], _Found]
) -> _Found:
    """Run a trial on a copy of `wrapper` around a stand-in.

    Args:
        wrapper: What is tried.
        instead: What the copy has in the place of what it must not share, by `id`: the stand-in
            for all that is wrapped.
        below: The stand-in.
        trial: Called with the copy and the stand-in.

    Raises:
        CannotTry: If the wrapper cannot be copied, or fails.
    """
    try:
        copy = object.__new__(type(wrapper))  # wrappers may read their environment's attributes
        vars(copy).update(deepcopy(vars(wrapper), {**instead, id(wrapper): copy}))
        with _global_luck_kept():
            return trial(copy, below)
    except Exception as error:  # whatever the code of another author may raise
        raise CannotTry(f"{type(error).__name__}: {error}") from error


@contextmanager
def _global_luck_kept() -> Iterator[None]:
    kept, kept_of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(kept)
        np.random.set_state(kept_of_numpy)  # noqa: NPY002


def _changes(copy: Any, below: Any) -> frozenset[str]:
    changed = set()
    for episode in range(_EPISODES):
        obs = copy.reset(seed=episode)[0]
        if below.num_resets != episode + 1:
            changed.add("steps")
        if differ(obs, below.obs):
            changed.add("observations")
        for _ in range(_STEPS):
            action, num_handed = below.action_space.sample(), len(below.handed)
            obs, reward, *_ = copy.step(deepcopy(action))
            if len(below.handed) != num_handed + 1:
                changed.add("steps")
            elif differ(below.handed[-1], action):
                changed.add("actions")
            if differ(obs, below.obs):
                changed.add("observations")
            if not np.array_equal(reward, below.reward):
                changed.add("rewards")
    return frozenset(changed)


def _history(seed: int, copy: Any, below: Any) -> list[Any]:
    """Return what a copy shows of an episode after another, which `seed` makes."""
    shown = []
    for of_episode in (seed, 0):
        below.observation_space.seed(of_episode)
        below.action_space.seed(0)
        below.handed.clear()
        shown = [copy.reset(seed=0)[0]]
        for _ in range(_STEPS):
            shown += copy.step(below.action_space.sample())[:2]
    return shown


def differ(one: Any, other: Any) -> bool:
    """Say whether two nested structures of arrays differ, in a number or in its type."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() != other.keys() or any(differ(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) != len(other) or any(map(differ, one, other))
    mine, theirs = np.asarray(one), np.asarray(other)
    has_nan = mine.dtype.kind in "fc"  # NaN is the reward of an environment without one
    return mine.dtype != theirs.dtype or not np.array_equal(mine, theirs, equal_nan=has_nan)
