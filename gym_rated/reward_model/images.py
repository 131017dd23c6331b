"""A reward model for images: E small convolutional networks r(s, a) that run as one.

The same learner, losses and wrappers as for vectors; only the network differs. Sizes and strides
are our inference: the papers on ratings learn from vectors. Images come flattened and uint8, as
`features="pixels"` stores them.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gym_rated.checks import check_memory, layer_sizes, whole_number
from gym_rated.reward_model.ensemble import (
    MIN_STD,
    NEGATIVE_SLOPE,
    Ensemble,
    check_moments,
    uniform,
)
from gym_rated.segments.tensors import takes_tensors

if TYPE_CHECKING:
    from gymnasium import Space

_KERNEL, _STRIDE, _PADDING = 3, 2, 1
_IMAGES_PER_PASS = 1_024


class ConvRewardEnsemble(Ensemble):
    """E convolutional reward networks r(s, a) in (-1, 1), for images with channels last.

    Each layer of `channels` halves height and width (3 x 3 kernels, stride 2, LeakyReLU); then come
    the action, one hidden layer, and one output through tanh. Members run as groups of one
    convolution.

    Args:
        image_shape: (H, W) or (H, W, C) of an image.
        action_dim: Length A of an encoded action.
        num_members: Number of networks E.
        channels: Channels of each convolution, at least one.
        hidden_size: Width of the hidden layer.
        seed: Seed of the initial weights; torch's global generator is not used.

    Attributes:
        options: As of `RewardEnsemble`.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If a size is below 1, there is no convolution, or the shape is no image's.
    """

    FORMAT = "gym_rated reward model for images 1"

    def __init__(
        self,
        image_shape: Sequence[int],
        action_dim: int,
        *,
        num_members: int = 3,
        channels: Sequence[int] = (16, 32),
        hidden_size: int = 64,
        seed: int = 0,
    ) -> None:
        shape = layer_sizes("image_shape", image_shape)
        if len(shape) not in (2, 3):
            raise ValueError(f"`image_shape` must be (H, W) or (H, W, C), got {shape}")
        depth = shape[2] if len(shape) == 3 else 1
        self._check_memory(shape, action_dim, num_members, channels, hidden_size)
        super().__init__(math.prod(shape), action_dim, num_members, seed, depth)
        self.image_shape = shape
        self.channels = layer_sizes("channels", channels)
        self.hidden_size = whole_number("hidden_size", hidden_size)
        rng = torch.Generator().manual_seed(self.seed)
        self.filters, self.filter_biases = nn.ParameterList(), nn.ParameterList()
        height, width = shape[:2]
        for before, after in pairwise((depth, *self.channels)):
            fan_in = before * _KERNEL**2
            filters = (num_members * after, before, _KERNEL, _KERNEL)
            self.filters.append(uniform(filters, fan_in, rng))
            self.filter_biases.append(uniform((num_members * after,), fan_in, rng))
            height, width = -(-height // _STRIDE), -(-width // _STRIDE)
        fan_ins = height * width * self.channels[-1] + action_dim, hidden_size
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in zip(fan_ins, (hidden_size, 1), strict=True):
            self.weights.append(uniform((num_members, fan_in, fan_out), fan_in, rng))
            self.biases.append(uniform((num_members, 1, fan_out), fan_in, rng))

    @staticmethod
    def _check_memory(
        shape: tuple[int, ...], action_dim: Any, num_members: Any, channels: Any, hidden_size: Any
    ) -> None:
        given = {"action_dim": action_dim, "num_members": num_members, "hidden_size": hidden_size}
        num_actions, num, hidden = (whole_number(name, n) for name, n in given.items())
        depths = layer_sizes("channels", channels)
        filters = _KERNEL**2 * sum(a * b for a, b in pairwise((1, *depths)))
        # a layer halves height and width
        seen = math.prod(shape[:2]) // 4 ** len(depths) * depths[-1]
        num_weights = num * (filters + (seen + num_actions) * hidden)
        check_memory(num_weights, image_shape=shape, **given, channels=channels)

    @classmethod
    def for_spaces(cls, obs_space: "Space[Any]", action_space: "Space[Any]", **kwargs: Any) -> Self:
        """Build an ensemble for the spaces of a single environment; `kwargs` as for the class.

        Raises:
            TypeError: If the observations are no images.
        """
        from gym_rated.segments.encoding import PIXELS, action_dim, obs_dim

        obs_dim(obs_space, PIXELS)  # refuses what is no image
        return cls(obs_space.shape or (), action_dim(action_space), **kwargs)

    @property
    def sizes(self) -> dict[str, Any]:
        """The arguments of the class, as JSON."""
        return {
            "image_shape": list(self.image_shape),
            "action_dim": self.action_dim,
            "num_members": self.num_members,
            "channels": list(self.channels),
            "hidden_size": self.hidden_size,
            "seed": self.seed,
        }

    def forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Return every member's reward, unscaled, in (-1, 1).

        Args:
            obs: Flattened images, uint8 or float, shape (*batch, D), D = H W C.
            actions: Encoded actions, shape (*batch, A).

        Returns:
            Rewards, shape (E, *batch).

        Raises:
            ValueError: If shapes do not fit the model or each other.
        """
        self._check_shapes(obs.shape, actions.shape)
        maps = self._normalised(obs.reshape(-1, self.obs_dim))  # (N, C, H, W)
        num = len(maps)
        for i, (filters, bias) in enumerate(zip(self.filters, self.filter_biases, strict=True)):
            groups = self.num_members if i else 1  # the members share the image
            maps = functional.conv2d(maps, filters, bias, _STRIDE, _PADDING, groups=groups)
            maps = functional.leaky_relu(maps, NEGATIVE_SLOPE)
        seen = maps.reshape(num, self.num_members, -1).transpose(0, 1)  # (E, N, F)
        acts = actions.reshape(1, num, self.action_dim).expand(self.num_members, -1, -1).to(seen)
        hidden = torch.baddbmm(self.biases[0], torch.cat((seen, acts), -1), self.weights[0])
        hidden = functional.leaky_relu(hidden, NEGATIVE_SLOPE)
        out = torch.baddbmm(self.biases[1], hidden, self.weights[1])  # (E, N, 1)
        return out.tanh().reshape(self.num_members, *obs.shape[:-1])

    @takes_tensors
    def predict(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the learned reward, as `RewardEnsemble.predict`; zeros until `ready`.

        Args:
            obs: Flattened images, shape (N, D).
            actions: Encoded actions, shape (N, A).

        Returns:
            Rewards, shape (N,), float32; for tensors a tensor where `obs` is, without a gradient.

        Raises:
            ValueError: If shapes do not fit the model or each other.
        """
        self._check_shapes(obs.shape, actions.shape)
        if obs.ndim != 2:
            raise ValueError(f"`obs` must have shape (N, {self.obs_dim}), got {tuple(obs.shape)}")
        if type(obs) is not np.ndarray and isinstance(obs, Tensor):  # the first is quick
            parts = zip(*(x.split(_IMAGES_PER_PASS) for x in (obs, actions)), strict=True)
            return torch.cat([self._predict_tensors(*part) for part in parts])
        rewards = np.zeros(len(obs), np.float32)
        if not self.ready:
            return rewards
        device = self.obs_mean.device
        for start in range(0, len(obs), _IMAGES_PER_PASS):
            part = slice(start, start + _IMAGES_PER_PASS)
            images = torch.from_numpy(np.ascontiguousarray(obs[part])).to(device)
            acts = torch.from_numpy(np.ascontiguousarray(actions[part], np.float32)).to(device)
            with torch.inference_mode():
                mean = (self(images, acts).mean(0) - self._offset) / self._scale
            rewards[part] = mean.cpu().float().numpy()
        return rewards

    @torch.no_grad()
    def set_normaliser(self, mean: NDArray[Any], std: NDArray[Any]) -> None:
        """Set how images are normalised: by one mean and deviation for each channel.

        Args:
            mean: Mean of each pixel and channel, shape (D,).
            std: Standard deviation of each pixel and channel, shape (D,). Pixels are pooled,
                because a filter must mean the same wherever it looks.

        Raises:
            ValueError: If a number is not finite.
        """
        check_moments(mean, std)
        means = np.reshape(mean, (-1, len(self.obs_mean)))  # (H W, C)
        squares = np.square(np.reshape(std, means.shape)).mean(0) + means.var(0)
        pooled = np.sqrt(squares)
        self.obs_mean.copy_(torch.from_numpy(np.asarray(means.mean(0))))
        self.obs_std.copy_(torch.from_numpy(np.where(pooled < MIN_STD, 1.0, pooled)))

    def _normalised(self, obs: Tensor) -> Tensor:
        """Return images of shape (N, D) as floats of shape (N, C, H, W)."""
        height, width = self.image_shape[:2]
        images = (obs.reshape(len(obs), height, width, -1) - self.obs_mean) / self.obs_std
        return images.permute(0, 3, 1, 2).contiguous().to(self.filters[0].dtype)
