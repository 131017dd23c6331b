"""Notice a reward that does not predict the ratings that come in.

Every fit judges the reward as it was on the ratings that it has not been fitted to, before it
learns from them. Low agreement twice running means that the ratings are noise, or that the reward
does not reach new behaviour [our inference: the limits below tell working runs from shuffled
ratings].
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.metrics import spearman

MIN_FRESH = 30
"""Fresh ratings below which a round says nothing."""
MIN_SPEARMAN = 0.2
"""Rank correlation below which a round counts against the reward."""
ROUNDS = 2
"""Rounds running that raise the alarm."""


@dataclass(frozen=True)
class Fresh:
    """How the reward before a fit did on ratings that it had not seen.

    Attributes:
        num: Number of such ratings.
        spearman: Rank correlation of predicted returns and these ratings; NaN where there are fewer
            than `MIN_FRESH`, or all are equal.
        alarm: Whether it was below `MIN_SPEARMAN` in the last `ROUNDS` rounds that count.
    """

    num: int = 0
    spearman: float = float("nan")
    alarm: bool = False


class RewardAlarm:
    """Remembers which ratings the reward was fitted to, and in how many rounds it did badly."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._bad_rounds = 0

    def look(
        self,
        ids: Sequence[str],
        returns: NDArray[Any] | None,
        ratings: NDArray[Any],
        groups: NDArray[np.int64] | None = None,
    ) -> Fresh:
        """Judge the fresh ratings among all, and remember them.

        Args:
            ids: Segment id of each rating, B of them.
            returns: Predicted return of each segment, shape (B,); None before the first fit.
            ratings: Rating classes or scores, shape (B,).
            groups: One integer per (rater, round), shape (B,), where only ranks within a group
                mean something; see `gym_rated.metrics.spearman`.

        Returns:
            What was found; an alarm that begins is also a warning.
        """
        fresh = np.array([segment_id not in self._known for segment_id in ids], np.bool_)
        self._known.update(ids)
        num = int(fresh.sum())
        if returns is None or num < MIN_FRESH:
            return Fresh(num, alarm=self._bad_rounds >= ROUNDS)
        within = None if groups is None else groups[fresh]
        correlation = spearman(returns[fresh], ratings[fresh], within)
        if not np.isnan(correlation):
            self._bad_rounds = self._bad_rounds + 1 if correlation < MIN_SPEARMAN else 0
        if self._bad_rounds == ROUNDS:
            warnings.warn(
                "the learned reward does not predict new ratings: rank correlation "
                f"{correlation:.2f} with {num} of them, and below {MIN_SPEARMAN} in the round "
                "before as well; are the ratings about what the reward model sees?",
                stacklevel=3,
            )
        return Fresh(num, correlation, self._bad_rounds >= ROUNDS)

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` remembers."""
        return {"known": sorted(self._known), "bad_rounds": self._bad_rounds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._known, self._bad_rounds = set(state["known"]), state["bad_rounds"]
