"""When to ask for ratings, and about which segments.

A strategy is any callable (candidates, num, rng) -> indices. Those that look at the reward model
are small classes that hold it; until the model is ready they choose uniformly.
"""

from gym_rated.queries.coverage import Coverage
from gym_rated.queries.named import STRATEGIES, make_select
from gym_rated.queries.schedule import query_schedule
from gym_rated.queries.selection import Select, uniform
from gym_rated.queries.strategies import Disagreement, Entropy, InformationGain, Stratified
from gym_rated.queries.values import SegmentModel

__all__ = [
    "STRATEGIES",
    "Coverage",
    "Disagreement",
    "Entropy",
    "InformationGain",
    "SegmentModel",
    "Select",
    "Stratified",
    "make_select",
    "query_schedule",
    "uniform",
]
