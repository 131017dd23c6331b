"""Pay for states that are far from all that is remembered: an estimate of the state entropy.

PEBBLE (Lee, Smith, Abbeel 2021, section 4.1): before the first labels the agent maximises the
entropy of its states, estimated by the distance to the k-th nearest neighbour (Singh et al. 2003),
r(s) = log ||s - s_k||, divided by a running estimate of its standard deviation. Two changes:

* log(1 + ||s - s_k||) as in APT (Liu and Abbeel 2021), which is finite where a state repeats.
* The running mean is taken away and 1 added [our inference]. Where states have many dimensions, all
  are about as far from each other: for 17 the mean is 14 standard deviations above 0, and an agent
  that clips its rewards at 10 would see a constant. With the 1 an ordinary state still pays, so
  that an episode is not worth ending.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gym_rated.checks import check_memory, whole_number
from gym_rated.exploration.bonus import check_same_sizes, flattened
from gym_rated.exploration.moments import RunningMoments

_MIN_STD = 1e-3  # a dimension that moves less keeps its own units, as in the reward model
_RENEW_EVERY = 1_024  # states between two fits of the normaliser to the memory
_CHUNK = 1_024  # states that are compared with the memory at once
_HORIZON = 10_000  # states over which mean and spread of the bonus run


class KnnEntropy:
    """log(1 + distance to the k-th nearest remembered state), brought to mean 1 and spread 1.

    The memory is a uniform sample of all states ever remembered (a seeded reservoir), where PEBBLE
    searches its whole replay buffer. States are standardised by mean and standard deviation of the
    memory, so that no dimension drowns the others [our inference]; these are renewed whenever what
    was seen has doubled, and at least every 1,024 states.

    Args:
        obs_dim: Numbers D of an observation.
        k: Which neighbour, at least 1; the bonus is 0 until k states are remembered and a call has
            shown how far new ones are from them.
        capacity: States remembered at most, at least k; each takes 8 D bytes.
        seed: Seed of the reservoir.

    Raises:
        TypeError: If a number is no int.
        ValueError: If it is out of range.
    """

    def __init__(self, obs_dim: int, *, k: int = 5, capacity: int = 4_096, seed: int = 0) -> None:
        self.obs_dim = whole_number("obs_dim", obs_dim)
        self.k = whole_number("k", k)
        self.capacity = whole_number("capacity", capacity, minimum=self.k)
        check_memory(3 * self.capacity * self.obs_dim, obs_dim=obs_dim, capacity=capacity)
        self._rng = np.random.default_rng(whole_number("seed", seed, 0))
        self._seen = 0
        self._renew_at = 1
        self._states = np.zeros((self.capacity, self.obs_dim), np.float32)
        self._mean = np.zeros(self.obs_dim, np.float32)
        self._std = np.ones(self.obs_dim, np.float32)
        self._standardised = torch.zeros(self.capacity, self.obs_dim)
        self._squares = torch.zeros(self.capacity)
        self._usual = RunningMoments(horizon=_HORIZON)

    def __len__(self) -> int:
        """Return the number of states remembered."""
        return min(self._seen, self.capacity)

    def __call__(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return what `score` does, then remember the observations."""
        states = flattened(obs, self.obs_dim)
        raw = self._log_distances(states)
        bonus = self._compared_with_usual(raw)
        if len(self) >= self.k:
            self._usual.update(raw)
        self._remember(states)
        return bonus

    def score(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the bonus of observations, shape (N, D), as shape (N,); remember nothing.

        Raises:
            ValueError: If an observation does not hold D numbers.
        """
        return self._compared_with_usual(self._log_distances(flattened(obs, self.obs_dim)))

    def _compared_with_usual(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self._usual.count:
            return np.zeros_like(raw)
        bonus = 1 + (raw - self._usual.mean) / self._usual.divisor(_MIN_STD)
        return np.asarray(bonus, np.float32)

    def _log_distances(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        num = len(self)
        out = np.zeros(len(states), np.float32)
        if num < self.k:
            return out
        queries = torch.tensor((states - self._mean) / self._std)
        for start in range(0, len(states), _CHUNK):
            chunk = queries[start : start + _CHUNK]
            # |x - m|^2 without |x|^2, which does not change the order
            partial = torch.addmm(
                self._squares[:num], chunk, self._standardised[:num].T, alpha=-2.0
            )
            kth = partial.topk(self.k, dim=1, largest=False, sorted=False).values.amax(1)
            squared = kth + chunk.square().sum(1)
            out[start : start + _CHUNK] = squared.clamp(min=0).sqrt().log1p().numpy()
        return out

    def _remember(self, states: NDArray[np.float32]) -> None:
        """Put states into the reservoir: each ever seen is in it with the same probability."""
        number = self._seen + np.arange(len(states))
        slots = np.where(
            number < self.capacity, number, self._rng.integers(0, number + 1, dtype=np.int64)
        )
        self._seen += len(states)
        kept = np.flatnonzero(slots < self.capacity)
        if len(kept):  # where two were drawn for one slot, the later stays
            self._states[slots[kept]] = states[kept]
            self._standardise(slots[kept])
        if self._seen >= self._renew_at:
            self._renew()

    def _renew(self) -> None:
        """Fit the normaliser to the memory."""
        memory = self._states[: len(self)]
        std = memory.std(0)
        self._mean, self._std = memory.mean(0), np.where(std < _MIN_STD, np.float32(1), std)
        self._standardise(np.arange(len(self)))
        self._renew_at = self._seen + min(self._seen, _RENEW_EVERY)

    def _standardise(self, which: NDArray[np.int64]) -> None:
        rows = (self._states[which] - self._mean) / self._std
        indices = torch.from_numpy(which)
        self._standardised[indices] = torch.from_numpy(rows)
        self._squares[indices] = torch.from_numpy(np.square(rows).sum(1))

    def state_dict(self) -> dict[str, Any]:
        """Return memory, normalisers and random state, for a checkpoint."""
        return {
            "sizes": {"obs_dim": self.obs_dim, "k": self.k, "capacity": self.capacity},
            "states": self._states[: len(self)].copy(),
            "counters": [self._seen, self._renew_at],
            "normaliser": [self._mean.copy(), self._std.copy()],
            "usual": self._usual.state_dict(),
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it was saved with other sizes.
        """
        check_same_sizes(self, state)
        self._seen, self._renew_at = state["counters"]
        self._states[: len(self)] = state["states"]
        self._mean, self._std = (array.copy() for array in state["normaliser"])
        self._usual.load_state_dict(state["usual"])
        self._rng.bit_generator.state = state["rng"]
        self._standardise(np.arange(len(self)))
