"""What a rater made of other raters has in common, however it shares the segments out."""

from collections.abc import Sequence
from typing import Any, Self

from gym_rated.raters.protocol import Rater
from gym_rated.ratings.answer import Answer
from gym_rated.segments import Segment


class InnerRaters:
    """Several raters behind one; which of them is asked about what is for a subclass to say.

    Args:
        raters: At least two raters with the same classes.

    Raises:
        ValueError: If there are fewer, or classes do not fit together.
    """

    def __init__(self, raters: Sequence[Rater]) -> None:
        self.raters = list(raters)
        if len(self.raters) < 2:
            raise ValueError(f"`raters` must hold at least 2, got {len(self.raters)}")
        classes = [rater.num_classes for rater in self.raters]
        if len(set(classes)) > 1:
            raise ValueError(f"`raters` must have the same number of classes, got {classes}")
        self.num_classes = classes[0]

    @property
    def criterion(self) -> str | None:
        """What those of them who judge as people do judge by, in words; None if nobody does."""
        found = [getattr(rater, "criterion", None) for rater in self.raters]
        return "; ".join(dict.fromkeys(words for words in found if words)) or None

    @property
    def reads_true_rewards(self) -> bool:
        """Whether one of them judges by the true reward."""
        return any(getattr(rater, "reads_true_rewards", False) for rater in self.raters)

    @property
    def pending(self) -> int:
        """Questions asked and not yet answered, summed over raters."""
        return sum(rater.pending for rater in self.raters)

    def collect(self) -> list[Answer]:
        """Return the answers of all raters since the last call."""
        return [answer for rater in self.raters for answer in rater.collect()]

    def _ask(self, dealt: Sequence[Sequence[Segment]]) -> None:
        """Ask each rater about its share, if it has one."""
        for rater, share in zip(self.raters, dealt, strict=True):
            if share:
                rater.submit(share)

    def _memories(self) -> list[Any]:
        return [r.state_dict() if hasattr(r, "state_dict") else None for r in self.raters]

    def _load_memories(self, memories: Sequence[Any]) -> None:
        for rater, memory in zip(self.raters, memories, strict=True):
            if memory is not None:
                rater.load_state_dict(memory)  # type: ignore[attr-defined]  # it gave the state

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self
