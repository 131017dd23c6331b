"""Images: which spaces hold one, and how they become smaller.

An image is a Box of uint8 with shape (H, W) or (H, W, C): its channels come last.
"""

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

_MOST_CHANNELS_A_ROW = 2  # (4, 84, 84) are four frames, and no 4 rows with 84 channels


def is_image(space: Space[Any]) -> TypeGuard[spaces.Box]:
    """Say whether the values of a space are images, or arrays of uint8 that look like one."""
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) >= 2


def has_channels_last(space: spaces.Box) -> bool:
    """Say whether an image is (H, W) or (H, W, C), as far as its sizes tell.

    With more than two channels for each row the first axis is taken for that of channels or frames.
    """
    if len(space.shape) == 2:
        return True
    return len(space.shape) == 3 and space.shape[2] <= _MOST_CHANNELS_A_ROW * space.shape[0]


class AreaMeans:
    """Shrink images: each new pixel is the mean of the area that it covers.

    Args:
        height: Of the images.
        width: Of the images.
        new_height: From 1 to `height`.
        new_width: From 1 to `width`.

    Example:
        >>> shrink = AreaMeans(2, 4, new_height=1, new_width=2)
        >>> shrink(np.uint8([[[[0], [2], [8], [8]], [[0], [2], [4], [4]]]])).tolist()
        [[[[1.0], [6.0]]]]
    """

    def __init__(self, height: int, width: int, new_height: int, new_width: int) -> None:
        self._rows = _shares(height, new_height)  # (h, H)
        self._columns = _shares(width, new_width).T  # (W, w)

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the means of N images, shape (N, H, W, C), as shape (N, h, w, C)."""
        num, height, width, channels = images.shape
        rows = self._rows @ images.reshape(num, height, width * channels).astype(np.float32)
        by_channel = rows.reshape(num, -1, width, channels).swapaxes(2, 3)
        return (by_channel @ self._columns).swapaxes(2, 3)


def _shares(num: int, num_parts: int) -> NDArray[np.float32]:
    """Return how much of each part is in each of `num` pixels, shape (num_parts, num)."""
    borders = np.linspace(0, num, num_parts + 1)[:, None]
    pixels = np.arange(num)
    overlap = np.minimum(borders[1:], pixels + 1) - np.maximum(borders[:-1], pixels)
    return np.asarray(overlap.clip(min=0) * num_parts / num, np.float32)


def image_sizes(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return height, width and channels of an image of shape (H, W) or (H, W, C)."""
    height, width, channels = (*shape, 1)[:3]
    return height, width, channels
