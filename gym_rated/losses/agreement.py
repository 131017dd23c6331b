"""How far a reward agrees with the answers that a task learns from, where it did not see them.

Of tasks that learn from the same answers it says the same. It says nothing about scale and offset,
which each task sees in its own way.
"""

from math import isnan, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from gym_rated.metrics import spearman

_LEAST = 8
_ERRORS = 1.5  # standard errors; one lets through a sixth of what is noise, two a good task late


class Agreement(NamedTuple):
    """A rank correlation and what it rests on.

    Attributes:
        correlation: Of predicted values and answers, in [-1, 1]; NaN where nothing differs.
        num: Answers that may be compared with another, less one for each group.
    """

    correlation: float
    num: int

    @property
    def margin(self) -> float:
        """The correlation less what chance may give, 1.5 / sqrt(num), at least 0.

        NaN for fewer than 8 answers.
        """
        if self.num < _LEAST or isnan(self.correlation):
            return float("nan")
        return max(0.0, self.correlation - _ERRORS / sqrt(self.num))


def rank_agreement(values: Tensor, answers: Tensor, groups: Tensor | None = None) -> Agreement:
    """Compare predicted values with answers, by rank within their groups.

    Args:
        values: Predicted values, shape (B,).
        answers: What was answered, shape (B,); rows with NaN, no answer, are left out.
        groups: One integer per (rater, round), shape (B,); None is one group.
    """
    given = ~answers.isnan()
    values, answers = values[given].detach().cpu(), answers[given].cpu()
    groups = torch.zeros_like(answers) if groups is None else groups[given].cpu()
    num = len(answers) - len(torch.unique(groups))
    return Agreement(spearman(values.numpy(), answers.numpy(), groups.numpy()), num)


def rated_agreement(values: Tensor, ratings: Tensor, groups: Tensor | None) -> Agreement:
    """Compare values with ratings, shape (B,), of which -1 is none."""
    return rank_agreement(values, ratings.double().masked_fill(ratings < 0, torch.nan), groups)


def compared_agreement(values: Tensor, comparisons: Tensor | None) -> Agreement:
    """Compare values, shape (B,), with comparisons (better, worse), shape (K, 2): the mean sign."""
    if comparisons is None or not len(comparisons):
        return Agreement(float("nan"), 0)
    better, worse = values.detach()[comparisons].unbind(1)
    return Agreement(float((better - worse).sign().mean()), len(comparisons))


def joined(*parts: Agreement) -> Agreement:
    """Return the mean of agreements, each with the weight of its number."""
    known = [part for part in parts if part.num > 0 and not isnan(part.correlation)]
    num = sum(part.num for part in known)
    if not num:
        return Agreement(float("nan"), 0)
    return Agreement(sum(part.num * part.correlation for part in known) / num, num)
