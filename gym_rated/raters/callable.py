"""A function as a rater."""

from collections.abc import Callable, Sequence
from typing import Any, Self

from gym_rated.checks import check_num_classes
from gym_rated.ratings.answer import SKIPPED, Answer, Rating
from gym_rated.segments import Segment


class CallableRater:
    """Rate each segment with a function, at once.

    Args:
        function: Maps a `Segment` to its rating, 0 (worst) to C - 1 (best), or `SKIPPED`.
        num_classes: Number of rating classes C, at least 2.
        name: Name of the rater, stored with each rating.

    Raises:
        TypeError: If `function` cannot be called or `num_classes` is not an int.
        ValueError: If `num_classes` is below 2.

    Example:
        >>> import numpy as np
        >>> from gym_rated import CallableRater, Origin, Segment
        >>> rater = CallableRater(lambda segment: int(segment.obs.mean() > 0), num_classes=2)
        >>> obs, actions = np.ones((5, 3), np.float32), np.zeros((5, 1), np.float32)
        >>> rater.submit([Segment("a", obs, actions, np.zeros(5), 0, Origin(0, 0, 0, 0))])
        >>> rater.collect()
        [Rating(segment_id='a', rating=1, rater='callable', revision=0)]
    """

    pending = 0

    def __init__(
        self, function: Callable[[Segment], int], num_classes: int, *, name: str = "callable"
    ) -> None:
        if not callable(function):
            raise TypeError(f"`function` must be callable, got {function!r}")
        self.num_classes = check_num_classes(num_classes)
        self.function = function
        self.name = name
        self._answers: list[Answer] = []

    def submit(self, segments: Sequence[Segment]) -> None:
        """Rate segments.

        Raises:
            ValueError: If the function returns something that is no rating; then none is kept.
        """
        self._answers += [Rating(s.id, self._rate(s), self.name) for s in segments]

    def collect(self) -> list[Answer]:
        """Return the ratings since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def _rate(self, segment: Segment) -> int:
        answer: Any = self.function(segment)
        try:
            rating = int(answer)
        except (TypeError, ValueError, OverflowError):
            rating = self.num_classes
        if rating != answer or not (rating == SKIPPED or 0 <= rating < self.num_classes):
            raise ValueError(
                f"`function` must return a whole number from 0 to {self.num_classes - 1} or "
                f"SKIPPED ({SKIPPED}), got {answer!r} for segment {segment.id!r}"
            )
        return rating

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self
