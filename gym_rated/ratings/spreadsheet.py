"""Texts in CSV, such that a spreadsheet or pandas neither runs nor changes them.

A segment `=1+1` is a formula to a spreadsheet, `00123` a number, `1-2-3` a date, `NA` nothing at
all to pandas. Where a text is one of these it is written with an apostrophe before it, which all of
them leave alone, and `restored` takes exactly that apostrophe away again: in every format, because
what came out of a spreadsheet may be saved as another one.
"""

import re
import string

# OWASP, "CSV injection"; the wide forms count in some languages.
_FORMULA = "-=+@＝＋＠－"  # noqa: RUF001
_UNSEEN = f"{string.whitespace}\xa0\u200b\u2060\ufeff"  # what some programs trim away before it
# Where a program that separates cells by something else would begin one with a formula.
_INNER = re.compile(rf"([;,|\t\r\n])([\"']*)(?=[{_FORMULA}])")
_MARKED = re.compile(rf"([;,|\t\r\n])'([\"']*)(?=[{_FORMULA}])")
_NUMBER = re.compile(r"\W*\d[\d.,' ]*+([ed][+-]?\d+)?\W*", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})[-/. ]+(\d{1,4})(?:[-/. ]+(\d{1,4}))?(?:[T ]+\d+:.*)?")
_TIME = re.compile(r"\d+:\d+.*")
_MONTH = re.compile(
    r"(\d+[-/. ]*)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/., ]*(\d[\d/., -]*)?",
    re.IGNORECASE,
)
NOTHING = frozenset("NaN nan -NaN -nan None NULL null NA N/A n/a #NA #N/A <NA>".split())
"""What programs write, or read, where nothing is."""
_LOST = re.compile(r"#(REF|NAME|VALUE|DIV/0|NUM|NULL|N/A)[!?]?|Err:\d+")  # cells of a spreadsheet
_TRUTHS = ("true", "false")


class Exact(str):
    """A text that its apostrophe vouches for: no program has made it of something else."""

    __slots__ = ()


def is_leftover(text: str) -> bool:
    """Return whether a text is what programs write where something was lost, or nothing was."""
    return text in NOTHING or _LOST.fullmatch(text) is not None


def protected(text: str) -> str:
    """Return `text` as a cell of CSV holds it; `restored` gives it back."""
    inner = _INNER.sub(r"\1'\2", text)
    return f"'{inner}" if _read_otherwise(text) else inner


def escaped(text: str) -> str:
    """Return `text` as a format that nobody edits holds it; `restored` gives it back."""
    return text if restored(text) == text and not is_leftover(text) else protected(text)


def restored(cell: str) -> str:
    """Return the text that a cell stands for, as `Exact` where it began with an apostrophe."""
    if "'" not in cell:
        return cell
    text = _MARKED.sub(r"\1\2", cell)
    return Exact(text[1:]) if text.startswith("'") and _read_otherwise(text) else text


def _read_otherwise(text: str) -> bool:
    """Return whether a program would take a text for something else, apostrophes aside."""
    core = text.lstrip("'")
    if not core:
        return False
    if core[0] in "#\t\r\n" or is_leftover(core) or core.casefold() in _TRUTHS:
        return True
    if core.lstrip(_UNSEEN).startswith(tuple(_FORMULA)):
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
