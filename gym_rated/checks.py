"""Checks that several modules share: of constructor arguments, and of numbers at every step."""

import os
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES = 1_000
"""More classes than anybody tells apart."""
MOST = 2**63 - 1
"""Largest whole number of 64 bits, in which arrays count."""

LONGEST_COMMENT = 300
"""Characters of a comment on a segment, at most."""
LONGEST_TEXT = 300
"""Characters of what tells a class, at most."""

_NO_LINE = ("Cc", "Zl", "Zp")  # Unicode's classes of control characters and ends of lines
_WHOLE = (int, np.integer)  # made once: this check is the innermost of all


def whole_number(name: str, value: Any, minimum: int | None = 1, maximum: int = MOST) -> int:
    """Return `value` as an int.

    Args:
        name: Name of the argument, for the error.
        value: What was given.
        minimum: Smallest number that is allowed; None allows all of 64 bits.
        maximum: Largest number that is allowed, by default the largest of 64 bits.

    Raises:
        TypeError: If it is no whole number; True and 5.0 are none.
        ValueError: If it is below `minimum` or above `maximum`.
    """
    if isinstance(value, bool) or not isinstance(value, _WHOLE):
        raise TypeError(f"`{name}` must be an int, got {value!r}")
    minimum = -MOST if minimum is None else minimum
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {_shown(value)}")
    if value > maximum:
        rule = "below 2**63" if maximum == MOST else f"at most {maximum}"
        raise ValueError(f"`{name}` must be {rule}, got {_shown(value)}")
    return int(value)


def check_text(name: str, value: Any) -> str:
    """Return `value` if it is text that can be written anywhere, else raise.

    Raises:
        TypeError: If it is no str.
        ValueError: If it holds a surrogate, which is half a letter that no file can keep.
    """
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a str, got {value!r}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"`{name}` must be text without surrogates, got {value[:120]!r}")
    return value


def _shown(value: int | np.integer[Any]) -> str:
    """Return a number as text; Python writes none of many thousand digits."""
    bits = int(value).bit_length()
    return str(value) if bits <= 64 else f"one of {bits} bits"


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


def layer_sizes(name: str, value: Any) -> tuple[int, ...]:
    """Return a collection of whole numbers of at least 1, in their order.

    Raises:
        TypeError: If it is none, or holds something else.
        ValueError: If a number is below 1, or there is none.
    """
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        raise TypeError(f"`{name}` must be a tuple of ints, got {value!r}")
    sizes = tuple(whole_number(name, size) for size in value)
    if not sizes:
        raise ValueError(f"`{name}` must hold at least one layer, got none")
    return sizes


def check_memory(num_numbers: int, **sizes: Any) -> None:
    """Refuse sizes that ask for more float32 numbers than this machine could hold.

    Args:
        num_numbers: How many numbers would be made.
        sizes: The arguments that say so, for the error.

    Raises:
        ValueError: If they take more bytes than there is memory.
    """
    there = memory_bytes()
    if 4 * num_numbers > there:
        names = ", ".join(f"`{name}` = {value}" for name, value in sizes.items())
        raise ValueError(
            f"{names} must be smaller: together they ask for {4 * num_numbers / 2**30:.3g} GiB, "
            f"got a machine with {there / 2**30:.3g} GiB"
        )


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container that this process is in."""
    if not hasattr(os, "sysconf"):  # Windows does not say
        return MOST
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file():
        text = limit.read_text().strip()
        sizes += [int(text)] if text.isdecimal() else []
    return min(sizes)


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


def checked_table(name: str, numbers: Any, columns: int) -> NDArray[np.float64]:
    """Return a copy of finite numbers in float64, shape (n, columns), else raise ValueError."""
    is_table = isinstance(numbers, np.ndarray) and numbers.dtype == np.float64 and numbers.ndim == 2
    if not (is_table and numbers.shape[1] == columns and all_finite(numbers)):
        raise ValueError(f"`{name}` must be finite numbers of shape (n, {columns}), got others")
    return np.array(numbers)


def check_num_classes(num_classes: int) -> int:
    """Return `num_classes` if it is a whole number from 2 to `MAX_CLASSES`, else raise."""
    return whole_number("num_classes", num_classes, minimum=2, maximum=MAX_CLASSES)


def check_is_number(name: str, value: Any) -> None:
    """Refuse a `value` that is no number with a TypeError; True is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a number, got {value!r}")


def check_number(name: str, value: Any, low: float = -inf, high: float = inf) -> float:
    """Return `value` if it is a finite number from `low` to `high`, else raise."""
    check_is_number(name, value)
    if isinstance(value, int) and abs(value) > MOST:
        raise ValueError(f"`{name}` must be at most {MOST} in size as an int, got {value}")
    if not (isfinite(value) and low <= value <= high):
        bounds = "be finite" if low == -inf else f"be finite and at least {low:g}"
        rule = bounds if high == inf else f"lie in [{low:g}, {high:g}]"
        raise ValueError(f"`{name}` must {rule}, got {value}")
    return float(value)


def check_above_zero(name: str, value: Any) -> float:
    """Return `value` if it is a finite number above 0, else raise as `check_number`."""
    if not check_number(name, value) > 0:
        raise ValueError(f"`{name}` must be above 0, got {value}")
    return float(value)


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a `value` that is not among the `known` ones with a ValueError that lists them."""
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}, got {value!r}")


def check_comment(value: Any) -> str:
    """Return `value` if it is a comment on a segment: one line, not too long; else raise."""
    text = check_text("comment", value)
    if len(text) > LONGEST_COMMENT or any(unicodedata.category(c) in _NO_LINE for c in text):
        raise ValueError(
            f"`comment` must be one line of at most {LONGEST_COMMENT} characters, got "
            f"{text[:120]!r} of {len(text)}"
        )
    return text


def check_class_texts(texts: Any, num_classes: int) -> tuple[str, ...]:
    """Return texts about the classes, worst first.

    Raises:
        TypeError: If they are no texts.
        ValueError: If they are not C, or one says nothing or too much.
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise TypeError(f"`class_texts` must be texts, one for each class, got {texts!r}")
    if len(texts) != num_classes:
        raise ValueError(
            f"`class_texts` must say of each of the {num_classes} classes what tells it, got "
            f"{len(texts)} texts"
        )
    for text in texts:
        if not 0 < len(check_text("class_texts", text).strip()) <= LONGEST_TEXT:
            raise ValueError(
                f"`class_texts` must be texts of 1 to {LONGEST_TEXT} characters, got {text[:80]!r} "
                f"of {len(text)}"
            )
    return tuple(texts)
