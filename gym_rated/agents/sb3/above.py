"""What lies between a Stable-Baselines3 agent and the wrappers that pay it, and what it changes."""

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import wrappers
from gymnasium.vector import VectorWrapper

from gym_rated.agents.sb3.vec_env import SB3VecEnv
from gym_rated.imports import named_extras
from gym_rated.wrappers.stacking import RatingWrapper, changes_of, layers
from gym_rated.wrappers.trying import CannotTry, differ, tried

with named_extras():
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import (
        VecCheckNan,
        VecEnv,
        VecEnvWrapper,
        VecExtractDictObs,
        VecFrameStack,
        VecMonitor,
        VecNormalize,
        VecTransposeImage,
        VecVideoRecorder,
    )

_STEPS = 12
_PLAIN = (Monitor, VecCheckNan, VecMonitor, VecVideoRecorder)
_OF_OBSERVATIONS = (VecExtractDictObs, VecFrameStack, VecTransposeImage)


class Above(NamedTuple):
    """The layers of an agent's environment down to its rating wrappers."""

    layers: list[Any]  # from the outside in, those of SB3 first
    wrappers: list[Any]  # one of N environments, or N of one each


def above(env: Any, kind: type[RatingWrapper]) -> Above:
    """Return what lies above the outermost wrappers of a kind in an agent's environment.

    Raises:
        ValueError: If there is none, or none within reach.
    """
    found: list[Any] = []
    while isinstance(env, VecEnvWrapper):
        found.append(env)
        env = env.venv
    if isinstance(env, SB3VecEnv):
        env = env.gymnasium_envs
    bottoms = getattr(env, "envs", [env]) if isinstance(env, VecEnv) else [env]
    stacks = [stack for bottom in bottoms for stack in _stacks(bottom)]
    wrappers = []
    for stack in stacks:
        depth = next((i for i, layer in enumerate(stack) if isinstance(layer, kind)), None)
        if depth is None:
            raise ValueError(
                f"`env` must hold the wrapper that pays the agent, got none in {stack[0]!r}; put "
                "LearnedRewardWrapper around it, in this process: several environments go into "
                "one vector stack in SB3VecEnv, not into a SubprocVecEnv"
            )
        found += [layer for layer in stack[:depth] if layer not in found]
        wrappers += [stack[depth]] if stack[depth] not in wrappers else []
    return Above(found, wrappers)


def _stacks(env: Any) -> list[list[Any]]:
    """Return the layers of an environment, down into each of those inside it."""
    outer = layers(env)
    inside = getattr(outer[-1], "envs", ())
    return [[*outer, *layers(sub)] for sub in inside] if inside else [outer]


def stored_through(found: list[Any]) -> list[Any]:
    """Return the layers that what SB3 stores has passed: those below the outermost VecNormalize."""
    at = next((i for i, layer in enumerate(found) if isinstance(layer, VecNormalize)), -1)
    return found[at + 1 :]


def refuse_changed_rewards(found: list[Any]) -> None:
    """Raise ValueError if SB3 stores another reward than was paid, or that of several steps."""
    for layer in stored_through(found):
        reason = _reason(layer, frozenset({"rewards", "steps"}))
        if reason:
            raise ValueError(
                "`env` must hand rewards on as LearnedRewardWrapper pays them where a replay "
                f"buffer keeps them, got {type(layer).__name__}, {reason}; put it below "
                "RatingFeedbackWrapper if it belongs to the task, or use VecNormalize for rewards"
            )


def refuse_changes(found: list[Any]) -> None:
    """Raise ValueError if what is stored is not what was paid for, and cannot be brought back."""
    for layer in stored_through(found):
        if isinstance(layer, VecTransposeImage | wrappers.FlattenObservation):
            continue
        reason = _reason(layer, frozenset({"observations", "actions", "rewards", "steps"}))
        if reason:
            raise ValueError(
                "`env` must store what the rating wrappers saw, got "
                f"{type(layer).__name__}, {reason}; train with FitCallback from an empty replay "
                "buffer on, which remembers what was paid for, or put it below "
                "RatingFeedbackWrapper"
            )


def _reason(layer: Any, bad: frozenset[str]) -> str | None:
    """Say what speaks against a layer, where these are bad; None if nothing does."""
    try:
        changed = _changes(layer) & bad
    except CannotTry as error:
        return f"of which it cannot be found out what it changes ({error})"
    return f"which changes {', '.join(sorted(changed))}" if changed else None


def _changes(layer: Any) -> frozenset[str]:
    if type(layer) in _PLAIN:
        return frozenset()
    if type(layer) in _OF_OBSERVATIONS:
        return frozenset({"observations"})
    if type(layer) is VecNormalize:  # not the outermost, which SB3 looks below
        return frozenset({"observations", "rewards"})
    if isinstance(layer, VecEnvWrapper):
        below, of_class = _StandIn(layer.venv), layer.class_attributes
        return tried(layer, {id(layer.venv): below, id(of_class): of_class}, below, _try)
    return changes_of(layer) if isinstance(layer, gym.Wrapper | VectorWrapper) else frozenset()


class _StandIn(VecEnv):
    """In the place of a wrapper's environment: samples of its spaces, and known rewards."""

    def __init__(self, venv: VecEnv) -> None:
        self.obs: Any = None
        self.actions: Any = None
        self.rewards: Any = None
        self.num_steps = 0
        super().__init__(venv.num_envs, venv.observation_space, venv.action_space)

    def _sample(self, space: Any) -> Any:
        samples = [space.sample() for _ in range(self.num_envs)]
        if isinstance(space, gym.spaces.Dict):
            return {key: np.array([sample[key] for sample in samples]) for key in space}
        return np.array(samples)

    def reset(self) -> Any:
        self.obs = self._sample(self.observation_space)
        return self.obs

    def step_async(self, actions: Any) -> None:
        self.actions = actions
        self.num_steps += 1

    def step_wait(self) -> Any:
        self.reset()
        self.rewards = (np.arange(self.num_envs) + 0.5 + self.num_steps).astype(np.float32)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return self.obs, self.rewards.copy(), np.zeros(self.num_envs, np.bool_), infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        if attr_name == "render_mode":
            return [None] * self.num_envs
        raise AttributeError(attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(attr_name)

    def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list[Any]:
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


def _try(copy: Any, below: Any) -> frozenset[str]:
    changed = {"observations"} if differ(copy.reset(), below.obs) else set()
    for step in range(_STEPS):
        actions = below._sample(below.action_space)
        obs, rewards, *_ = copy.step(actions.copy())
        for name, got, known in (
            ("observations", obs, below.obs),
            ("actions", below.actions, actions),
            ("rewards", rewards, below.rewards),
            ("steps", below.num_steps, step + 1),
        ):
            changed |= {name} if differ(got, known) else set()
    return frozenset(changed)
