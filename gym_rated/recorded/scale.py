"""What the ratings of a table mean as classes: words in an order, or whole numbers from 0 or 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gym_rated.checks import check_num_classes
from gym_rated.ratings.answer import SKIPPED
from gym_rated.ratings.tables import is_nothing, shortened
from gym_rated.recorded.spelling import Names, readings, whole

_SKIPS = ("skip", "can't tell", "cannot tell", "-1")
_MOST = 20  # classes of numbers that nobody named


@dataclass(frozen=True)
class Scale:
    """How a cell becomes a class.

    Attributes:
        num_classes: Number of classes C.
        first: The number that is the worst class, where ratings are numbers.
        names: The words, worst first, where they are words.
    """

    num_classes: int
    first: int = 0
    names: tuple[str, ...] = ()

    def class_of(self, cell: Any) -> int:
        """Return the class that a cell means, or `SKIPPED`.

        Raises:
            ValueError: If it means none.
        """
        if is_skip(cell):
            return SKIPPED
        if self.names:
            found = Names("rating", self.names).find(str(cell).strip().casefold())
            return self.names.index(found)
        last = self.first + self.num_classes - 1
        number = whole("rating", cell)
        if not self.first <= number <= last:
            raise ValueError(
                f"`rating` must be {self.first} to {last}, got {number}; if other numbers or words "
                "are classes, name them all as `class_names`, worst first"
            )
        return number - self.first

    def __str__(self) -> str:
        """Return in words what is the worst and what the best."""
        last = self.first + self.num_classes - 1
        worst, best = (self.names[0], self.names[-1]) if self.names else (self.first, last)
        return f"{self.num_classes} classes, worst {worst}, best {best}"


def scale_of(cells: Sequence[Any], class_names: Sequence[str], num_classes: int | None) -> Scale:
    """Return the scale of a column of ratings.

    Args:
        cells: What it holds; empty cells, and those that say "can't tell", are of no class.
        class_names: The words, worst first, if any were named.
        num_classes: Number of classes C, if it is known.

    Raises:
        ValueError: If the cells are words and nobody said in which order, or too many numbers; or
            what was said contradicts itself.
    """
    if class_names:
        names = tuple(name.strip().casefold() for name in class_names)
        if len(set(names)) < len(names) or num_classes not in (None, len(names)):
            raise ValueError(
                f"`class_names` must name each of the {num_classes or len(names)} classes once, "
                f"got {tuple(class_names)}"
            )
        return Scale(check_num_classes(len(names)), names=names)
    told = [cell for cell in cells if not (is_nothing(cell) or is_skip(cell))]
    words = [str(cell).strip() for cell in told if not readings(str(cell))]
    if words:
        found = " ".join(shortened(word) for word in dict.fromkeys(words))[:200]
        raise ValueError(
            f"`class_names` must say in which order the words in `rating` stand, worst first, got "
            f"none, and words {found}"
        )
    numbers = [_number(cell) for cell in told]
    known = [number for number in numbers if number is not None] or [0]
    low, high = min(known), max(known)
    first = int(low >= 1 and (num_classes is None or high == num_classes))
    if num_classes is None and high - first >= _MOST:
        raise ValueError(
            f"`rating` must be whole numbers below {_MOST}, got {high}; divide numbers on a finer "
            "scale by the largest and call the column score, or say `num_classes`"
        )
    return Scale(check_num_classes(num_classes or max(2, high - first + 1)), first)


def is_skip(cell: Any) -> bool:
    """Return whether a cell says that the rater cannot tell."""
    return str(cell).strip().casefold().replace("\u2019", "'") in _SKIPS


def _number(cell: Any) -> int | None:
    try:
        return whole("rating", cell)
    except ValueError:  # its row will say so
        return None
