"""Stable-Baselines3 on a rated vector environment: one rater, dataset and model for all N.

SB3 wraps single environments one by one, each with its own ratings; here a whole Gymnasium vector
stack becomes one SB3 `VecEnv`.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import iterate
from numpy.typing import NDArray

from gym_rated.imports import named_extras
from gym_rated.wrappers.stacking import layers

with named_extras():
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

_Indices = None | int | Iterable[int]


class SB3VecEnv(VecEnv):
    """A Gymnasium vector environment as SB3 expects one: `VecMonitor` and the like go above it.

    SB3 wants the first observation of the next episode in the very step that ends one. So the
    environments must be reset in that step (`AutoresetMode.SAME_STEP`, the better choice), or the
    adapter resets them itself (`DISABLED`). Under next-step autoreset they are reset by a step of
    their own, which no other environment can sit out: it is refused.

    Infos and attributes are those that the stack shows: through rating wrappers neither `infos`
    nor `get_attr` nor `env_method` reach the true reward.

    Args:
        envs: Vector environment, usually with a `LearnedRewardWrapper` on top.

    Attributes:
        gymnasium_envs: The `envs` that were given.

    Raises:
        TypeError: If `envs` is no vector environment.
        ValueError: If its autoreset mode is next-step, or not named.

    Example:
        >>> import gymnasium as gym
        >>> import gym_rated
        >>> same_step = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
        >>> envs = gym.make_vec("Pendulum-v1", 2, "sync", vector_kwargs=same_step)
        >>> rater = gym_rated.SyntheticRater(3)
        >>> envs = gym_rated.vector.RatingFeedbackWrapper(envs, rater, segment_length=20)
        >>> envs = gym_rated.vector.LearnedRewardWrapper(envs, lambda obs, actions: obs[:, 0])
        >>> env = SB3VecEnv(envs)
        >>> env.seed(0), env.reset().shape
        ([0, 1], (2, 3))
        >>> obs, rewards, dones, infos = env.step(np.zeros((2, 1), np.float32))
        >>> rewards.dtype, infos
        (dtype('float32'), [{'TimeLimit.truncated': False}, {'TimeLimit.truncated': False}])
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any]) -> None:
        if not isinstance(envs, VectorEnv):
            raise TypeError(
                f"`envs` must be a gymnasium.vector.VectorEnv, got {envs!r}; SB3 takes a single "
                "environment as it is"
            )
        mode = envs.metadata.get("autoreset_mode")
        if mode not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
            raise ValueError(
                "`envs` must have autoreset mode SAME_STEP or DISABLED, got "
                f"{mode}; make it with autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP"
            )
        self.gymnasium_envs = envs
        self._resets_itself = mode == AutoresetMode.SAME_STEP
        self._actions: NDArray[Any] | None = None
        space, action_space = envs.single_observation_space, envs.single_action_space
        super().__init__(envs.num_envs, space, action_space)

    def reset(self) -> VecEnvObs:
        """Reset all environments, with the seeds of `seed` and the options of `set_options`.

        Raises:
            ValueError: If the options are not the same for all environments.
        """
        if any(options != self._options[0] for options in self._options):
            raise ValueError(
                f"`options` must be the same for all environments, got {self._options}; Gymnasium "
                "resets a vector environment with one"
            )
        seeds = None if None in self._seeds else self._seeds
        obs, infos = self.gymnasium_envs.reset(seed=seeds, options=self._options[0] or None)  # type: ignore[arg-type]  # a list is as good
        self.reset_infos = [_info_of(infos, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return deepcopy(obs)  # type: ignore[no-any-return]  # SB3 keeps it over the next step

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step; where an episode ended, `obs` is the next one's first, and the info says so."""
        obs, rewards, terminated, truncated, infos = self.gymnasium_envs.step(self._actions)
        obs, done = deepcopy(obs), terminated | truncated
        rows = [_info_of(infos, i) for i in range(self.num_envs)]
        if done.any():
            obs, rows = self._begin_episodes(obs, done, rows)
        for i, row in enumerate(rows):
            row["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return obs, _as_float32(rewards), done.copy(), rows

    def _begin_episodes(
        self, obs: Any, done: NDArray[np.bool_], rows: list[dict[str, Any]]
    ) -> tuple[Any, list[dict[str, Any]]]:
        """Return the observations after the resets, and the infos of the steps before them."""
        if self._resets_itself:
            for i in np.flatnonzero(done).tolist():
                final = {"terminal_observation": rows[i].pop("final_obs")}
                final |= rows[i].pop("final_info", {})
                self.reset_infos[i], rows[i] = rows[i], final
            return obs, rows
        last = list(iterate(self.gymnasium_envs.observation_space, obs))
        obs, infos = self.gymnasium_envs.reset(options={"reset_mask": done.copy()})
        for i in np.flatnonzero(done).tolist():
            rows[i]["terminal_observation"] = last[i]
            self.reset_infos[i] = _info_of(infos, i)
        return deepcopy(obs), rows

    def close(self) -> None:
        """Close the environments."""
        self.gymnasium_envs.close()

    def get_images(self) -> Sequence[NDArray[Any] | None]:
        """Return a frame of each environment."""
        frames: Any = self.gymnasium_envs.render()
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: _Indices = None) -> list[Any]:
        """Read an attribute of the environments; raises AttributeError if it is sealed."""
        values = self._layer_with("get_attr").get_attr(attr_name)
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: _Indices = None) -> None:
        """Set an attribute of the environments; raises AttributeError if it is sealed."""
        chosen = list(self._get_indices(indices))
        some = len(chosen) < self.num_envs
        values = self.get_attr(attr_name) if some else [value] * self.num_envs
        for i in chosen:
            values[i] = value
        self._layer_with("set_attr").set_attr(attr_name, values)

    def env_method(
        self, method_name: str, *args: Any, indices: _Indices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of all environments; raises AttributeError if it is sealed.

        Raises:
            ValueError: If `indices` name only some: Gymnasium calls all or none.
        """
        chosen = list(self._get_indices(indices))
        if sorted(chosen) != list(range(self.num_envs)):
            raise ValueError(
                f"`indices` must be None or all of {self.num_envs} environments, got {chosen}; "
                "Gymnasium calls a method of all or none"
            )
        values = self._layer_with("call").call(method_name, *args, **kwargs)
        return [values[i] for i in chosen]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: _Indices = None) -> list[bool]:
        """Say whether a vector wrapper of this class is in the stack.

        What lies inside the sub-environments is not looked at: a `Monitor` there counts the true
        return, and SB3 could not read from it.
        """
        found = any(isinstance(layer, wrapper_class) for layer in layers(self.gymnasium_envs))
        return [found for _ in self._get_indices(indices)]

    def _layer_with(self, method: str) -> Any:
        """Return the outermost layer that answers `get_attr` and its kin: a rating wrapper's."""
        return next(layer for layer in layers(self.gymnasium_envs) if hasattr(layer, method))


def _as_float32(rewards: NDArray[Any]) -> NDArray[np.float32]:
    """Return rewards of the type that SB3 has, which must hold them."""
    large = np.isfinite(rewards) & (np.abs(rewards) > np.finfo(np.float32).max)
    if large.any():
        raise ValueError(f"`rewards` must fit into float32, got {rewards.tolist()}; scale them")
    return rewards.astype(np.float32)


def _info_of(infos: dict[str, Any], i: int) -> dict[str, Any]:
    """Return the entries of a vector environment's infos that sub-environment `i` has."""
    row = {}
    for key, value in infos.items():
        is_mask = key.startswith("_") and key[1:] in infos
        if not is_mask and infos.get(f"_{key}", np.ones(i + 1))[i]:
            row[key] = _info_of(value, i) if isinstance(value, dict) else value[i]
    return row
