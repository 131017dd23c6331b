"""The rated segments, and the file they are kept in."""

from gym_rated.ratings.dataset import RatedBatch, RatingDataset

__all__ = ["RatedBatch", "RatingDataset"]
