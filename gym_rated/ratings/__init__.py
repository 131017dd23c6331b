"""What raters answered, about which segments, and the file it is kept in."""

from gym_rated.ratings.answer import SKIPPED, Answer, Comparison, Rating, Score
from gym_rated.ratings.batch import RatedBatch
from gym_rated.ratings.dataset import RatingDataset

__all__ = ["SKIPPED", "Answer", "Comparison", "RatedBatch", "Rating", "RatingDataset", "Score"]
