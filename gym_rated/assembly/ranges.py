"""What numbers a flag takes, written where the flag is: `num_envs: Count = 1`."""

from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from math import inf
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from gym_rated.checks import check_number, whole_number

_LARGEST = 3.4028234663852886e38  # of float32, in which agents and reward models compute


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`.

    Attributes:
        low: The smallest.
        high: The largest; infinity for none, and then infinity itself only if `may_be_inf`.
        above: Whether `low` itself is not among them.
        below: Whether `high` itself is not among them.
        is_whole: Whether only whole numbers are.
        may_be_inf: Whether infinity is.
    """

    low: float = 0
    high: float = inf
    above: bool = False
    below: bool = False
    is_whole: bool = False
    may_be_inf: bool = False

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that is not in the range.

        Raises:
            TypeError: If it is no number, or no whole one where these are asked for.
            ValueError: If it is out of range.
        """
        if self.is_whole:
            whole_number(name, value, minimum=None)
        elif not (self.may_be_inf and value == inf):
            check_number(name, value)
            if abs(value) > _LARGEST:
                raise ValueError(f"`{name}` must fit into float32, up to 3.4e38, got {value}")
        too_low = value <= self.low if self.above else value < self.low
        too_high = value >= self.high if self.below else value > self.high
        if too_low or (too_high and self.high != inf):
            raise ValueError(f"`{name}` must {self._rule}, got {value}")

    @property
    def _rule(self) -> str:
        if self.high == inf:
            return f"be above {self.low:g}" if self.above else f"be at least {self.low:g}"
        return f"lie in {'[('[self.above]}{self.low:g}, {self.high:g}{'])'[self.below]}"


Count = Annotated[int, Range(1, is_whole=True)]
Whole = Annotated[int, Range(0, is_whole=True)]
Share = Annotated[float, Range(0, 1)]
PositiveShare = Annotated[float, Range(0, 1, above=True)]
Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Limit = Annotated[float, Range(0, may_be_inf=True)]
"""A number of at least 0 of which infinity is one: no limit."""


def check_ranges(args: Any) -> None:
    """Refuse a dataclass of arguments in which a number is out of the range of its field.

    Args:
        args: An instance; fields whose type holds no `Range` are not looked at.

    Raises:
        TypeError: If something is no number that must be one.
        ValueError: If a number is out of range, naming its field.
    """
    for kind in filter(is_dataclass, type(args).__mro__):  # a new default keeps the old range
        for name, hint in get_type_hints(kind, include_extras=True).items():
            value = getattr(args, name, None)
            if value == () and _has_range(hint):
                raise ValueError(f"`{name}` must hold at least one number, got none")
            for limits, number in _limited(hint, value):
                limits.check(name, number)


def _has_range(hint: Any) -> bool:
    """Return whether numbers of a type, or within it, have a range."""
    here = getattr(hint, "__metadata__", ())
    return any(isinstance(each, Range) for each in here) or any(map(_has_range, get_args(hint)))


def _limited(hint: Any, value: Any) -> Iterator[tuple[Range, Any]]:
    """Yield each number in a value with its range, through tuples and `X | None`."""
    if get_origin(hint) is Annotated:
        yield from ((limits, value) for limits in hint.__metadata__ if isinstance(limits, Range))
    elif get_origin(hint) is tuple and isinstance(value, tuple | list):
        for item in value:
            yield from _limited(get_args(hint)[0], item)
    elif value is not None:
        for part in get_args(hint):
            yield from _limited(part, value)
