"""Environments that return a number with which nothing can be learned, stopped where it appears.

An observation that is not finite, or whose square is not, makes the running variance of a
normaliser infinite: from then on an agent sees zeros, without an error.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper

from gym_rated.segments.tensors import is_tensor, on_host

_SQUARES = 1e38  # a sum of squares below is finite in float32


class FiniteSteps(VectorWrapper):
    """Raises when an environment returns a number that is not finite; changes nothing.

    So must be the squares: of observations in the type that they have, of rewards in float32, in
    which agents compute. Under rating wrappers leave the rewards unchecked where nobody rates by
    them: an environment without a reward may return NaN.

    Args:
        env: Vector environment.
        rewards: Whether rewards are checked.

    Example:
        >>> import gymnasium as gym
        >>> envs = FiniteSteps(gym.make_vec("CartPole-v1", num_envs=2))
        >>> envs.reset(seed=0)[0].shape
        (2, 4)
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], *, rewards: bool = True) -> None:
        super().__init__(env)
        self._checks_rewards = rewards

    def reset(self, **kwargs: Any) -> Any:
        """Reset the environments; raises as `step`."""
        obs, infos = self.env.reset(**kwargs)
        for place, numbers in _leaves(obs, "obs"):
            _check(place, numbers)
        return obs, infos

    def step(self, actions: Any) -> Any:
        """Step the environments.

        Raises:
            ValueError: If an observation or a reward is not finite, or too large to be squared.
        """
        result = self.env.step(actions)
        for place, numbers in _leaves(result[0], "obs"):
            _check(place, numbers)
        if self._checks_rewards:
            _check("reward", result[1])
        return result


def _check(place: str, numbers: Any) -> None:
    if type(numbers) is not np.ndarray and is_tensor(numbers):  # one number leaves its device
        squares = numbers.double().square().sum()
    else:
        squares = np.vdot(numbers, numbers)
    if float(squares) < _SQUARES:  # quick, at every step; NaN is not below
        return
    numbers = on_host(numbers)
    dtype = np.dtype(np.float32) if place == "reward" else numbers.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        bad = np.argwhere(~np.isfinite(np.square(numbers.astype(dtype, copy=False))))
    if len(bad):
        env, *index = (int(i) for i in bad[0])
        where = f"at index {index} of environment {env}" if index else f"from environment {env}"
        raise ValueError(
            f"`{place}` must be finite, and so must be its square in {dtype}, got "
            f"{numbers[tuple(bad[0])]:g} {where}; no agent has seen it: mend it in the "
            "environment, or in a wrapper around it"
        )


def _leaves(obs: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of floats in observations of any space."""
    if isinstance(obs, np.ndarray):
        if obs.dtype.kind == "f":
            yield place, obs
    elif is_tensor(obs):
        if obs.is_floating_point():
            yield place, obs
    elif isinstance(obs, Mapping):
        for key, part in obs.items():
            yield from _leaves(part, f"{place}[{key!r}]")
    elif isinstance(obs, tuple):
        for i, part in enumerate(obs):
            yield from _leaves(part, f"{place}[{i}]")
