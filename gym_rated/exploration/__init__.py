"""What the agent is paid before there is a reward, or without one: bonuses for new states.

Each bonus is a reward function with a memory: `__call__` scores states and then remembers them,
`score` leaves the memory alone, `state_dict` resumes exactly.
"""

from gym_rated.exploration.bonus import Bonus
from gym_rated.exploration.knn_entropy import KnnEntropy
from gym_rated.exploration.random_network import RandomNetworkDistillation
from gym_rated.exploration.until_ready import UntilReady

__all__ = ["Bonus", "KnnEntropy", "RandomNetworkDistillation", "UntilReady", "make_bonus"]


def make_bonus(name: str, obs_dim: int, seed: int = 0) -> Bonus:
    """Return the bonus of a name, as scripts take it from the command line.

    Args:
        name: "knn-entropy" or "rnd".
        obs_dim: Numbers D of an observation.
        seed: Seed of the bonus.

    Raises:
        ValueError: If there is no bonus of that name.
    """
    if name == "knn-entropy":
        return KnnEntropy(obs_dim, seed=seed)
    if name == "rnd":
        return RandomNetworkDistillation(obs_dim, seed=seed)
    raise ValueError(f"`name` must be knn-entropy or rnd, got {name!r}")
