"""The reward model: E small networks r(s, a) that run as one.

As in rating-based RL (White et al. 2024) and PEBBLE: observation and action, hidden layers with
LeakyReLU, one output through tanh. The weights of the members are stacked, so that a pass is one
batched product per layer. The inputs are raw observations: their mean and standard deviation belong
to the model, so that a stored segment means the same at every fit.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

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
from gym_rated.reward_model.gradient import chunked_rewards
from gym_rated.segments.tensors import takes_tensors

if TYPE_CHECKING:
    from gymnasium import Space

_MOST_SQUARED = 1e15  # an action beyond it would have a square that float32 does not hold


class RewardEnsemble(Ensemble):
    """E reward networks r(s, a) in (-1, 1), with their input normaliser, output scale and offset.

    Args:
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        num_members: Number of networks E.
        hidden_sizes: Width of each hidden layer, at least one layer.
        squared_actions: Whether the networks see the squares of the actions too, of which the cost
            of effort is made in most control tasks [our inference].
        seed: Seed of the initial weights; torch's global generator is not used.

    Attributes:
        options: What gives a fitted reward its meaning (tasks, targets, segment value): written by
            the learner, saved with the model.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If a size is below 1 or there is no hidden layer.
    """

    FORMAT = "gym_rated reward model 2"

    def __init__(
        self,
        obs_dim: int,
        action_dim: int,
        *,
        num_members: int = 3,
        hidden_sizes: Sequence[int] = (64, 64),
        squared_actions: bool = False,
        seed: int = 0,
    ) -> None:
        given = {"obs_dim": obs_dim, "action_dim": action_dim, "num_members": num_members}
        num_inputs, num_actions, num = (whole_number(name, n) for name, n in given.items())
        hidden = layer_sizes("hidden_sizes", hidden_sizes)
        sizes = [num_inputs + num_actions * (1 + bool(squared_actions)), *hidden, 1]
        num_weights = num * sum(a * b for a, b in pairwise(sizes))
        check_memory(num_weights, **given, hidden_sizes=hidden_sizes)
        super().__init__(obs_dim, action_dim, num_members, seed, num_inputs=obs_dim)
        self.hidden_sizes = hidden
        self.squared_actions = bool(squared_actions)
        rng = torch.Generator().manual_seed(self.seed)
        weights, biases = [], []
        for fan_in, fan_out in pairwise(sizes):
            weights.append(uniform((num_members, fan_out, fan_in), fan_in, rng))
            biases.append(uniform((num_members, fan_out, 1), fan_in, rng))
        self.weights = nn.ParameterList(weights)
        self.biases = nn.ParameterList(biases)
        self._fast: _FastNetwork | None = None

    @classmethod
    def for_spaces(cls, obs_space: "Space[Any]", action_space: "Space[Any]", **kwargs: Any) -> Self:
        """Build an ensemble for the spaces of a single environment; `kwargs` as for the class."""
        from gym_rated.segments.encoding import action_dim, obs_dim

        return cls(obs_dim(obs_space), action_dim(action_space), **kwargs)

    @property
    def sizes(self) -> dict[str, Any]:
        """The arguments of the class, as JSON."""
        return {
            "obs_dim": self.obs_dim,
            "action_dim": self.action_dim,
            "num_members": self.num_members,
            "hidden_sizes": list(self.hidden_sizes),
            "squared_actions": self.squared_actions,
            "seed": self.seed,
        }

    def forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Return every member's reward, unscaled, in (-1, 1).

        Args:
            obs: Raw observations, shape (*batch, D).
            actions: Encoded actions, shape (*batch, A).

        Returns:
            Rewards, shape (E, *batch).

        Raises:
            ValueError: If shapes do not fit the model or each other.
        """
        self._check_shapes(obs.shape, actions.shape)
        return self.rewards(self.inputs(obs, actions))

    def inputs(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Return what the networks see, (*batch, I): normalised observations, and actions.

        I = D + A, or D + 2 A with `squared_actions`.
        """
        parts = [(obs - self.obs_mean) / self.obs_std, actions]
        if self.squared_actions:
            parts.append(actions.clamp(-_MOST_SQUARED, _MOST_SQUARED).square())
        return torch.cat(parts, -1)

    def rewards(self, inputs: Tensor) -> Tensor:
        """Return every member's reward of `inputs`, shape (*batch, I), as shape (E, *batch)."""
        if torch.is_autocast_enabled("cpu") and inputs.device.type == "cpu":
            return self._rewards_by_member(inputs)
        inputs = inputs.to(self.weights[0].dtype)  # as after `.double()`
        if torch.is_grad_enabled() and inputs.device.type == "cpu" and not inputs.requires_grad:
            rows = inputs.reshape(-1, inputs.shape[-1])
            found = chunked_rewards(rows, list(self.weights), list(self.biases))
            return found.reshape(self.num_members, *inputs.shape[:-1])
        columns = inputs.reshape(-1, inputs.shape[-1]).T  # (I, N): trains faster than rows
        hidden = columns.expand(self.num_members, -1, -1)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, weight, hidden)  # (E, width, N)
            if i < last:
                hidden = functional.leaky_relu_(hidden, NEGATIVE_SLOPE)
        return hidden.tanh().reshape(self.num_members, *inputs.shape[:-1])

    def _rewards_by_member(self, inputs: Tensor) -> Tensor:
        """Do as `rewards`, member by member: products of bfloat16 are faster so than in batches."""
        found = []
        for member in range(self.num_members):
            hidden = inputs
            for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                hidden = functional.linear(hidden, weight[member], bias[member, :, 0])
                if i < len(self.weights) - 1:
                    hidden = functional.leaky_relu_(hidden, NEGATIVE_SLOPE)
            found.append(hidden[..., 0])
        return torch.stack(found).float().tanh()

    @takes_tensors
    def predict(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the learned reward, (mean of members - offset) / scale; zeros until `ready`.

        Args:
            obs: Raw observations, shape (N, D).
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
            return self._predict_tensors(obs, actions)
        network = self._fast_network()
        if not network.ready:
            return np.zeros(len(obs), np.float32)
        return network.mean_reward(obs, actions)

    @torch.no_grad()
    def set_normaliser(self, mean: NDArray[Any], std: NDArray[Any]) -> None:
        """Set how observations are normalised.

        Args:
            mean: Mean of each dimension, shape (D,).
            std: Standard deviation of each dimension, shape (D,). A dimension that hardly moved
                (below `MIN_STD`) is centred and left in its own units: were it divided by next to
                nothing, the first time it moves it would drown the others.

        Raises:
            ValueError: If a number is not finite.
        """
        check_moments(mean, std)
        self.obs_mean.copy_(torch.from_numpy(np.asarray(mean)))
        self.obs_std.copy_(torch.from_numpy(np.where(std < MIN_STD, 1.0, std)))

    def _fast_network(self) -> "_FastNetwork":
        """Return the network as numpy arrays, made anew whenever a tensor changed."""
        fast = self._fast
        if fast is None or fast.version != _version(fast.sources):
            fast = self._fast = _FastNetwork.of(self)
        return fast

    # Where tensors may be replaced rather than changed, the numpy copy is dropped.

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load parameters, normaliser, scale and the rest; as `nn.Module.load_state_dict`."""
        self._fast = None
        return super().load_state_dict(state_dict, *args, **kwargs)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        self._fast = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied or pickled: all but the numpy copy of the network."""
        return {**self.__dict__, "_fast": None}


class _FastNetwork(NamedTuple):
    """The same network in numpy: for a single step, torch's overhead alone takes twice as long."""

    ready: bool
    mean: NDArray[np.float32]  # (D,)
    squares: bool
    first: NDArray[np.float32]  # (I, E * width): the members share their input
    biases: list[NDArray[np.float32]]
    weights: list[NDArray[np.float32]]  # hidden and last layers, each (E, in, out)
    to_mean: NDArray[np.float32]  # (E,): 1 / (E scale)
    shift: float  # offset / scale
    sources: tuple[Tensor, ...]
    version: int

    @classmethod
    def of(cls, model: RewardEnsemble) -> "_FastNetwork":
        """Copy a model's weights, with its normaliser folded into the first layer."""
        sources = (*model.parameters(), *model.buffers())
        first, *weights = (_as_array(weight) for weight in model.weights)
        first_bias, *biases = (_as_array(bias) for bias in model.biases)
        first[:, :, : model.obs_dim] /= _as_array(model.obs_std)
        return cls(
            ready=model.ready,
            mean=_as_array(model.obs_mean),
            squares=model.squared_actions,
            first=np.ascontiguousarray(first.reshape(-1, first.shape[2]).T),
            biases=[first_bias.ravel(), *(bias.transpose(0, 2, 1) for bias in biases)],
            weights=[np.ascontiguousarray(weight.transpose(0, 2, 1)) for weight in weights],
            to_mean=np.full(model.num_members, 1 / (model.num_members * model.scale), np.float32),
            shift=model.offset / model.scale,
            sources=sources,
            version=_version(sources),
        )

    def mean_reward(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the learned reward, shape (N,), for (N, D) and (N, A)."""
        parts = [obs - self.mean, actions]
        if self.squares:
            parts.append(np.square(np.clip(actions, -_MOST_SQUARED, _MOST_SQUARED)))
        inputs = np.concatenate(parts, 1, dtype=np.float32)
        hidden = inputs @ self.first
        hidden += self.biases[0]
        num_members = len(self.to_mean)
        hidden = hidden.reshape(len(obs), num_members, hidden.shape[1] // num_members)
        hidden = hidden.transpose(1, 0, 2)  # (E, N, width)
        for weight, bias in zip(self.weights, self.biases[1:], strict=True):
            hidden = np.maximum(hidden, NEGATIVE_SLOPE * hidden) @ weight
            hidden += bias
        mean: NDArray[np.float32] = self.to_mean @ np.tanh(hidden[:, :, 0])
        return mean - np.float32(self.shift) if self.shift else mean


def _as_array(tensor: Tensor) -> NDArray[np.float32]:
    return np.array(tensor.detach().cpu().float().numpy(), np.float32)


def _version(tensors: tuple[Tensor, ...]) -> int:
    """Return a number that grows with every change in place of a tensor."""
    return sum([tensor._version for tensor in tensors])
