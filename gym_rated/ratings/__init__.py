"""What raters answered, about which segments, and the file it is kept in."""

from gym_rated.ratings.answer import SKIPPED, Answer, Comparison, Rating, Score
from gym_rated.ratings.dataset import RatedBatch, RatingDataset

__all__ = ["SKIPPED", "Answer", "Comparison", "RatedBatch", "Rating", "RatingDataset", "Score"]
