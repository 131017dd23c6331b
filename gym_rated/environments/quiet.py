"""Environments whose infos nobody reads."""

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs


class WithoutInfo(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Returns empty infos: a vector environment would collect theirs number by number.

    Rating wrappers hide infos in any case, and with MuJoCo's that takes a tenth of a step.

    Example:
        >>> import gymnasium as gym
        >>> env = WithoutInfo(gym.make("FrozenLake-v1"))
        >>> env.reset(seed=0)
        (0, {})
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment."""
        return self.env.reset(seed=seed, options=options)[0], {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment."""
        return *self.env.step(action)[:4], {}
