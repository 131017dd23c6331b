"""Episodes of a run's policy, played to be watched: every step with its picture and its rewards."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.assembly.features import features_of
from gym_rated.assembly.present import Present, Spaces, args_of, mark_of, read_present
from gym_rated.assembly.rollout import Env, choose_action, environment_of, images_of
from gym_rated.assembly.run_args import RunArgs
from gym_rated.environments.images import with_images
from gym_rated.environments.making import make_env
from gym_rated.environments.rendering import choose_backend
from gym_rated.human.clips.capture import CapturedEpisodes
from gym_rated.human.clips.drawing import Quality, fps_of
from gym_rated.segments import Origin, Segment
from gym_rated.segments.encoding import PIXELS, ActionEncoder, ObservationEncoder
from gym_rated.segments.frames import FRAME
from gym_rated.wrappers.reward_fn import predict_rewards

MOST_STEPS = 2_000
"""Steps after which an episode that has not ended is cut: its pictures are held in memory."""


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode of T steps, as it is watched.

    Attributes:
        sitting: Number of the sitting that it is of; ratings of one sitting share a scale.
        number: Its place in the sitting, from 0.
        step: Environment steps that its policy was trained for.
        obs: Encoded observation before each step, shape (T, D).
        actions: Encoded actions, shape (T, A).
        true_rewards: What the environment paid, shape (T,).
        learned: What the learned reward says of each step, shape (T,); None before its first fit.
        frames: The picture after each step, as JPEG.
        fps: Steps that are a second of the environment's own time.
        is_cut: Whether it was cut short after `MOST_STEPS`.
    """

    sitting: int
    number: int
    step: int
    obs: NDArray[Any]
    actions: NDArray[np.float32]
    true_rewards: NDArray[np.float64]
    learned: NDArray[Any] | None
    frames: tuple[bytes, ...]
    fps: float
    is_cut: bool

    @property
    def id(self) -> str:
        """Its name, which those of its segments begin with."""
        return f"watched-{self.sitting}-{self.number}"

    @property
    def sha256(self) -> str:
        """Digest of what was played: an episode that is played again has the same."""
        digest = hashlib.sha256(self.obs.tobytes())
        digest.update(self.actions.tobytes())
        return digest.hexdigest()

    def segment(self, first_step: int, length: int) -> Segment:
        """Return a part of it, to be rated.

        Raises:
            ValueError: If it does not lie in the episode.
        """
        stop, steps = first_step + length, len(self.frames)
        if first_step < 0 or length < 1 or stop > steps:
            raise ValueError(
                f"`first_step` must lie in [0, {steps - length}] for {length} of {steps} steps, "
                f"got {first_step}"
            )
        cut = slice(first_step, stop)
        return Segment(
            id=f"{self.id}-{first_step}",
            obs=self.obs[cut],
            actions=self.actions[cut],
            true_rewards=np.full(length, np.nan),
            round=self.sitting,
            origin=Origin(self.sitting, self.number, first_step, self.step),
            frames=self.frames[cut],
        )

    def state_dict(self) -> dict[str, Any]:
        """Return it as `save_state` takes it."""
        data = np.frombuffer(b"".join(self.frames), np.uint8)
        sizes = np.array([len(frame) for frame in self.frames], np.int64)
        return vars(self) | {"frames": data, "sizes": sizes}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Episode":
        """Return the episode of a `state_dict`."""
        data, ends = state["frames"].tobytes(), np.cumsum(state["sizes"]).tolist()
        frames = tuple(data[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))
        return cls(**{k: v for k, v in state.items() if k != "sizes"} | {"frames": frames})


@dataclass(frozen=True)
class Drawing:
    """How what is watched is played and drawn.

    Attributes:
        size: Longer side of a picture in pixels.
        quality: "fast", or "nice" with smooth edges.
        deterministic: Whether to take the most probable action, instead of drawing it.
        seed: Seed of the environment and of the actions.
    """

    size: int = 480
    quality: Quality = "fast"
    deterministic: bool = False
    seed: int = 0


class Watched:
    """A run whose policy can be played.

    Args:
        run: The run's folder.
        env_id: Environment that a user typed in the place of the run's own; its module is imported.
        env_kwargs: Likewise.
        features: Likewise, a function that the reward is learned from.
        drawing: How it is played and drawn.

    Attributes:
        args: The run's flags.
        env_id: Id of the environment that is played.
        env_kwargs: Its arguments.
        length: Steps of its longest segments.
        played: Steps of the episode that is being played.

    Raises:
        CannotRender: If no picture can be drawn here.
        FileNotFoundError: If the folder holds no run, or nothing to show yet.
        ValueError: If the run cannot be watched.
    """

    def __init__(
        self,
        run: Path,
        env_id: str | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        features: str | None = None,
        drawing: Drawing = Drawing(),
    ) -> None:
        self.args: RunArgs = args_of(run, features)
        mark_of(run)  # says at once that there is nothing to show
        self.env_id, self.env_kwargs = environment_of(run, env_id, env_kwargs)
        self._run, self._images, self._drawing = run, images_of(run), drawing
        remedy = "A run is trained and fitted without rendering."
        choose_backend(self.env_id, self.env_kwargs, otherwise=remedy)
        env = self._make()
        self._spaces = Spaces.of(env)
        env.close()
        self._present: Present = read_present(run, self.args, self._spaces)
        self.length = max(self._spaces.lengths(self.args))
        self.played = 0
        self._is_stopped = False
        self._films: CapturedEpisodes | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of the images that its reward is learned from; () if that is of vectors."""
        space = self._spaces.single_observation_space
        is_of_images = features_of(self.args, space) == PIXELS
        return tuple(space.shape or ()) if is_of_images else ()

    def play(self, sitting: int, number: int) -> Episode:
        """Play an episode by what the run's agent does now; always from the same thread.

        Raises:
            CannotRender: If there is no picture.
            InterruptedError: After `stop`.
            ValueError: If the policy or the reward does not fit the environment.
        """
        self.played, drawing = 0, self._drawing
        if mark_of(self._run) != self._present.mark:
            self._present = read_present(self._run, self.args, self._spaces)
        if self._films is None:  # what draws belongs to one thread
            look: dict[str, Any] = {"size": drawing.size, "quality": drawing.quality}
            self._films = CapturedEpisodes(self._make(), drawing.seed, sitting, share=1.0, **look)
        rng = np.random.default_rng([drawing.seed, sitting, number])
        steps = self._steps(self._films, None if drawing.deterministic else rng)
        obs, actions, true_rewards, frames, is_cut = steps
        reward_fn = self._present.reward_fn
        return Episode(
            sitting=sitting,
            number=number,
            step=self._present.step,
            obs=obs,
            actions=actions,
            true_rewards=true_rewards,
            learned=None if reward_fn is None else predict_rewards(reward_fn, obs, actions),
            frames=frames,
            fps=fps_of(self._films),
            is_cut=is_cut,
        )

    def stop(self) -> None:
        """End `play`, from another thread: its next step raises an InterruptedError."""
        self._is_stopped = True

    def close(self) -> None:
        """Free the environment, in the thread that plays."""
        if self._films is not None:
            self._films.close()
            self._films = None

    def _make(self) -> Env:
        env = make_env(self.env_id, self.env_kwargs, render_mode="rgb_array")
        return with_images(env, **self._images)

    def _steps(self, env: Env, rng: np.random.Generator | None) -> tuple[Any, ...]:
        """Play one episode; returns its columns, and whether it was cut."""
        encode = ObservationEncoder(
            env.observation_space, features_of(self.args, env.observation_space)
        )
        encode_action = ActionEncoder(env.action_space)
        rows: list[tuple[Any, Any, float, bytes]] = []
        obs, done = env.reset()[0], False
        while not done and len(rows) < MOST_STEPS:
            if self._is_stopped:
                raise InterruptedError("nobody watches any more")
            action = choose_action(env, self._present.policy, obs, rng)
            vector = encode(obs)[0].copy()
            obs, reward, terminated, truncated, info = env.step(action)
            done = terminated or truncated
            rows.append((vector, encode_action(action)[0].copy(), float(reward), info[FRAME]))
            self.played = len(rows)
        vectors, actions, rewards, frames = zip(*rows, strict=True)
        columns = np.stack(vectors), np.stack(actions), np.array(rewards)
        return (*columns, tuple(frames), not done)
