"""Episodes that cannot be played again: a resumed run ends them, and begins new ones."""

from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray


class NewEpisodes(VectorWrapper):
    """Keep what a checkpoint needs of environments that find no former moment again.

    It goes right around them, where sub-environments would go into `SeededEpisodes`. After
    `load_state_dict` the next reset returns the observations of then, and the first step truncates
    the episodes that were under way, with reward 0. What is seen first of the new ones is their
    second observation, because all environments step at once.

    Args:
        env: Vector environment of next-step autoreset.

    Raises:
        ValueError: If it is of another autoreset mode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        if env.metadata.get("autoreset_mode") != AutoresetMode.NEXT_STEP:
            raise ValueError(
                "`env` must be of next-step autoreset to begin new episodes after a resume, got "
                f"{env.metadata.get('autoreset_mode')}"
            )
        self._obs: Any = None
        self._over = np.zeros(env.num_envs, np.bool_)
        self._saved: dict[str, Any] | None = None
        self._first: Any = None  # of the new episodes, after a resume
        self._interrupted: NDArray[np.bool_] | None = None  # whose next row is a reset

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments; after `load_state_dict`, return the observations of then."""
        obs, infos = self.env.reset(seed=seed, options=options)
        self._over, self._interrupted = np.zeros(self.num_envs, np.bool_), None
        self._first = None
        if self._saved is not None:
            self._first, obs, infos = obs, deepcopy(self._saved["obs"]), {}
            self._over, self._saved = self._saved["over"].copy(), None
        self._obs = obs
        return obs, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environments; the first step after a resume ends what was under way."""
        if self._first is not None:
            return self._end_what_was_interrupted()
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        if self._interrupted is not None:
            rewards = np.where(self._interrupted, 0, rewards).astype(rewards.dtype)
            self._interrupted = None
        self._obs, self._over = obs, terminated | truncated
        return obs, rewards, terminated, truncated, infos

    def _end_what_was_interrupted(self) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        was_over, first, self._first = self._over, self._first, None
        self._interrupted = self._over = ~was_over
        self._obs = _chosen(was_over, first, self._obs)
        none = np.zeros(self.num_envs, np.bool_)
        return self._obs, np.zeros(self.num_envs), none, ~was_over, {}

    def state_dict(self) -> dict[str, Any]:
        """Return the observations that were seen last, for a checkpoint.

        Raises:
            ResetNeeded: Before the first reset.
        """
        if self._obs is None:
            raise ResetNeeded("`reset` must be called before `state_dict`")
        return {"obs": deepcopy(self._obs), "over": self._over.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Make the next `reset` return the observations of `state_dict`."""
        self._saved = state


def _chosen(which: NDArray[np.bool_], one: Any, other: Any) -> Any:
    """Return the rows of one structure of arrays where `which` is true, else those of the other."""
    if isinstance(one, dict):
        return {key: _chosen(which, one[key], other[key]) for key in one}
    if isinstance(one, tuple):
        return tuple(_chosen(which, x, y) for x, y in zip(one, other, strict=True))
    chosen = np.array(other)
    chosen[which] = one[which]
    return chosen
