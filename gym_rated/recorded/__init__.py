"""Episodes that others recorded, and ratings of them: Minari datasets."""

from gym_rated.recorded.datasets import load_recorded
from gym_rated.recorded.episodes import cut_recorded, rate_recorded
from gym_rated.recorded.ratings import read_minari_ratings, write_minari

__all__ = [
    "cut_recorded",
    "load_recorded",
    "rate_recorded",
    "read_minari_ratings",
    "write_minari",
]
