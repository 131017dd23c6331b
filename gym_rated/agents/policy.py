"""The policy of a finished run, read from `policy.safetensors`: to film it or to go on using it.

The names of the tensors say what it is: PPO's Gaussian (`actor_mean`), PPO's categorical (`actor`),
or SAC's squashed Gaussian (`actor.fc_mean`), PPO's of images behind an `encoder`. A pass is a few
products in numpy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
from gymnasium import Space, spaces
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gym_rated.checkpoint.restoring import restoring
from gym_rated.runs.names import POLICY
from gym_rated.segments.choices import DISCRETE, choices_of
from gym_rated.segments.images import image_sizes

Tensors = dict[str, NDArray[Any]]
_LOG_STD_MIN, _LOG_STD_MAX = -5.0, 2.0  # of SAC
_MAX_OBS = 10.0  # in standard deviations, as PPO clips them
_EPSILON = 1e-8  # as NormalizeObservation has it
_KERNEL, _STRIDE = 3, 2  # of the convolutions of the scripts, with a border of one pixel
_IMAGE_SHAPE = "image_shape"  # (H, W) or (H, W, C), where the policy sees images
_FIRST_LAYERS = {
    "gaussian": "actor_mean.0",
    "categorical": "actor.0",
    "squashed": "actor.fc1",
}


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy that was trained by one of the scripts.

    Attributes:
        kind: "gaussian", "categorical" or "squashed".
        tensors: Weights by name.

    Example:
        >>> layers = {f"actor.{i}.bias": np.zeros(2) for i in (0, 2)}
        >>> layers |= {f"actor.{i}.weight": np.eye(2) for i in (0, 2)}
        >>> policy = Policy("categorical", layers)
        >>> policy.act(np.array([0.3, 0.1]), spaces.Discrete(2))
        0
    """

    kind: str
    tensors: Tensors

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the policy of a run.

        Args:
            path: The run's folder, or its policy.safetensors.

        Raises:
            FileNotFoundError: If there is none; a run writes it when it ends.
            ValueError: If the file is damaged, of a policy of another kind, or has shapes that do
                not fit each other or a number that is not finite.
        """
        file = Path(path) / POLICY if Path(path).is_dir() else Path(path)
        if not file.is_file():
            raise FileNotFoundError(f"`path` must hold the {POLICY} of a finished run, got {path}")
        try:
            tensors = safetensors.numpy.load(file.read_bytes())
        except Exception as error:  # safetensors raises an Exception of its own
            raise ValueError(f"`path` must be an undamaged policy, got {file} ({error})") from error
        return cls.of_tensors(tensors, file)

    @classmethod
    def of_tensors(cls, tensors: Tensors, source: str | Path) -> Self:
        """Return the policy that tensors make up, as a file or a checkpoint holds them.

        Args:
            tensors: Weights by name; what a policy does not need, such as a critic's, may be there.
            source: Where they come from, for errors.

        Raises:
            ValueError: As `load`.
        """
        for kind, layer in _FIRST_LAYERS.items():
            weight = tensors.get(f"{layer}.weight")
            if weight is not None and weight.ndim == 2:
                with restoring("path", source):
                    _check_tensors(kind, tensors)
                return cls(kind, tensors)
        raise ValueError(
            "`path` must hold a policy of linear layers, as the scripts save it, got one of "
            f"{', '.join(sorted(tensors)) or 'no tensors'}"
        )

    @property
    def obs_dim(self) -> int:
        """Length D of a flattened observation."""
        if _IMAGE_SHAPE in self.tensors:
            return int(np.prod(self.tensors[_IMAGE_SHAPE]))
        return int(self.tensors[f"{_FIRST_LAYERS[self.kind]}.weight"].shape[1])

    def act(
        self, obs: NDArray[Any], action_space: Space[Any], rng: np.random.Generator | None = None
    ) -> Any:
        """Choose an action for one observation.

        Args:
            obs: Raw, flattened observation, shape (D,).
            action_space: The environment's; a Box is where actions are clipped to.
            rng: Draws the action as in training; None takes the most probable one.

        Returns:
            An action of the environment.

        Raises:
            ValueError: If the observation or the space is not the policy's.
        """
        if obs.shape != (self.obs_dim,):
            raise ValueError(f"`obs` must have shape ({self.obs_dim},), got {obs.shape}")
        if isinstance(action_space, DISCRETE) != (self.kind == "categorical"):
            raise ValueError(f"`action_space` must fit a {self.kind} policy, got {action_space}")
        if isinstance(action_space, DISCRETE):
            return self._choose(obs, action_space, rng)
        if not isinstance(action_space, spaces.Box):
            raise ValueError(f"`action_space` must be a Box or discrete, got {action_space}")
        action = self._gaussian(obs, rng) if self.kind == "gaussian" else self._squashed(obs, rng)
        action = action.reshape(action_space.shape).astype(action_space.dtype)
        return action.clip(action_space.low, action_space.high)

    def _choose(self, obs: NDArray[Any], space: Space[Any], rng: np.random.Generator | None) -> Any:
        logits = self._network("actor", self._normalised(obs))
        noise = 0.0 if rng is None else rng.gumbel(size=len(logits))  # Gumbel's way to sample
        counts, starts = choices_of(space)
        ends = np.cumsum(counts)[:-1]
        best = [int(np.argmax(part)) for part in np.split(logits + noise, ends)]
        if isinstance(space, spaces.Discrete):
            return int(starts[0]) + best[0]
        return (starts + best).reshape(space.shape).astype(space.dtype)

    def _gaussian(self, obs: NDArray[Any], rng: np.random.Generator | None) -> NDArray[np.float64]:
        mean = self._network("actor_mean", self._normalised(obs))
        std = np.exp(np.ravel(self.tensors["actor_logstd"]))
        return mean if rng is None else mean + std * rng.standard_normal(len(mean))

    def _squashed(self, obs: NDArray[Any], rng: np.random.Generator | None) -> NDArray[np.float64]:
        hidden = _relu(self._linear("actor.fc1", self._normalised(obs)))
        hidden = _relu(self._linear("actor.fc2", hidden))
        x = self._linear("actor.fc_mean", hidden)
        if rng is not None:
            share = 0.5 * (np.tanh(self._linear("actor.fc_logstd", hidden)) + 1)
            log_std = _LOG_STD_MIN + (_LOG_STD_MAX - _LOG_STD_MIN) * share
            x = x + np.exp(log_std) * rng.standard_normal(len(x))
        scale, bias = self.tensors["actor.action_scale"], self.tensors["actor.action_bias"]
        return np.asarray(np.tanh(x) * np.ravel(scale) + np.ravel(bias))

    def _normalised(self, obs: NDArray[Any]) -> NDArray[np.float64]:
        """Return what the heads see: as in training normalised, or what images are encoded to."""
        if _IMAGE_SHAPE in self.tensors:
            return self._encoded(obs)
        if "obs_mean" not in self.tensors:
            return np.asarray(obs, np.float64)
        mean, variance = np.ravel(self.tensors["obs_mean"]), np.ravel(self.tensors["obs_var"])
        return np.asarray(((obs - mean) / np.sqrt(variance + _EPSILON)).clip(-_MAX_OBS, _MAX_OBS))

    def _encoded(self, obs: NDArray[Any]) -> NDArray[np.float64]:
        """Run the convolutions and the linear layer of the encoder on a flattened image."""
        image = np.reshape(obs, image_sizes(self.tensors[_IMAGE_SHAPE].tolist()))
        x = np.asarray(image.transpose(2, 0, 1) / 255, np.float64)  # (C, H, W)
        for i in _layers(self.tensors, "encoder"):
            is_linear = self.tensors[f"encoder.{i}.weight"].ndim == 2
            x = self._linear(f"encoder.{i}", x.ravel()) if is_linear else self._convolve(i, x)
            x = _relu(x)
        return x

    def _convolve(self, layer: int, x: NDArray[Any]) -> NDArray[np.float64]:
        """Convolve (C, H, W) to (channels, H / 2, W / 2), rounded up."""
        weight, bias = (self.tensors[f"encoder.{layer}.{name}"] for name in ("weight", "bias"))
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (_KERNEL, _KERNEL), axis=(1, 2))
        windows = windows[:, ::_STRIDE, ::_STRIDE]  # (C, H / 2, W / 2, 3, 3)
        return np.tensordot(weight, windows, ([1, 2, 3], [0, 3, 4])) + bias[:, None, None]

    def _network(self, name: str, x: NDArray[Any]) -> NDArray[np.float64]:
        """Run PPO's sequence of linear layers, with tanh in between."""
        for i in _layers(self.tensors, name):
            x = self._linear(f"{name}.{i}", x if i == 0 else np.tanh(x))
        return x

    def _linear(self, name: str, x: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(self.tensors[f"{name}.weight"] @ x + self.tensors[f"{name}.bias"])


def _check_tensors(kind: str, tensors: Tensors) -> None:
    """Refuse tensors with which no action can be chosen."""
    floats = {name: tensor for name, tensor in tensors.items() if name != _IMAGE_SHAPE}
    for name, tensor in floats.items():
        if tensor.dtype.kind != "f" or not tensor.size:
            raise ValueError(f"{name} is {tensor.shape} of {tensor.dtype}, no floats")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} has a number that is not finite")
    width = tensors[f"{_FIRST_LAYERS[kind]}.weight"].shape[1]
    sees_images = _IMAGE_SHAPE in tensors or any(name.startswith("encoder.") for name in tensors)
    if sees_images and _check_encoder(tensors) != width:
        raise ValueError(f"its encoder does not give the {width} numbers that come in behind it")
    moments = [tensors[name] for name in ("obs_mean", "obs_var") if name in tensors]
    if moments and [np.ravel(moment).shape for moment in moments] != [(width,)] * 2:
        raise ValueError(f"obs_mean and obs_var are not of {width} numbers")
    if moments and (moments[1] < 0).any():
        raise ValueError("obs_var has a number below 0")
    if kind == "squashed":
        hidden = _check_chain(tensors, ["actor.fc1", "actor.fc2"], width)
        for head in ("actor.fc_mean", "actor.fc_logstd"):
            num = _check_chain(tensors, [head], hidden)
        last = ["actor.action_scale", "actor.action_bias"]
    else:
        name = _FIRST_LAYERS[kind].partition(".")[0]
        num = _check_chain(tensors, [f"{name}.{i}" for i in _layers(tensors, name)], width)
        last = ["actor_logstd"] if kind == "gaussian" else []
    for name in last:
        if tensors[name].size not in (1, num):
            raise ValueError(f"{name} is not of the {num} numbers of an action")


def _check_encoder(tensors: Tensors) -> int:
    """Check the layers that images go through; returns how many numbers the last one gives."""
    shape = tensors[_IMAGE_SHAPE]
    if shape.dtype != np.int64 or shape.shape not in ((2,), (3,)) or (shape < 1).any():
        raise ValueError(f"image_shape is {shape.tolist()}, where it is (H, W) or (H, W, C)")
    height, width, depth = image_sizes(shape.tolist())
    *convolutions, linear = _layers(tensors, "encoder")
    for i in convolutions:
        weight, bias = tensors[f"encoder.{i}.weight"], tensors[f"encoder.{i}.bias"]
        if weight.shape[1:] != (depth, _KERNEL, _KERNEL) or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"encoder.{i} is {weight.shape} and {bias.shape}, where {depth} channels come in"
            )
        height, width, depth = -(-height // _STRIDE), -(-width // _STRIDE), len(weight)
    return _check_chain(tensors, [f"encoder.{linear}"], height * width * depth)


def _check_chain(tensors: Tensors, names: list[str], width: int) -> int:
    """Check linear layers one behind the other; returns how many numbers the last one gives."""
    for name in names:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"{name} is {weight.shape} and {bias.shape}, where {width} numbers come in"
            )
        width = len(weight)
    return width


def _layers(tensors: Tensors, name: str) -> list[int]:
    """Return the numbers of the layers of a sequence, in order."""
    ends = [key.split(".") for key in tensors if key.startswith(f"{name}.")]
    return sorted({int(parts[1]) for parts in ends})


def _relu(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.maximum(x, 0))
