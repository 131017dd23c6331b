"""What a rater is."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gym_rated.ratings.answer import Answer
from gym_rated.segments import Segment


@runtime_checkable
class Rater(Protocol):
    """Anything that rates segments.

    One that judges as people do, by a criterion in words and with standards that move, may have
    the words as `criterion`, a str: its dataset keeps them. One that judges by the true reward may
    say so by `reads_true_rewards`, True: a first step without one is refused at once.

    Attributes:
        num_classes: Number of rating classes C, at least 2.
        pending: Segments asked about and not yet answered.
    """

    num_classes: int

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered."""
        ...

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask about segments; returns at once."""
        ...

    def collect(self) -> list[Answer]:
        """Return the answers, new and revised, since the last call; never blocks."""
        ...
