"""Fitting a reward model to answers, round after round, and saying how well it went.

`learner` takes the steps, `split` says which answers it learns from and which judge it, `rows` are
the answers as tensors, `judging`, `alarm` and `report` say what came of it.
"""

from gym_rated.fitting.learner import Offset, RewardLearner, fit
from gym_rated.fitting.report import FitReport, HeldOut

__all__ = ["FitReport", "HeldOut", "Offset", "RewardLearner", "fit"]
