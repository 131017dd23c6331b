"""Checks that several modules share: of constructor arguments, and of numbers at every step."""

from collections.abc import Collection, Iterable, Mapping
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray


def whole_number(name: str, value: Any, minimum: int | None = 1) -> int:
    """Return `value` as an int.

    Args:
        name: Name of the argument, for the error.
        value: What was given.
        minimum: Smallest number that is allowed; None allows all.

    Raises:
        TypeError: If it is no whole number; True and 5.0 are none.
        ValueError: If it is below `minimum`.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"`{name}` must be an int, got {value!r}")
    if minimum is not None and value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {value}")
    return int(value)


def whole_numbers(name: str, value: Any) -> tuple[int, ...]:
    """Return one whole number of at least 1, or a collection of them, sorted and without repeats.

    Raises:
        TypeError: If it is neither.
        ValueError: If a number is below 1, or there is none.
    """
    is_scalar = isinstance(value, np.ndarray) and not value.ndim
    if is_scalar or isinstance(value, Mapping | bytes | bytearray):
        raise TypeError(f"`{name}` must be an int or a collection of ints, got {value!r}")
    if isinstance(value, Iterable) and not isinstance(value, str):
        numbers = sorted({whole_number(name, item) for item in value})
        if not numbers:
            raise ValueError(f"`{name}` must hold at least one number, got none")
        return tuple(numbers)
    return (whole_number(name, value),)


def set_of_names(name: str, value: Collection[str]) -> frozenset[str]:
    """Return `value` as a set of strings.

    Raises:
        TypeError: If it is a single string, which would count as a set of letters, or holds
            anything but strings.
    """
    is_many = isinstance(value, Iterable) and not isinstance(value, str)
    if not is_many or not all(isinstance(item, str) for item in value):
        raise TypeError(f"`{name}` must be a collection of names, got {value!r}; use a tuple")
    return frozenset(value)


def truth(name: str, value: Any) -> bool:
    """Return `value` if it is True or False, else raise: "no" would count as True."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be True or False, got {value!r}")
    return bool(value)


def all_finite(numbers: NDArray[Any]) -> bool:
    """Say whether no number is NaN or infinite; for a few numbers at every step, so it is fast."""
    # the product meets every number; it may also overflow, where nothing is wrong
    return isfinite(np.vdot(numbers, numbers)) or bool(np.isfinite(numbers).all())


def check_num_classes(num_classes: int) -> int:
    """Return `num_classes` if it is a whole number of at least 2, else raise."""
    return whole_number("num_classes", num_classes, minimum=2)


def check_number(name: str, value: Any, low: float = -inf, high: float = inf) -> float:
    """Return `value` if it is a finite number from `low` to `high`, else raise."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not (isfinite(value) and low <= value <= high):
        bounds = "be finite" if low == -inf else f"be finite and at least {low:g}"
        rule = bounds if high == inf else f"lie in [{low:g}, {high:g}]"
        raise ValueError(f"`{name}` must {rule}, got {value}")
    return float(value)


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a `value` that is not among the `known` ones with a ValueError that lists them."""
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}, got {value!r}")
