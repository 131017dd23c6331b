"""Pay for states of which a network cannot yet say what another one makes of them.

Random network distillation (Burda et al. 2018): a fixed random network maps a state to a vector, a
second one is trained to predict that vector on the states that were visited, and the bonus is its
squared error. States are standardised and clipped to [-5, 5] (their section 2.4).
"""

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gym_rated.checks import check_above_zero, check_memory, layer_sizes, whole_number
from gym_rated.exploration.bonus import check_same_sizes, flattened
from gym_rated.exploration.moments import RunningMoments

_CLIP = 5.0
_MIN_STD = 1e-3
_MIN_SPREAD = 1e-8


class RandomNetworkDistillation:
    """Squared error of the trained network, in units of its running standard deviation.

    Burda et al. divide by the running standard deviation of the discounted *return* of the bonus;
    a reward function does not know which rows belong to one episode, so here it is that of the
    bonus itself [our inference]. Return normalisation above the wrapper does the rest.

    Args:
        obs_dim: Numbers D of an observation.
        hidden_sizes: Width of each hidden layer of the random network; the trained one has one
            more layer, as in the paper.
        output_dim: Numbers that are predicted of a state.
        batch_size: States of a training step, each used once. Until the first is complete, no
            state can be standardised, and the bonus is 0.
        learning_rate: Of Adam.
        seed: Seed of both networks; torch's global generator is not used.

    Raises:
        TypeError: If a size is no int.
        ValueError: If a size is below 1, or the learning rate not above 0.
    """

    def __init__(
        self,
        obs_dim: int,
        *,
        hidden_sizes: Sequence[int] = (64, 64),
        output_dim: int = 32,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        self.obs_dim = whole_number("obs_dim", obs_dim)
        self.hidden_sizes = list(layer_sizes("hidden_sizes", hidden_sizes))
        self.output_dim = whole_number("output_dim", output_dim)
        self.batch_size = whole_number("batch_size", batch_size)
        check_above_zero("learning_rate", learning_rate)
        sizes = [self.obs_dim, *self.hidden_sizes]
        num_weights = sum(a * b for a, b in pairwise([*sizes, self.output_dim]))
        check_memory(
            2 * num_weights, obs_dim=obs_dim, hidden_sizes=hidden_sizes, output_dim=output_dim
        )
        rng = torch.Generator().manual_seed(whole_number("seed", seed, None))
        self._target = _network([*sizes, self.output_dim], rng).requires_grad_(False)
        self._predictor = _network([*sizes, sizes[-1], self.output_dim], rng)
        self._optimiser = torch.optim.Adam(self._predictor.parameters(), lr=learning_rate)
        self._obs_moments = RunningMoments((self.obs_dim,))
        self._spread = RunningMoments()
        self._waiting: list[NDArray[np.float32]] = []  # states of the next training step
        self._num_steps = 0

    def __call__(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return what `score` does, then remember the observations: train on them."""
        states = flattened(obs, self.obs_dim)
        raw = self._errors(states)
        bonus = self._in_units_of_spread(raw)
        if self._num_steps:
            self._spread.update(raw)
        self._waiting.append(states.copy())
        if sum(map(len, self._waiting)) >= self.batch_size:
            self._train(np.concatenate(self._waiting))
            self._waiting.clear()
        return bonus

    def score(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the bonus of observations, shape (N, D), as shape (N,); remember nothing.

        Raises:
            ValueError: If an observation does not hold D numbers.
        """
        return self._in_units_of_spread(self._errors(flattened(obs, self.obs_dim)))

    def _in_units_of_spread(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return raw / np.float32(self._spread.divisor(_MIN_SPREAD))

    def _errors(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self._num_steps:
            return np.zeros(len(states), np.float32)
        with torch.inference_mode():
            errors: NDArray[np.float32] = self._squared_errors(states).numpy()
        return errors

    def _squared_errors(self, states: NDArray[np.float32]) -> Tensor:
        scaled = (states - self._obs_moments.mean) / self._obs_moments.divisor(_MIN_STD)
        inputs = torch.tensor(np.clip(scaled, -_CLIP, _CLIP), dtype=torch.float32)
        errors: Tensor = (self._predictor(inputs) - self._target(inputs)).square().mean(1)
        return errors

    def _train(self, states: NDArray[np.float32]) -> None:
        self._obs_moments.update(states)
        loss = self._squared_errors(states).mean()
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimiser.step()
        self._num_steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimiser, normalisers and waiting states, for a checkpoint."""
        modules = {"target": self._target, "predictor": self._predictor}
        tensors = {
            name: {key: tensor.clone() for key, tensor in module.state_dict().items()}
            for name, module in modules.items()
        }
        names = ("obs_dim", "hidden_sizes", "output_dim", "batch_size")
        return {
            "sizes": {name: getattr(self, name) for name in names},
            **tensors,
            "optimiser": copy.deepcopy(self._optimiser.state_dict()),
            "obs_moments": self._obs_moments.state_dict(),
            "spread": self._spread.state_dict(),
            "waiting": [states.copy() for states in self._waiting],
            "num_steps": self._num_steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it was saved with other sizes.
        """
        check_same_sizes(self, state)
        self._target.load_state_dict(state["target"])
        self._predictor.load_state_dict(state["predictor"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._obs_moments.load_state_dict(state["obs_moments"])
        self._spread.load_state_dict(state["spread"])
        self._waiting = [states.copy() for states in state["waiting"]]
        self._num_steps = state["num_steps"]


def _network(sizes: Sequence[int], rng: torch.Generator) -> nn.Sequential:
    """Return a ReLU network with orthogonal weights, as in the paper's code, and zero biases."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")
        nn.init.orthogonal_(layer.weight, 2**0.5, generator=rng)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
