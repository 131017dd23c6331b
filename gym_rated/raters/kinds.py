"""Which kind of answer a segment gets: a rating, a score, both of them, or a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import check_choice
from gym_rated.choices import Answers, Kind

KINDS = get_args(Kind)
RATING, SCORE, COMPARISON = range(3)


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds of answers that a rater gives.

    Attributes:
        answers: One kind for all segments, "mixed", or "both" a rating and a score of each.
        shares: Of "mixed", the shares of ratings, scores and comparisons; equal by default.
    """

    answers: Answers = "ratings"
    shares: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        check_choice("answers", self.answers, get_args(Answers))
        if self.answers != "mixed" and self.shares is not None:
            raise ValueError(
                f"`shares` needs answers='mixed', got {self.shares} for {self.answers!r}"
            )
        parts = self._parts()
        if parts.shape != (3,) or not (parts >= 0).all() or not np.isclose(parts.sum(), 1):
            raise ValueError(
                "`shares` must be 3 numbers of at least 0 that sum to 1, for ratings, scores and "
                f"comparisons, got {self.shares}"
            )

    def __call__(self, draws: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return `RATING`, `SCORE` or `COMPARISON` for each number drawn from [0, 1).

        What gets both is a `RATING` here; its score stands beside.
        """
        return np.searchsorted(np.cumsum(self._parts())[:-1], draws, side="right")

    def check_effects(self, **options: float) -> None:
        """Refuse options that change none of the answers.

        Raises:
            ValueError: If one of them is not 0.
        """
        for option, value in options.items():
            if value != 0:
                raise ValueError(
                    f"`{option}` must be 0 for answers={self.answers!r}, on which it has no "
                    f"effect, got {value}"
                )

    def _parts(self) -> NDArray[np.float64]:
        if self.answers != "mixed":
            only = "ratings" if self.answers == "both" else self.answers
            return np.array([kind == only for kind in KINDS], np.float64)
        return np.full(3, 1 / 3) if self.shares is None else np.asarray(self.shares, np.float64)
