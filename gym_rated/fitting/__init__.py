"""Fitting a reward model to answers, round after round, and saying how well it went.

`making` is the way to a learner by our defaults, `learner` takes the steps, `split` says which
answers it learns from and which judge it, `rows` are the answers as tensors, `judging`, `classes`,
`alarm` and `report` say what came of it.
"""

from gym_rated.choices import Offset
from gym_rated.fitting.learner import RewardLearner
from gym_rated.fitting.making import fit, learner_for_spaces, longest_segment, make_learner
from gym_rated.fitting.report import FitReport, HeldOut
from gym_rated.method import OURS, WU_2025, Method
from gym_rated.metrics import Truth, agreement_with_truth

__all__ = [
    "OURS",
    "WU_2025",
    "FitReport",
    "HeldOut",
    "Method",
    "Offset",
    "RewardLearner",
    "Truth",
    "agreement_with_truth",
    "fit",
    "learner_for_spaces",
    "longest_segment",
    "make_learner",
]
