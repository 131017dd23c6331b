"""Images as agents take them: small, gray if wished, and the last few in one, to show motion."""

from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from gym_rated.checks import truth, whole_number
from gym_rated.segments.images import AreaMeans, has_channels_last, image_sizes, is_image

MOST_FRAMES = 100
"""The most frames that an observation can hold."""
_GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, ITU-R BT.601


def with_images(
    env: gym.Env[Any, Any], image_size: int | None = None, gray: bool = False, frame_stack: int = 1
) -> gym.Env[Any, Any]:
    """Return an environment in `SmallImages`, or itself where these arguments ask for nothing."""
    if image_size is None and not gray and frame_stack == 1:
        return env
    return SmallImages(env, image_size=image_size, gray=gray, frame_stack=frame_stack)


class SmallImages(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Shrink images, make them gray, and put the last few of an episode into one.

    It belongs below the rating wrappers: the reward is learned from what the agent sees. Shapes are
    (H, W, C) with the frames among the channels, the oldest first; in the beginning of an episode
    the first one is there several times.

    Args:
        env: Environment whose observations are images, uint8 of shape (H, W) or (H, W, C).
        image_size: New height and width in pixels, at most the old ones; None keeps them.
        gray: Whether red, green and blue become brightness.
        frame_stack: How many frames are in an observation, 1 to 100.

    Raises:
        TypeError: If observations are no such images, or a number is none.
        ValueError: If a number is out of range.

    Example:
        >>> import gymnasium as gym
        >>> space = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
        >>> env = gym.make("CartPole-v1")
        >>> env = gym.wrappers.TransformObservation(env, lambda _: np.ones((8, 8, 3), "u1"), space)
        >>> SmallImages(env, image_size=4, gray=True, frame_stack=2).reset(seed=0)[0].shape
        (4, 4, 2)
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        *,
        image_size: int | None = None,
        gray: bool = False,
        frame_stack: int = 1,
    ) -> None:
        RecordConstructorArgs.__init__(
            self, image_size=image_size, gray=gray, frame_stack=frame_stack
        )
        gym.Wrapper.__init__(self, env)
        space: Any = env.observation_space
        if not is_image(space) or not has_channels_last(space):
            name, value = ("image_size", image_size) if image_size else ("gray", gray)
            name, value = (name, value) if value else ("frame_stack", frame_stack)
            raise TypeError(
                f"`{name}` must be left out unless observations are images, uint8 of shape (H, W) "
                f"or (H, W, C), got {value} for {space}; a wrapper of your own can make them that, "
                "and move their channels last"
            )
        height, width, channels = image_sizes(space.shape)
        if gray and channels not in (1, 3, 4):
            raise TypeError(
                f"`gray` must be left out where images have no colours, got it for {space}"
            )
        num_frames = whole_number("frame_stack", frame_stack, 1, MOST_FRAMES)
        self._is_gray = truth("gray", gray) and channels > 1
        self._shrink: AreaMeans | None = None
        if image_size is not None:
            most = min(height, width)
            if whole_number("image_size", image_size) > most:
                raise ValueError(
                    f"`image_size` must be at most {most} for {space}, got {image_size}; images "
                    "are only made smaller"
                )
            self._shrink = AreaMeans(height, width, image_size, image_size)
            height = width = image_size
        self._frames: deque[NDArray[np.uint8]] = deque(maxlen=num_frames)
        depth = (1 if self._is_gray else channels) * num_frames
        self.observation_space = gym.spaces.Box(0, 255, (height, width, depth), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Reset the environment."""
        obs, info = self.env.reset(seed=seed, options=options)
        frame = self._smaller(obs)
        self._frames.extend([frame] * (self._frames.maxlen or 1))
        return np.concatenate(list(self._frames), axis=2), info

    def step(self, action: Any) -> tuple[NDArray[np.uint8], Any, bool, bool, dict[str, Any]]:
        """Step the environment."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._frames.append(self._smaller(obs))
        stacked = np.concatenate(list(self._frames), axis=2)
        return stacked, reward, terminated, truncated, info

    def _smaller(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        image = image.reshape(*image.shape[:2], -1)
        if self._is_gray:
            pixels: NDArray[Any] = (image[..., :3] @ _GRAY)[..., None]
        else:
            pixels = image
        if self._shrink is not None:
            pixels = self._shrink(pixels[None])[0]
        return image if pixels is image else np.rint(pixels).astype(np.uint8)
