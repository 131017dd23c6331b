"""Rating by hand: a person as the rater, who judges clips on a page while the agent trains.

Trainer, render workers and page never talk to each other; all three talk to one database. Names
are imported on first use, so that pacing needs none of the packages of the extra `human`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gym_rated.human.agreement import judge_overlap, judge_raters
    from gym_rated.human.asking import Asking
    from gym_rated.human.clips.capture import CapturedEpisodes
    from gym_rated.human.dataset import dataset_from_store
    from gym_rated.human.pacing import Pacing
    from gym_rated.human.rater import HumanRater
    from gym_rated.human.serving import Page
    from gym_rated.human.store import Store

_MODULE_OF = {
    "Asking": "asking",
    "CapturedEpisodes": "clips.capture",
    "HumanRater": "rater",
    "Pacing": "pacing",
    "Page": "serving",
    "Store": "store",
    "dataset_from_store": "dataset",
    "judge_overlap": "agreement",
    "judge_raters": "agreement",
}

__all__ = [
    "Asking",
    "CapturedEpisodes",
    "HumanRater",
    "Pacing",
    "Page",
    "Store",
    "dataset_from_store",
    "judge_overlap",
    "judge_raters",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module `gym_rated.human` has no attribute `{name}`")
    from gym_rated.imports import named_extras

    with named_extras():
        return getattr(import_module(f"gym_rated.human.{_MODULE_OF[name]}"), name)
