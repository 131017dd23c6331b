"""A bonus for new images, by what is left of them at a coarse grain.

Distances between all pixels of two images cost much and say little: an image of 48 x 48 pixels
would be a state of 2,304 numbers, most of which move together. So a bonus is paid for the means of
a grid of cells [our inference]; the literature has a random convolutional encoder in this place
(RE3, Seo et al. 2021).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import layer_sizes
from gym_rated.exploration.bonus import Bonus
from gym_rated.segments.images import AreaMeans, image_sizes

_CELLS = 8  # a side, at most


class CoarseImages:
    """Pay the bonus of the means of a grid of 8 x 8 cells of an image, for each channel.

    Args:
        image_shape: (H, W) or (H, W, C) of an image.
        make_bonus: Makes the bonus, from how many numbers a coarse image has.

    Raises:
        TypeError: If a size is no int.
        ValueError: If it is no such shape, or a size is below 1.

    Example:
        >>> from gym_rated.exploration import KnnEntropy
        >>> bonus = CoarseImages((48, 48), KnnEntropy)
        >>> bonus.bonus.obs_dim
        64
    """

    def __init__(self, image_shape: Sequence[int], make_bonus: Callable[[int], Bonus]) -> None:
        shape = layer_sizes("image_shape", image_shape)
        if len(shape) not in (2, 3):
            raise ValueError(f"`image_shape` must be (H, W) or (H, W, C), got {shape}")
        self.image_shape = image_sizes(shape)
        height, width, channels = self.image_shape
        cells = min(_CELLS, height), min(_CELLS, width)
        self._means = AreaMeans(height, width, *cells)
        self.bonus = make_bonus(math.prod(cells) * channels)

    def __call__(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return what `score` does, then remember the images."""
        return self.bonus(self._coarse(obs), actions)

    def score(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the bonus of N images, flattened to shape (N, D), as shape (N,); remember nothing.

        Raises:
            ValueError: If an image does not hold D numbers.
        """
        return self.bonus.score(self._coarse(obs), actions)

    def _coarse(self, obs: NDArray[Any]) -> NDArray[np.float32]:
        if math.prod(np.shape(obs)[1:]) != math.prod(self.image_shape):
            raise ValueError(
                f"`obs` must hold images of shape {self.image_shape}, got shape {np.shape(obs)}"
            )
        means = self._means(np.reshape(obs, (len(obs), *self.image_shape)))
        return means.reshape(len(obs), -1) / np.float32(255)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the bonus, for a checkpoint."""
        return self.bonus.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.bonus.load_state_dict(state)
