"""What a cell of a spreadsheet stands for, where the program that wrote it may have rewritten it.

A spreadsheet makes 7 of `007`, 1.2E+17 of a long number, and 30/11/2026 of `2026-11-30`; it writes
1,234 or 1.234 for 1234, and 0,5 for 0.5. A cell is taken where it can only mean one thing.
"""

import re
from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeVar

from gym_rated.ratings.spreadsheet import Exact
from gym_rated.ratings.tables import shortened

_PLAIN = r"[+-]?\d{{1,40}}(?:{point}\d{{0,40}})?(?:[eE][+-]?\d{{1,3}})?"
_GROUPED = r"[+-]?\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d{{0,40}})?"
_GROUPS = {".": ",' ", ",": ".' "}  # decimal sign -> what may stand between thousands
_BLANKS = str.maketrans({"\xa0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
_KEPT_DIGITS = 15  # of a number, in any spreadsheet
_DATE = re.compile(r"(\d{1,4})[-/.](\d{1,4})(?:[-/.](\d{1,4}))?(?:[T ](\d{1,2}:\d\d)(?::00)?)?")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WITH_MONTH = re.compile(rf"(?:(\d{{1,2}})[-/. ])?({'|'.join(_MONTHS)})[a-z]*(?:[-/., ]+(\d+))?")
_AS_TEXT = "make the column text and write it again, or name episodes with a letter first"

_NumberT = TypeVar("_NumberT", int, float)

Day = tuple[int | None, int, int, str | None]
"""Year, if known, month, day and time, if there is one."""


class Names:
    """Names that a cell may mean.

    Args:
        column: The column, for the errors.
        names: All names that there are.
    """

    def __init__(self, column: str, names: Collection[str]) -> None:
        self._column = column
        self._names = list(names)
        self._numbers = {name: found for name in names if (found := _number_of(name)) is not None}
        self._days = {name: set(days(name)) for name in names}

    def find(self, cell: Any) -> str:
        """Return the name that a cell means.

        Raises:
            ValueError: If it means none, or may mean several; with what to do.
        """
        text = str(cell).strip().replace("\\", "/")
        found = {name for name in self._names if text in (name, f"{name}.npz")}
        if not isinstance(cell, Exact):
            bare = text.removesuffix(".npz")
            found |= self._by_path(text) | self._by_number(bare) | self._by_day(bare)
        if len(found) == 1:
            return found.pop()
        if found:
            several = " or ".join(map(repr, sorted(found)[:4]))
            raise ValueError(
                f"`{self._column}` must mean one thing, got {shortened(text)}, which a spreadsheet "
                f"writes for {several}; {_AS_TEXT}"
            )
        raise ValueError(
            f"`{self._column}` must be one of {self._known()}, got {shortened(text)}; "
            f"{self._remedy(text)}"
        )

    def _by_path(self, text: str) -> set[str]:
        """Return the names that a path ends with, or that end with it."""
        bare = text.removesuffix(".npz")
        ends = {name for name in self._names if name.endswith(f"/{bare}")}
        if bare != text:
            ends |= {name for name in self._names if bare.endswith(f"/{name}")}
        return ends

    def _by_number(self, text: str) -> set[str]:
        """Return the names of which a program makes this number."""
        meant = _meant(readings(text))
        if len(meant) != 1 or re.match(r"[+-]?0\d", text):  # no program writes numbers so
            return set()
        (number,) = meant
        unit = _last_digit(number, "e" in text.casefold())
        return {name for name, value in self._numbers.items() if abs(value - number) < unit}

    def _by_day(self, text: str) -> set[str]:
        """Return the names of which a program makes this date, if it can only be one date."""
        meant = set(days(text))
        if len(meant) != 1:
            return set()
        (day,) = meant
        return {n for n, known in self._days.items() if any(_is_same(day, d) for d in known)}

    def _known(self) -> str:
        shown = ", ".join(map(repr, self._names[:4]))
        return shown if len(self._names) <= 4 else f"{len(self._names)}, {shown} …"

    def _remedy(self, text: str) -> str:
        close = get_close_matches(text, self._names, 1)
        if close:
            return f"did you mean {close[0]!r}?"
        was_changed = bool(set(days(text)) or readings(text))
        return f"if a spreadsheet changed it, {_AS_TEXT}" if was_changed else "correct the row"


def readings(text: str) -> set[Decimal]:
    """Return the numbers that a text may be, with points or commas before decimals."""
    text, found = text.strip().translate(_BLANKS), set()
    for point, groups in _GROUPS.items():
        if re.fullmatch(_PLAIN.format(point=re.escape(point)), text, re.ASCII):
            found.add(Decimal(text.replace(point, ".")))
        for group in groups:
            grouped = _GROUPED.format(point=re.escape(point), group=re.escape(group))
            if re.fullmatch(grouped, text, re.ASCII):
                found.add(Decimal(text.replace(group, "").replace(point, ".")))
    return found


def _meant(numbers: set[Decimal]) -> set[Decimal]:
    """Return the whole ones of the numbers that a text may be, or all if there is none."""
    return {number for number in numbers if number == number.to_integral_value()} or numbers


def whole(column: str, cell: Any) -> int:
    """Return the whole number that a cell holds.

    Raises:
        ValueError: If it holds none, or may hold one of two.
    """
    meant = {int(n) for n in _numbers_in(cell) if n == n.to_integral_value()}
    return _only(column, "a whole number", meant, cell)


def share(column: str, cell: Any) -> float:
    """Return the number from 0 to 1 that a cell holds; raises as `whole`."""
    meant = {float(number) for number in _numbers_in(cell) if 0 <= number <= 1}
    return _only(column, "a number from 0 to 1", meant, cell)


def days(text: str) -> Iterator[Day]:
    """Yield the dates that a text may be, in any order of day, month and year."""
    text = text.strip().casefold()
    if found := _WITH_MONTH.fullmatch(text):
        yield from _with_month(found[1], _MONTHS.index(found[2]) + 1, found[3])
    elif found := _DATE.fullmatch(text):
        a, b, c = (None if part is None else int(part) for part in found.groups()[:3])
        if a is not None and b is not None:
            orders = [(c, a, b), (c, b, a)] if c is None or len(found[1]) < 3 else [(a, b, c)]
            for year, month, day in orders:
                yield from _real(year, month, day or 0, found[4])


def _numbers_in(cell: Any) -> set[Decimal]:
    if isinstance(cell, bool):
        return set()
    finite = {n for n in readings(str(cell)) if n.is_finite()}
    return {Decimal(str(cell))} & finite if isinstance(cell, int | float | Decimal) else finite


def _only(column: str, rule: str, meant: set[_NumberT], cell: Any) -> _NumberT:
    if len(meant) == 1:
        return meant.pop()
    may_be = f", which may be {' or '.join(map(str, sorted(meant)))}" if meant else ""
    raise ValueError(
        f"`{column}` must be {rule}, got {shortened(cell)}{may_be}; write it with digits"
        f"{' and nothing between thousands' if meant else ' alone'}"
    )


def _number_of(name: str) -> Decimal | None:
    """Return the number that a program makes of a name, if it does."""
    is_number = re.fullmatch(_PLAIN.format(point=r"\."), name, re.ASCII)
    return Decimal(name) if is_number else None


def _last_digit(number: Decimal, is_rounded: bool) -> Decimal:
    """Return one of the last digit that was kept of a number."""
    _, digits, exponent = number.as_tuple()
    if is_rounded:
        return Decimal(1).scaleb(int(exponent))
    return Decimal(1).scaleb(max(len(digits) + int(exponent) - _KEPT_DIGITS, 0))


def _with_month(before: str | None, month: int, after: str | None) -> Iterator[Day]:
    if before is not None:
        yield from _real(None if after is None else int(after), month, int(before), None)
    elif after is not None:
        yield from _real(None, month, int(after), None)


def _real(year: int | None, month: int, day: int, time: str | None) -> Iterator[Day]:
    """Yield a date if there is such a day; years of two digits are as spreadsheets take them."""
    if year is not None and year < 100:
        year += 2000 if year < 30 else 1900
    try:
        date(2000 if year is None else year, month, day)
    except ValueError:
        return
    yield year, month, day, None if time is None else time.rjust(5, "0")


def _is_same(one: Day, other: Day) -> bool:
    years = {one[0], other[0]} - {None}
    return len(years) <= 1 and one[1:] == other[1:]
