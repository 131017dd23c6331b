"""Raters: who says how good a segment is.

A rater is anything with the three members of the `Rater` protocol. It may answer at once, as the
synthetic ones do, or hours later, as a person does; it may revise an answer, and it may say that
it cannot tell.
"""

from gym_rated.raters.callable import CallableRater
from gym_rated.raters.protocol import Rater
from gym_rated.raters.recorded import ReplayRater
from gym_rated.raters.several import SeveralRaters
from gym_rated.raters.shuffled import ShuffledRater
from gym_rated.raters.switching import SwitchingRater
from gym_rated.raters.synthetic import SyntheticRater
from gym_rated.ratings.answer import SKIPPED, Answer, Comparison, Rating, Score

__all__ = [
    "SKIPPED",
    "Answer",
    "CallableRater",
    "Comparison",
    "Rater",
    "Rating",
    "ReplayRater",
    "Score",
    "SeveralRaters",
    "ShuffledRater",
    "SwitchingRater",
    "SyntheticRater",
]
