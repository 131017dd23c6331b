"""What makes a rater's scale differ from another's, without chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_number


@dataclass(frozen=True)
class Bias:
    """Leniency, its drift over time, and a tendency to the middle.

    A position x in [0, C] is seen as C / 2 + (1 - k) (x - C / 2) + leniency + drift n / 100, cut
    off at 0 and C, where k is the central tendency and n counts the ratings given before.

    Attributes:
        leniency: Classes by which everything is rated better; negative is harsh.
        drift: Classes by which leniency grows in 100 ratings; negative grows harsher.
        central_tendency: Share of the way to the middle by which positions move, in [0, 1].
    """

    leniency: float = 0.0
    drift: float = 0.0
    central_tendency: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        check_number("leniency", self.leniency)
        check_number("drift", self.drift)
        check_number("central_tendency", self.central_tendency, 0, 1)

    def __call__(
        self, positions: ArrayLike, num_rated: ArrayLike, num_classes: int
    ) -> NDArray[np.float64]:
        """Return positions as the rater sees them.

        Args:
            positions: Positions in class widths, any shape.
            num_rated: Ratings given before each of them, shapes that broadcast.
            num_classes: Number of classes C.
        """
        middle = num_classes / 2
        shift = self.leniency + self.drift * np.asarray(num_rated) / 100
        # cut off first: without a bias, what lies below the scale stays in the first class
        inside = np.clip(positions, 0, num_classes)
        seen = inside - self.central_tendency * (inside - middle) + shift
        return np.asarray(np.clip(seen, 0, num_classes), np.float64)
