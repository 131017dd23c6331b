"""What a task of `MultitaskLoss` is: a loss on predicted returns, and which answers it learns from.

The tasks stand beside their loss functions. A task of your own needs a name, `can_learn` and
`loss`; one that subclasses `Task` inherits the rest.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from gym_rated.losses.agreement import Agreement, rated_agreement
from gym_rated.losses.groups import differ, seen_before


@dataclass(frozen=True, eq=False)
class AnswerRows:
    """What was said of B segments.

    Attributes:
        ratings: Rating classes, shape (B,), int64 in 0..C-1, or -1 for none.
        num_classes: Number of rating classes C.
        groups: One integer per (rater, round), shape (B,), within which alone answers may be
            compared; None where all of them share a scale.
        scores: Scores in 0..1, shape (B,), or NaN for none; None for no scores at all.
        comparisons: Row numbers (better, worse), shape (K, 2); None for no comparisons.
        rounds_of: Number of the rater, and round, of each number in `groups`, shape (G, 2); None
            where these are the rounds of one rater, in order.
        num_ratings: Ratings that a fit learns from, where these rows are a sample of them; None
            for those of the rows.
    """

    ratings: Tensor
    num_classes: int
    groups: Tensor | None = None
    scores: Tensor | None = None
    comparisons: Tensor | None = None
    num_ratings: int | None = None
    rounds_of: Tensor | None = None

    @cached_property
    def seen(self) -> Tensor | None:
        """Which rows the rater of each row had seen when rating it, its round and those before.

        Shape (B, B) bool; None where groups do not say it.
        """
        if self.groups is None or self.rounds_of is None:
            return None
        return seen_before(self.groups, self.rounds_of)

    @cached_property
    def has_ratings(self) -> bool:
        """Whether the ratings say anything: any one on a shared scale, two classes in a group."""
        return differ(self.ratings, self.ratings >= 0, self.groups)

    @property
    def has_scores(self) -> bool:
        """Whether the scores say anything: any one on a shared scale, two of them in a group."""
        return self.scores is not None and differ(self.scores, ~self.scores.isnan(), self.groups)

    def rated_apart(self, least: int = 1) -> bool:
        """Return whether two ratings that may be compared are `least` classes apart."""
        return differ(self.ratings, self.ratings >= 0, self.groups, least)

    def scored_apart(self, least: float = 1e-6) -> bool:
        """Return whether two scores that may be compared are `least` apart."""
        scores = self.scores
        return scores is not None and differ(scores, ~scores.isnan(), self.groups, least)


class Task(Protocol):
    """One way to learn from answers; `MultitaskLoss` weighs several of them.

    Attributes:
        name: One word for the logs: `loss/NAME` and `weight/NAME`.
        is_squared: Whether the loss is a squared error, whose weight has a half in front of it.
    """

    name: str
    is_squared: bool = False

    def can_learn(self, answers: AnswerRows) -> bool:
        """Return whether the answers say that one segment is better than another."""
        ...

    def loss(
        self, values: Tensor, lengths: Tensor, answers: AnswerRows, rng: np.random.Generator
    ) -> Tensor | None:
        """Return the mean loss of each member, shape (E,); None where no answer takes part.

        Args:
            values: What counts of the predicted returns (`segment_value`), shape (E, B).
            lengths: Steps of each segment that `values` stand for, shape (B,).
            answers: What was said of the segments; rows without an answer are among them.
            rng: Source of draws, kept in checkpoints.
        """
        ...

    def begin_fit(self, values: Tensor, answers: AnswerRows) -> None:
        """Look at the answers that a fit learns from, or some of many, before its first step."""
        return None

    def agreement(self, values: Tensor, answers: AnswerRows) -> Agreement | None:
        """Compare predicted values with answers held out, for the weights `explained`.

        Args:
            values: What counts of the predicted returns, the mean over members, shape (B,).
            answers: What was said of the segments; rows without an answer are among them.

        Returns:
            How far they agree, as `gym_rated.losses.agreement` measures it; None, by default, for
            a task whose weight is not to depend on it.
        """
        return None

    def options(self) -> dict[str, Any]:
        """Return the choices that give the fitted reward its meaning, as JSON keeps them."""
        return {}


class RatingTask(Task):
    """A task that learns from ratings alone: two of them that differ, and that may be compared."""

    def can_learn(self, answers: AnswerRows) -> bool:
        """Return whether two ratings differ."""
        return answers.rated_apart()

    def agreement(self, values: Tensor, answers: AnswerRows) -> Agreement:
        """Compare values with the ratings, see `Task.agreement`."""
        return rated_agreement(values, answers.ratings, answers.groups)
