"""Strategies by name, as scripts take them from the command line."""

from collections.abc import Callable
from typing import get_args

from gym_rated.checks import check_choice
from gym_rated.choices import Strategy
from gym_rated.queries.coverage import Coverage
from gym_rated.queries.selection import Select, uniform
from gym_rated.queries.strategies import Disagreement, Entropy, InformationGain, Stratified
from gym_rated.queries.values import SegmentModel

STRATEGIES = get_args(Strategy)
"""The names that `make_select` knows."""

_BY_THE_MODEL: dict[Strategy, Callable[[SegmentModel, int], Select]] = {
    "disagreement": lambda model, num_classes: Disagreement(model),
    "entropy": Entropy,
    "stratified": Stratified,
    "information-gain": InformationGain,
}
_WITHOUT_MODEL: dict[Strategy, Callable[[], Select]] = {
    "uniform": lambda: uniform,
    "coverage": Coverage,
}


def make_select(name: Strategy, model: SegmentModel | None = None, num_classes: int = 5) -> Select:
    """Return the query strategy of a name.

    Args:
        name: One of `STRATEGIES`.
        model: The reward model; those that do without ignore it.
        num_classes: Number of rating classes C, at least 2.

    Raises:
        ValueError: If there is no strategy of that name, or it needs a model and has none.
    """
    check_choice("name", name, STRATEGIES)
    if name in _WITHOUT_MODEL:
        return _WITHOUT_MODEL[name]()
    if model is None:
        raise ValueError(f"`model` must be a reward model for {name!r}, got None")
    return _BY_THE_MODEL[name](model, num_classes)
