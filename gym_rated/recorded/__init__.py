"""Episodes that others recorded, and ratings of them: `.npz` files, tables, Minari datasets."""

from gym_rated.recorded.datasets import load_recorded
from gym_rated.recorded.episode import Episode
from gym_rated.recorded.episodes import cut_recorded, rate_recorded
from gym_rated.recorded.files import EpisodeFiles, MinariEpisodes, read_episode, write_episode
from gym_rated.recorded.ratings import read_minari_ratings, write_minari
from gym_rated.recorded.rows import rate_by_rows

__all__ = [
    "Episode",
    "EpisodeFiles",
    "MinariEpisodes",
    "cut_recorded",
    "load_recorded",
    "rate_by_rows",
    "rate_recorded",
    "read_episode",
    "read_minari_ratings",
    "write_episode",
    "write_minari",
]
