"""Whether a rated run did its job: a reward was learned from some rating."""

from itertools import zip_longest

from gym_rated.ratings import RatingDataset
from gym_rated.runs.names import FIT_STEPS, REFUSED_UPDATES
from gym_rated.runs.series import Metrics


def learning_problem(ratings: RatingDataset, metrics: Metrics) -> str | None:
    """Return in one sentence why nothing was learned from any rating; None if something was.

    Args:
        ratings: Segments and ratings of the whole run.
        metrics: What it logged about its fits.
    """
    steps, refused = (metrics[t][1] if t in metrics else () for t in (FIT_STEPS, REFUSED_UPDATES))
    if any(taken > lost for taken, lost in zip_longest(steps, refused, fillvalue=0.0)):
        return None
    asked, rated = ratings.num_segments, len(ratings)
    if asked == 0:
        return "nothing was learned: no segment was asked about"
    if not rated and not ratings.comparisons:
        return f"nothing was learned: none of the {asked} segments asked about was rated"
    counts = [int(count) for count in ratings.class_counts()]
    if rated and max(counts) == rated:
        return (
            f"nothing was learned: all {rated} ratings are of class {counts.index(rated)}, so that "
            "nothing is better than anything else"
        )
    return (
        f"nothing was learned from {rated} ratings of {asked} segments: no update of the reward "
        "model was made; the warnings of the fits say why"
    )
