"""Texts in CSV, such that a spreadsheet or pandas neither runs nor changes them.

A segment `=1+1` is a formula to a spreadsheet, `00123` a number, `1-2-3` a date, `NA` nothing at
all to pandas. Where a text is one of these it is written with an apostrophe before it, which all of
them leave alone, and `restored` takes exactly that apostrophe away again.
"""

import re

# OWASP, "CSV injection"; the wide forms count in some languages.
_FORMULA = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001
_NUMBER = re.compile(r"\W*\d[\d.,' ]*+([ed][+-]?\d+)?\W*", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})[-/. ]+(\d{1,4})(?:[-/. ]+(\d{1,4}))?(?:[T ]+\d+:.*)?")
_TIME = re.compile(r"\d+:\d+.*")
_MONTH = re.compile(
    r"(\d+[-/. ]*)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/., ]*(\d[\d/., -]*)?",
    re.IGNORECASE,
)
NOTHING = frozenset({"", "nan", "-nan", "none", "null", "na", "n/a", "#na", "#n/a", "<na>"})
"""What programs write where nothing is, in small letters."""


def protected(text: str) -> str:
    """Return `text` as a cell of CSV holds it; `restored` gives it back."""
    return f"'{text}" if _read_otherwise(text) else text


def restored(cell: str) -> str:
    """Return the text that a cell of CSV stands for."""
    return cell[1:] if cell.startswith("'") and _read_otherwise(cell) else cell


def _read_otherwise(text: str) -> bool:
    """Return whether a program would take a text for something else, apostrophes aside."""
    core = text.lstrip("'")
    if not core:
        return False
    if core[0] in _FORMULA or core[0] == "#" or core.casefold() in NOTHING | {"true", "false"}:
        return True
    if _NUMBER.fullmatch(core) or _TIME.fullmatch(core):
        return True
    month = _MONTH.fullmatch(core)
    if month is not None and (month[1] or month[3]):
        return True
    date = _DATE.fullmatch(core)
    return date is not None and _is_date([int(part) for part in date.groups() if part])


def _is_date(parts: list[int]) -> bool:
    """Return whether two or three numbers hold a month, and a day beside it if they are three."""
    days = sum(1 <= part <= 31 for part in parts)
    return any(1 <= part <= 12 for part in parts) and days >= len(parts) - 1
