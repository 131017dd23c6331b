"""What every exploration bonus can do."""

from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_SQUARES = 1e30  # their sum; divided by the least spread, and squared, they are still finite


class Bonus(Protocol):
    """A reward function of states that were not seen before.

    The actions are taken because every reward function is called with them; the bonuses here do
    not look at them. The bonus of a step is that of the observation *before* it, so a terminal
    observation is never paid for.
    """

    def __call__(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return what `score` does, then remember the observations."""
        ...

    def score(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the bonus of N observations (N, D), shape (N,), and remember nothing."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that later bonuses depend on, for a checkpoint."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned on a bonus of the same sizes."""
        ...


def flattened(obs: NDArray[Any], obs_dim: int) -> NDArray[np.float32]:
    """Return observations (N, *shape) as (N, D), float32.

    Raises:
        ValueError: If an observation does not hold `obs_dim` numbers, or one that is not finite,
            or too large to be squared.
    """
    if prod(np.shape(obs)[1:]) != obs_dim:
        raise ValueError(
            f"`obs` must hold {obs_dim} numbers each, got shape {np.shape(obs)}; "
            "`obs_dim` of the bonus must be that of the environment"
        )
    states = np.asarray(obs, np.float32).reshape(-1, obs_dim)
    if not np.vdot(states, states) < _SQUARES:  # NaN is not below either
        sizes = np.where(np.isnan(states), np.inf, np.abs(states))
        raise ValueError(
            "`obs` must be finite, and small enough to compare squared distances in float32, got "
            f"{states.ravel()[sizes.argmax()]:g}; the bonus has not remembered it"
        )
    return states


def check_same_sizes(bonus: object, state: dict[str, Any]) -> None:
    """Raise ValueError if a state was saved by a bonus of other sizes."""
    sizes = {name: getattr(bonus, name) for name in state["sizes"]}
    if sizes != state["sizes"]:
        raise ValueError(
            f"`state` must come from a bonus of the same sizes, got {state['sizes']} for {sizes}"
        )
