"""Episodes of one length, for tasks that can terminate.

Where an episode can end early, the sign of the mean reward alone changes behaviour: a positive
offset pays for surviving, a negative one for ending. A learned reward's offset is partly arbitrary,
so a comparison of rewards on such a task may measure little else. With a fixed horizon there is
nothing to gain from living or dying as such.

The terminal state is held to the end (an absorbing state) and not left by a reset inside the
episode: a hidden reset makes a fall a free way back to the start, and leaves a jump in what a rater
sees. Kostrikov et al. 2019 (discriminator-actor-critic) show that a learned reward
needs to see which states are absorbing, so the observation says so.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from gym_rated.checks import whole_number


class FixedHorizon(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Let every episode last `steps` steps: after a termination, hold the terminal state.

    From the termination on the environment is not stepped: the last observation is repeated,
    actions do nothing, and the true reward is 0. Nothing terminates any more; the last step
    truncates. It belongs right around what `gymnasium.make` returns, inside `SeededEpisodes` and
    all else: segments, ratings and statistics then see episodes of equal length.

    Args:
        env: Environment whose episodes may terminate.
        steps: Length of every episode; by default the environment's time limit.
        flag: Append a number to the observation, 1 once the terminal state is held and 0 before;
            needs a Box of one dimension.

    Raises:
        TypeError: If `flag` does not fit the observations.
        ValueError: If `steps` is missing or above the environment's time limit.

    Example:
        >>> import gymnasium as gym
        >>> env = FixedHorizon(gym.make("CartPole-v1"), steps=60)
        >>> obs, info = env.reset(seed=0)
        >>> steps = [env.step(0) for _ in range(60)]  # it falls in the 11th
        >>> [sum(x) for x in ([s[1] for s in steps], [s[2] for s in steps], [s[3] for s in steps])]
        [11.0, 0, 1]
        >>> obs.shape, float(obs[-1]), float(steps[-1][0][-1])
        ((5,), 0.0, 1.0)
    """

    def __init__(
        self, env: gym.Env[Any, Any], steps: int | None = None, *, flag: bool = True
    ) -> None:
        RecordConstructorArgs.__init__(self, steps=steps, flag=flag)
        gym.Wrapper.__init__(self, env)
        limit = None if env.spec is None else env.spec.max_episode_steps
        if steps is None and limit is None:
            raise ValueError(f"`steps` must be given for {env}, which has no time limit of its own")
        self._steps = whole_number("steps", limit if steps is None else steps)
        if limit is not None and self._steps > limit:
            raise ValueError(
                f"`steps` must not exceed the time limit of {limit} steps, got {steps}; "
                f"make the environment with max_episode_steps={steps}"
            )
        self._flag = flag
        if flag:
            self.observation_space = _with_flag(env.observation_space)
        self._taken = 0
        self._held: Any = None  # the terminal observation, while it is held

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._taken, self._held = 0, None
        obs, info = self.env.reset(seed=seed, options=options)
        return self._flagged(obs), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment, or hold its terminal state; info says nothing while it is held."""
        self._taken += 1
        if self._held is not None:
            return self._copy_of_held(), 0.0, False, self._taken >= self._steps, {}
        obs, reward, terminated, truncated, info = self.env.step(action)
        truncated = (truncated and not terminated) or self._taken >= self._steps
        if terminated:
            self._held = self._flagged(obs, held=True)
            obs = self._copy_of_held()
        else:
            obs = self._flagged(obs)
        return obs, reward, False, truncated, info

    def _copy_of_held(self) -> Any:
        return self._held.copy() if isinstance(self._held, np.ndarray) else self._held

    def _flagged(self, obs: Any, held: bool = False) -> Any:
        return np.append(obs, np.array(held, obs.dtype)) if self._flag else obs


def _with_flag(space: gym.Space[Any]) -> spaces.Box:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise TypeError(
            f"`flag` needs observations in a Box of one dimension, got {space}; flatten them, or "
            "pass flag=False where terminal states can be told from others by themselves"
        )
    low: NDArray[Any] = np.append(space.low, space.low.dtype.type(0))
    high: NDArray[Any] = np.append(space.high, space.high.dtype.type(1))
    return spaces.Box(low, high, dtype=space.dtype.type)
