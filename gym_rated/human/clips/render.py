"""Draw a segment by playing its episode again.

Drawing every step of training would cost many times the training itself. So a segment keeps the
seed of its episode and the actions since, and only what a person will see is drawn, in another
process: the episode is replayed to where the segment begins, then drawn step by step. What is
replayed is compared with what was recorded, bit for bit: a clip of something else would be rated
for what the agent never did.
"""

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.environments.rendering import CannotRender, choose_backend, draws_without_opengl
from gym_rated.environments.seeded import REMEDY, forget_former_episodes
from gym_rated.human.clips.drawing import DEFAULT_FPS, QUALITIES, Quality, draw, draw_small, fps_of
from gym_rated.imports import check_imports_nothing, named_extras
from gym_rated.segments.encoding import PIXELS, ObservationEncoder

Recipe = Mapping[str, Any]
"""How to play a segment again: env_id, env_kwargs, episode_seed, first_step, length."""


class ReplayMismatch(RuntimeError):
    """A replayed episode is not the recorded one, so its frames would show something else.

    Args:
        short: What happened, the same for every segment of an environment.
        detail: Where, and what can be done.
    """

    def __init__(self, short: str, detail: str) -> None:
        super().__init__(f"{short}: {detail}")
        self.short = short


class SegmentRenderer:
    """Draw segments one after the other.

    The environment is kept as long as segments come from the same; and where the next one lies
    further on in the same episode, the replay goes on from where it is.

    Args:
        size: Longer side of a frame in pixels, at least 16.
        quality: "fast", or "nice" with smooth edges; it concerns environments of MuJoCo only.
        trust: Names such as "my_envs:My-v0" whose modules may be imported. A recipe comes out of a
            database, so that it alone imports nothing.

    Raises:
        TypeError: If the size is no int.
        ValueError: If the size or the quality is none.

    Example:
        >>> import gymnasium as gym, numpy as np
        >>> env = gym.make("CartPole-v1")
        >>> obs = [env.reset(seed=5)[0]]
        >>> obs += [env.step(1)[0] for _ in range(4)]
        >>> recipe = {"env_id": "CartPole-v1", "episode_seed": 5, "first_step": 2, "length": 3}
        >>> SegmentRenderer()(recipe, [1] * 5, np.array(obs[2:])).shape
        (3, 320, 480, 3)
    """

    def __init__(
        self, *, size: int = 480, quality: Quality = "fast", trust: Collection[str] = ()
    ) -> None:
        self.size = whole_number("size", size, minimum=16)
        if quality not in QUALITIES:
            raise ValueError(f"`quality` must be one of {', '.join(QUALITIES)}, got {quality!r}")
        self.quality = quality
        self.trust = trust
        self.fps = DEFAULT_FPS
        """Frames a second of the segment drawn last, in the time of its environment."""
        self._env: gym.Env[Any, Any] | None = None
        self._made_from: Any = None
        self._episode: _Episode | None = None

    def __call__(
        self, recipe: Recipe, raw_actions: Sequence[Any] | NDArray[Any], obs: NDArray[Any]
    ) -> NDArray[np.uint8]:
        """Draw one segment of T steps.

        Args:
            recipe: Where the segment comes from.
            raw_actions: What the environment was given, from the first step of the episode to the
                last of the segment.
            obs: Observations before each step, as recorded, shape (T, D).

        Returns:
            The picture after each step, shape (T, H, W, 3): the first shows what the first action
            led to, the last how it ended.

        Raises:
            CannotRender: If the environment cannot be made or drawn here, or the recipe names a
                module that is not among `trust`.
            ReplayMismatch: If the replayed observations are not the recorded ones.
            ValueError: If the lengths do not fit each other.
        """
        first, length = recipe["first_step"], recipe["length"]
        if len(raw_actions) != first + length or len(obs) != length or length < 1:
            raise ValueError(
                f"`raw_actions` must hold the {first} steps before the segment and its {length}, "
                f"and `obs` one row for each of its own, got {len(raw_actions)} and {len(obs)}"
            )
        env = self._make(recipe)
        encode = ObservationEncoder(
            env.observation_space, PIXELS if obs.dtype == np.uint8 else None
        )
        episode, self._episode = self._episode, None  # it is in no known state if this fails
        if episode is None or not episode.leads_to(recipe, raw_actions):
            episode = _Episode(env, recipe["episode_seed"])
        for action in raw_actions[len(episode.actions) : first]:
            episode.step(action)
        frames = []
        for step, action in enumerate(raw_actions[first:]):
            if not _is_same(encode, episode.obs, obs[step]):
                raise _mismatch(recipe, step, encode, episode.obs, obs[step])
            episode.step(action)
            frames.append(draw(env, recipe["env_id"], self.size))
        self._episode = episode
        return np.stack(frames)

    def close(self) -> None:
        """Free the environment."""
        if self._env is not None:
            self._env.close()
        self._env = self._made_from = self._episode = None

    def _make(self, recipe: Recipe) -> gym.Env[Any, Any]:
        """Return the environment of a recipe: the one that is open, or a new one."""
        made_from = (recipe["env_id"], dict(recipe.get("env_kwargs") or {}))
        if self._env is None or self._made_from != made_from:
            self.close()
            self._env = _made(made_from[0], made_from[1], self.trust)
            self._made_from = made_from
            draw_small(self._env, recipe["env_id"], self.size, self.quality)
        self.fps = fps_of(self._env)
        return self._env


class _Episode:
    """An episode that is being played again."""

    def __init__(self, env: gym.Env[Any, Any], seed: int) -> None:
        self.env = env
        self.seed = seed
        self.actions: list[Any] = []
        forget_former_episodes(env)
        self.obs, _ = env.reset(seed=seed)

    def step(self, action: Any) -> None:
        self.actions.append(action)
        self.obs, *_ = self.env.step(action)

    def leads_to(self, recipe: Recipe, raw_actions: Sequence[Any] | NDArray[Any]) -> bool:
        """Say whether playing on reaches the first step of that segment."""
        played = len(self.actions)
        if recipe["episode_seed"] != self.seed or recipe["first_step"] < played:
            return False
        return np.array_equal(np.array(self.actions), np.array(raw_actions[:played]))


def _made(env_id: str, env_kwargs: Mapping[str, Any], trust: Collection[str]) -> gym.Env[Any, Any]:
    """Make the environment; of OpenGL's backends the first that works."""
    arguments = {**env_kwargs, "render_mode": "rgb_array", "disable_env_checker": True}
    remedy = f"if you trust it, draw with --trust {env_id}"
    try:
        check_imports_nothing("recipe", [env_id, env_kwargs], "a database", remedy, trust)
        module, _, registered = env_id.rpartition(":")
        if module:
            import_module(module)  # which registers it
        if not draws_without_opengl(registered):
            choose_backend(env_id, env_kwargs)
        with named_extras():
            return gym.make(env_id, **arguments)
    except gym.error.UnregisteredEnv as error:
        raise CannotRender(
            f"gym_rated cannot make {env_id} to render it: {error}; clips are made in another "
            "process, which knows it as 'MODULE:ID', where importing MODULE registers it"
        ) from error
    except (gym.error.Error, ImportError, TypeError, ValueError) as error:
        raise CannotRender(f"gym_rated cannot make {env_id} to render it: {error}") from error


def _is_same(encode: ObservationEncoder, replayed: Any, recorded: NDArray[Any]) -> bool:
    vector = encode(replayed)[0]
    return bool(vector.dtype == recorded.dtype and vector.tobytes() == recorded.tobytes())


def _mismatch(
    recipe: Recipe, step: int, encode: ObservationEncoder, replayed: Any, recorded: NDArray[Any]
) -> ReplayMismatch:
    vector = encode(replayed)[0]
    found = f"an observation of shape {vector.shape} and type {vector.dtype}"
    if (vector.shape, vector.dtype) == (recorded.shape, recorded.dtype):
        index = int(np.argmax(vector != recorded))
        found = f"{vector[index]} at index {index} of the observation"
        expected = f"{recorded[index]}"
    else:
        expected = f"shape {recorded.shape} and type {recorded.dtype}"
    return ReplayMismatch(
        f"{recipe['env_id']} did not repeat its episode",
        f"at step {recipe['first_step'] + step} it has {found} where {expected} was recorded. "
        "Replay needs `SeededEpisodes` innermost, randomness drawn from `np_random` only, and all "
        "wrappers below the rating wrappers to be part of the id: register one whose entry point "
        f"applies them; {REMEDY}",
    )
