"""Episodes that can be played again: to resume a run exactly, or to film a segment later."""

from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.utils.env_checker import data_equivalence

REMEDY = (
    "what never repeats its episodes can be filmed as they happen: --clips capture, or "
    "gym_rated.human.CapturedEpisodes"
)
"""Of the errors about an episode that was to be played again."""

_BIPEDAL_WALKER = "gymnasium.envs.box2d.bipedal_walker"


class SeededEpisodes(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Seed every reset from (seed, sub-environment, episode), and remember the actions since.

    Autoreset hands no seed to sub-environments, so without this an episode cannot be found again.
    It belongs around what `gymnasium.make` returns, with its time limit, and inside everything
    else. A seed given to `reset` starts the count anew with that seed.

    Args:
        env: Environment, deterministic after a seeded reset.
        seed: Seed of the run.
        env_index: Index of this sub-environment in its vector environment.

    Attributes:
        saved: The moment that the next reset returns to, as `state_dict` gave it; None if it begins
            an episode.

    Example:
        >>> import gymnasium as gym
        >>> env = SeededEpisodes(gym.make("CartPole-v1"), seed=1)
        >>> first, second = env.reset()[0], env.reset()[0]
        >>> again = SeededEpisodes(gym.make("CartPole-v1"), seed=1)
        >>> bool((again.reset()[0] == first).all()), bool((again.reset()[0] == second).all())
        (True, True)
    """

    replays_episodes = True  # for who sees only names, of an environment in another process

    def __init__(self, env: gym.Env[Any, Any], seed: int, env_index: int = 0) -> None:
        RecordConstructorArgs.__init__(self, seed=seed, env_index=env_index)
        gym.Wrapper.__init__(self, env)
        self._seed = seed
        self._env_index = env_index
        self._episode = -1
        self._options: dict[str, Any] | None = None
        self._actions: list[Any] = []
        self._obs: Any = None
        self._done = False
        self.saved: dict[str, Any] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin the next episode, or return to the middle of the one `load_state_dict` gave."""
        if self.saved is not None:
            return self._replay(self.saved), {}
        if seed is not None:
            self._seed, self._episode = seed, -1
        return self._begin(self._episode + 1, options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment, and remember the action."""
        if self._done:  # a replayed episode was over: this is the reset step of next-step autoreset
            obs, info = self._begin(self._episode + 1, None)
            return obs, 0.0, False, False, info
        self._actions.append(np.array(action))
        self._obs, reward, terminated, truncated, info = self.env.step(action)
        return self._obs, reward, terminated, truncated, info

    def _begin(self, episode: int, options: dict[str, Any] | None) -> tuple[Any, dict[str, Any]]:
        self._episode, self._options, self._actions = episode, options, []
        self._done = False
        forget_former_episodes(self.env)
        seed = episode_seed(self._seed, self._env_index, episode)
        try:
            self._obs, info = self.env.reset(seed=seed, options=options)
        except Exception as error:
            error.add_note(f"in the reset of {self.env}, episode {episode}, seed {seed}")
            raise
        return self._obs, info

    def _replay(self, saved: dict[str, Any]) -> Any:
        self.saved = None
        self._seed = saved["seed"]
        self._begin(saved["episode"], saved["options"])
        done = False
        for action in saved["actions"]:
            done = any(self.step(action)[2:4])
        self._done = done
        if not data_equivalence(self._obs, saved["obs"], exact=True):
            raise RuntimeError(
                f"{self.env} did not repeat its episode from the same seed and actions, so the run "
                "cannot be resumed exactly; is its randomness all drawn from `np_random`? With "
                f"people as raters, {REMEDY}"
            )
        return self._obs

    def state_dict(self) -> dict[str, Any]:
        """Return what finds the present moment again, for a checkpoint.

        Raises:
            ResetNeeded: Before the first reset.
        """
        if self._episode < 0:
            raise gym.error.ResetNeeded("`reset` must be called before `state_dict`")
        return {
            "seed": self._seed,
            "episode": self._episode,
            "options": deepcopy(self._options),
            "actions": list(self._actions),
            "obs": deepcopy(self._obs),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Make the next `reset` return to the moment of `state_dict`."""
        self.saved = state


def forget_former_episodes(env: gym.Env[Any, Any]) -> None:
    """Give BipedalWalker a new world, before a reset; other environments need nothing.

    Box2D sums forces in an order that depends on bodies destroyed long ago, so an episode would not
    repeat itself in another process. Gymnasium's other Box2D environments do repeat theirs.
    """
    inner: Any = env.unwrapped
    if any(kind.__module__ == _BIPEDAL_WALKER for kind in type(inner).__mro__):
        inner._destroy()
        inner.world = type(inner.world)(gravity=inner.world.gravity)


def episode_seed(seed: int, env_index: int, episode: int) -> int:
    """Return the seed of one episode of one sub-environment of one run."""
    return int(np.random.SeedSequence([seed, env_index, episode]).generate_state(1)[0])
