"""What the agent is paid before there is a reward, or without one: bonuses for new states.

Each bonus is a reward function with a memory: `__call__` scores states and then remembers them,
`score` leaves the memory alone, `state_dict` resumes exactly.
"""

from collections.abc import Callable
from typing import get_args

from gym_rated.checks import check_choice
from gym_rated.choices import BonusName
from gym_rated.exploration.bonus import Bonus
from gym_rated.exploration.knn_entropy import KnnEntropy
from gym_rated.exploration.random_network import RandomNetworkDistillation
from gym_rated.exploration.until_ready import UntilReady

__all__ = [
    "Bonus",
    "BonusName",
    "KnnEntropy",
    "RandomNetworkDistillation",
    "UntilReady",
    "make_bonus",
]

_MAKERS: dict[str, Callable[..., Bonus]] = {
    "knn-entropy": KnnEntropy,
    "rnd": RandomNetworkDistillation,
}


def make_bonus(name: str, obs_dim: int, seed: int = 0) -> Bonus:
    """Return the bonus of a name, as scripts take it from the command line.

    Args:
        name: One of `BonusName`.
        obs_dim: Numbers D of an observation.
        seed: Seed of the bonus.

    Raises:
        ValueError: If there is no bonus of that name.
    """
    check_choice("name", name, get_args(BonusName))
    return _MAKERS[name](obs_dim, seed=seed)
