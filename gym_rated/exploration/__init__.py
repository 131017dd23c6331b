"""What the agent is paid before there is a reward, or without one: bonuses for new states.

Each bonus is a reward function with a memory: `__call__` scores states and then remembers them,
`score` leaves the memory alone, `state_dict` resumes exactly.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import get_args

from gym_rated.checks import check_choice
from gym_rated.choices import BonusName
from gym_rated.exploration.bonus import Bonus
from gym_rated.exploration.coarse import CoarseImages
from gym_rated.exploration.knn_entropy import KnnEntropy
from gym_rated.exploration.random_network import RandomNetworkDistillation
from gym_rated.exploration.until_ready import UntilReady

__all__ = [
    "Bonus",
    "BonusName",
    "CoarseImages",
    "KnnEntropy",
    "RandomNetworkDistillation",
    "UntilReady",
    "make_bonus",
]

_MAKERS: dict[str, Callable[..., Bonus]] = {
    "knn-entropy": KnnEntropy,
    "rnd": RandomNetworkDistillation,
}


def make_bonus(
    name: str, obs_dim: int, seed: int = 0, image_shape: Sequence[int] | None = None
) -> Bonus:
    """Return the bonus of a name, as scripts take it from the command line.

    Args:
        name: One of `BonusName`.
        obs_dim: Numbers D of an observation.
        seed: Seed of the bonus.
        image_shape: (H, W) or (H, W, C) where an observation is an image; the bonus is then of
            `CoarseImages`.

    Raises:
        ValueError: If there is no bonus of that name.
    """
    check_choice("name", name, get_args(BonusName))
    make = partial(_MAKERS[name], seed=seed)
    return make(obs_dim) if image_shape is None else CoarseImages(image_shape, make)
