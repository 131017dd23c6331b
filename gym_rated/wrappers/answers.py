"""Ratings out: what the rater says of segments goes into the dataset, and a learner hears of it."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gym_rated.checks import whole_number
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Segment

OnRatings = Callable[[RatingDataset], object]
"""Called with the dataset when enough new ratings are in; usually `learner.fit`."""


class Answers:
    """Hand segments to a rater, and keep its answers.

    Args:
        rater: Who is asked.
        ratings: Where the answers go.
        on_ratings: As in `gym_rated.wrappers.RatingFeedbackWrapper`.
        min_new: See there.

    Attributes:
        judged: Rounds before this one have all their answers.
        unseen: Ratings collected since the last call of `on_ratings`.
    """

    def __init__(
        self, rater: Rater, ratings: RatingDataset, on_ratings: OnRatings | None, min_new: int
    ) -> None:
        if on_ratings is not None and not callable(on_ratings):
            raise TypeError(f"`on_ratings` must be callable, got {on_ratings!r}")
        self.rater = rater
        self.ratings = ratings
        self._on_ratings = on_ratings
        self._min_new = whole_number("min_new", min_new)
        self.judged = 0
        self.unseen = 0

    @property
    def are_awaited(self) -> bool:
        """Whether somebody is to be told of new ratings."""
        return self._on_ratings is not None

    def check_reward(self, rewards: Any) -> None:
        """Refuse an environment without a reward before anything is asked of who judges by it.

        Args:
            rewards: Of the first step, one number for each environment.

        Raises:
            ValueError: If one is missing or not finite, and the rater reads true rewards.
        """
        if not getattr(self.rater, "reads_true_rewards", False):
            return
        found = np.asarray(rewards, np.float64)
        if not np.isfinite(found).all():
            raise ValueError(
                f"`rewards` must be finite for {type(self.rater).__name__}, got {found.tolist()} "
                "at the first step; an environment without a reward needs a CallableRater or a "
                "person"
            )

    def ask(self, segments: list[Segment]) -> None:
        """Submit segments; nothing is kept of them if the rater refuses them."""
        self.rater.submit(segments)
        self.ratings.add(segments)

    def collect(self, num_rounds: int) -> int:
        """Fetch answers into `ratings`; returns how many are new or revised.

        Args:
            num_rounds: How many rounds were asked.
        """
        changed = self.ratings.update(self.rater.collect())
        self.unseen += changed
        if not self.rater.pending:
            self._warn_of_one_class(num_rounds)
        return changed

    def notify(self) -> None:
        """Call `on_ratings` if enough ratings are new, or all that was asked is answered."""
        enough = self.unseen >= self._min_new or (self.unseen and not self.rater.pending)
        if self._on_ratings is not None and enough:
            self.unseen = 0
            self._on_ratings(self.ratings)

    def _warn_of_one_class(self, num_rounds: int) -> None:
        """Look at the rounds whose answers are all in."""
        for round_ in range(self.judged, num_rounds):
            if not self.ratings.tells_apart(round_):
                counts = self.ratings.round_counts(round_)
                warnings.warn(
                    f"round {round_} has fewer than two rating classes (counts per class "
                    f"{counts.tolist()}): its ratings alone say nothing about what is better",
                    stacklevel=2,
                )
        self.judged = num_rounds
