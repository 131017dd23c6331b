"""Frames taken while the environment runs, for environments that do not repeat their episodes.

A robot, or what is random beyond its seed, cannot be played again to be filmed later. So windows of
its episodes are filmed as they happen: which ones is drawn before they begin, so that neither what
happens nor what the agent does decides what a person may see. The pictures go up with the steps
(`gym_rated.segments.frames`), as JPEG, because a clip of 50 raw ones has 6 MB, and of these 0.1.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.environments.seeded import SeededEpisodes
from gym_rated.human.clips.drawing import QUALITIES, Quality, draw, draw_small, fps_of
from gym_rated.human.clips.encode import encode
from gym_rated.human.store.records import Clip
from gym_rated.imports import named_extras
from gym_rated.segments.frames import FRAME

_JPEG_QUALITY = 90


class CapturedEpisodes(SeededEpisodes):
    """Film windows of the episodes as they happen, where they cannot be played again later.

    It takes the place of `SeededEpisodes`, with a feedback wrapper made with `record_frames=True`
    above. Resets are seeded in the same way, for what depends on the seed. Resumed from a
    checkpoint, it leaves the open episode where it is: the first step after that takes no action,
    and truncates the episode; then the next one begins.

    Args:
        env: Environment, made with `render_mode="rgb_array"`.
        seed: Seed of the run: of the resets, and of the choice of windows.
        env_index: Index of this sub-environment in its vector environment.
        segment_length: Steps of a window: those of a segment, or of the longest.
        share: Share of all steps that are filmed, in (0, 1].
        size: Longer side of a frame in pixels, at least 16.
        quality: "fast", or "nice" with smooth edges; it concerns environments of MuJoCo only.

    Raises:
        CannotRender: If there is no OpenGL to draw with; at a step, if there is no picture.
        TypeError: If a size is no int.
        ValueError: If the environment was made with another render mode, or a value is out of
            range.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated import RatingFeedbackWrapper
        >>> from gym_rated.raters import CallableRater
        >>> env = gym.make("CartPole-v1", render_mode="rgb_array")
        >>> env = CapturedEpisodes(env, seed=1, segment_length=5, share=1)
        >>> rater = CallableRater(lambda s: len(s.frames) - s.origin.first_step, 6)
        >>> env = RatingFeedbackWrapper(env, rater, segment_length=5, record_frames=True)
        >>> _ = env.reset()
        >>> for k in range(10):
        ...     _ = env.step(k % 2)
        >>> env.query(2), sorted(rating.rating for rating in env.ratings.ratings)
        (2, [0, 5])
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        seed: int,
        env_index: int = 0,
        *,
        segment_length: int = 10,
        share: float = 0.25,
        size: int = 480,
        quality: Quality = "fast",
    ) -> None:
        RecordConstructorArgs.__init__(
            self,
            seed=seed,
            env_index=env_index,
            segment_length=segment_length,
            share=share,
            size=size,
            quality=quality,
        )
        super().__init__(env, seed, env_index)
        if env.render_mode != "rgb_array":
            raise ValueError(
                "`env.render_mode` must be 'rgb_array' to take frames, got "
                f"{env.render_mode!r} for {env}; make it with render_mode='rgb_array', and if it "
                "has no such mode, give it one: a `render` that returns uint8 of shape (H, W, 3)"
            )
        if not 0 < share <= 1:
            raise ValueError(f"`share` must lie in (0, 1], got {share}")
        if quality not in QUALITIES:
            raise ValueError(f"`quality` must be one of {', '.join(QUALITIES)}, got {quality!r}")
        self._length = whole_number("segment_length", segment_length)
        self._share = share
        self._size = whole_number("size", size, minimum=16)
        self._env_id = str(env) if env.spec is None else env.spec.id
        self._rng = np.random.default_rng([seed, env_index])
        self._is_filming = False
        self._left = 0  # steps for which that was decided
        self._is_over = False
        self._was_interrupted = False
        draw_small(env, self._env_id, self._size, quality)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin the next episode; after `load_state_dict`, return the last observation of then."""
        obs, info = super().reset(seed=seed, options=options)
        return obs, {**info, FRAME: None}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment, and take a picture if the window is one of those to be filmed."""
        if self._was_interrupted:
            self._was_interrupted, self._is_over = False, True
            return self._obs, 0.0, False, True, {FRAME: None}
        if self._done:
            obs, info = self._begin(self._episode + 1, None)
            return obs, 0.0, False, False, {**info, FRAME: None}
        is_filmed = self._advance()
        self._obs, reward, terminated, truncated, info = self.env.step(action)
        self._is_over = bool(terminated or truncated)
        frame = self._take() if is_filmed else None
        return self._obs, reward, terminated, truncated, {**info, FRAME: frame}

    def _begin(self, episode: int, options: dict[str, Any] | None) -> tuple[Any, dict[str, Any]]:
        self._left, self._is_over, self._was_interrupted = 0, False, False
        return super()._begin(episode, options)

    def _replay(self, saved: dict[str, Any]) -> Any:
        self.saved = None
        self._seed, self._episode = saved["seed"], saved["episode"]
        self._options, self._obs = saved["options"], saved["obs"]
        self._is_over = self._done = saved["is_over"]
        self._was_interrupted = not self._is_over
        return self._obs

    def state_dict(self) -> dict[str, Any]:
        """Return where it is, for a checkpoint; the frames are in that of the feedback wrapper."""
        return super().state_dict() | {"is_over": self._is_over}

    def _advance(self) -> bool:
        """Say whether the coming step is filmed; windows and gaps are equally long on average."""
        if not self._left:
            self._is_filming = bool(self._rng.random() < self._share)
            longest_gap = 2 * self._length - 1
            gap = int(self._rng.integers(1, longest_gap, endpoint=True))
            self._left = self._length if self._is_filming else gap
        self._left -= 1
        return self._is_filming

    def _take(self) -> bytes:
        return _as_jpeg(draw(self.env, self._env_id, self._size), fps_of(self.env))


def make_clip(frames: Sequence[bytes], fps: float | None = None) -> Clip:
    """Make a clip of the frames of a segment.

    Args:
        frames: What `CapturedEpisodes` took.
        fps: Frames a second; as fast as the environment is by default.
    """
    with named_extras():
        from PIL import Image
    pictures = []
    for frame in frames:
        with Image.open(BytesIO(frame)) as image:
            fps = fps or float(image.info["comment"])
            pictures.append(np.asarray(image))
    assert fps is not None
    return encode(np.stack(pictures), fps)


def _as_jpeg(picture: NDArray[np.uint8], fps: float) -> bytes:
    with named_extras():
        from PIL import Image
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_JPEG_QUALITY, comment=f"{fps!r}")
    return file.getvalue()
