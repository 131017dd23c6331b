"""Files as tables: CSV and TSV, JSON lines, Parquet. What a cell means is said in `schema`.

Every format gives the same: named columns, and of each row where it stands and what its cells hold.
A file that is no table is refused as a whole, a row that is none by itself.
"""

import codecs
import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from gym_rated.imports import named_extras
from gym_rated.ratings.spreadsheet import restored

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken: where it stands, and why, with column and value."""

    place: str
    reason: str

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.place}: {self.reason}"


@dataclass
class Table:
    """What a file holds.

    Attributes:
        columns: Names of the columns, in small letters; of JSON lines those of any row.
        lines: Place and cells of each row, such as ("line 2", {"rating": "1"}).
        refused: Rows that are none.
        empty: Places of rows without anything in them.
    """

    columns: tuple[str, ...] = ()
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def take(self, place: str, cells: dict[str, Any]) -> None:
        """Add a row."""
        if all(is_nothing(value) for value in cells.values()):
            self.empty.append(place)
            return
        texts = {k: restored(v) if isinstance(v, str) else v for k, v in cells.items()}
        self.lines.append((place, texts))


def read_table(path: Path, argument: str, known: Collection[str]) -> Table:
    """Read a file as a table.

    Args:
        path: File that ends in .csv, .tsv, .jsonl or .parquet.
        argument: Name of the argument that `path` was given as, for the errors.
        known: Names of columns by which the separator of a CSV file is recognised.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If pyarrow is missing, for a .parquet file.
        ValueError: If the file has another ending, or is no such table.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        endings = f"{', '.join(_READERS)} or .npz"
        raise ValueError(f"`{argument}` must end in {endings}, got {path}")
    if not path.is_file():
        raise FileNotFoundError(f"`{argument}` must be a file with answers, got {path}")
    try:
        return reader(path, argument, known)
    except OSError as error:
        raise ValueError(f"`{argument}` must be a file that can be read, got {error}") from error


def is_nothing(value: Any) -> bool:
    """Return whether a cell holds nothing: None, NaN or blanks."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float | Decimal) and value != value)


def _column_name(name: Any) -> str:
    return "_".join(str(name).casefold().split())


def _column_names(names: Iterable[Any], path: Path, argument: str) -> list[str]:
    """Return the names of columns in small letters, without blanks around them."""
    found = [_column_name(name) for name in names]
    twice = sorted({name for name in found if name and found.count(name) > 1})
    if twice:
        raise ValueError(f"`{argument}` must name each column once, got {twice} twice in {path}")
    return found


def _text_of(path: Path, argument: str) -> str:
    """Return the text of a file: UTF-8, or UTF-16 with the mark that spreadsheets put there."""
    data = path.read_bytes()
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    try:
        text = data.removeprefix(mark).decode(_MARKS.get(mark, "utf-8"))
        position, found = text.find("\0"), "a NUL"
    except UnicodeDecodeError as error:
        text, position, found = data.decode("latin-1"), error.start, repr(data[error.start])
    if position >= 0:
        line = text.count("\n", 0, position) + 1
        raise ValueError(
            f"`{argument}` must be text in UTF-8, got {found} in line {line} of {path}; save it as "
            '"CSV UTF-8", or rename it if it is of another kind'
        )
    return text


def _from_csv(path: Path, argument: str, known: Collection[str]) -> Table:
    text = _text_of(path, argument)
    named = re.match(r'"?sep=(.)"?(\r\n|\r|\n)', text, re.IGNORECASE)  # a spreadsheet's own line
    head = text[named.end() :] if named else text
    delimiter, blanks = _dialect(head, known, named[1] if named else None)
    lines = csv.reader(
        StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=blanks, strict=True
    )
    table, names, start = Table(), None, 1
    try:
        for cells in lines:
            place, start = f"line {start}", lines.line_num + 1
            if named and place == "line 1":
                continue
            if names is None and any(cells):
                names = _column_names(cells, path, argument)
                table.columns = tuple(names)
            elif names is not None:
                _take_cells(table, place, names, cells)
    except csv.Error as error:
        raise ValueError(
            f"`{argument}` must be a table with closed quotes and cells below 128 KiB, got "
            f"the row of line {start} of {path}: {error}"
        ) from error
    return table


def _dialect(text: str, known: Collection[str], delimiter: str | None) -> tuple[str, bool]:
    """Return what separates cells, by the names in the header, and whether a blank follows it."""
    header = next((line for line in StringIO(text) if line.strip()), "").rstrip("\r\n")

    def cells(separator: str) -> list[str]:
        return header.replace('"', "").split(separator)

    def score(separator: str) -> int:
        return sum(_column_name(cell) in known for cell in cells(separator))

    chosen = max(",;\t|", key=score) if delimiter is None else delimiter
    later = cells(chosen)[1:]
    return chosen, bool(later) and all(cell.startswith(" ") for cell in later)


def _take_cells(table: Table, place: str, names: list[str], cells: list[str]) -> None:
    if not any(cell.strip() for cell in cells):
        table.empty.append(place)
    elif len(cells) < len(names) or any(cells[len(names) :]):
        more = "more" if len(cells) > len(names) else "fewer"
        reason = f"it has {more} cells than there are columns, {len(cells)} and not {len(names)}"
        table.refused.append(Refusal(place, f"{reason}, got {shortened(cells)}"))
    else:
        named = zip(names, cells, strict=False)
        table.take(place, {name: cell for name, cell in named if name})


def _from_jsonl(path: Path, argument: str, known: Collection[str]) -> Table:
    table, columns = Table(), dict[str, None]()
    for number, text in enumerate(StringIO(_text_of(path, argument), newline=None), start=1):
        place = f"line {number}"
        if not text.strip():
            table.empty.append(place)
            continue
        try:
            row = json.loads(text, parse_float=Decimal, object_pairs_hook=_Pairs)
            if not isinstance(row, _Pairs):
                raise ValueError("it is no row of names and values")
            names = _column_names((name for name, _ in row), path, argument)
        except (ValueError, RecursionError) as error:
            reason = f"it must be an object of JSON, got {shortened(text.strip())}: {error}"
            table.refused.append(Refusal(place, reason))
            continue
        columns |= dict.fromkeys(names)
        table.take(place, dict(zip(names, (value for _, value in row), strict=True)))
    table.columns = tuple(columns)
    return table


class _Pairs(list[Any]):
    """Names and values of a JSON object, in which a name may stand twice."""


def _from_parquet(path: Path, argument: str, known: Collection[str]) -> Table:
    with named_extras():
        from pyarrow import parquet
    try:
        with parquet.ParquetFile(path) as file:  # `read_table` would take columns from the path
            names = file.schema_arrow.names
            read = [_column_name(name) in known for name in names]
            rows = [row for batch in file.iter_batches() for row in _rows_of(batch, read)]
    except Exception as error:  # a damaged file raises a dozen types, ArrowInvalid to OverflowError
        raise ValueError(
            f"`{argument}` must be a whole Parquet file, got {path} ({error}); write it again"
        ) from error
    columns = _column_names(names, path, argument)
    table = Table(tuple(columns))
    for number, row in enumerate(rows, start=1):
        table.take(f"row {number}", dict(zip(columns, row, strict=True)))
    return table


def _rows_of(batch: Any, read: Sequence[bool]) -> Iterator[tuple[Any, ...]]:
    """Yield rows; of columns that nobody reads, whose values Python may lack, only nulls."""
    both = zip(batch.columns, read, strict=True)
    cells = (c.to_pylist() if is_read else _whether_there(c) for c, is_read in both)
    return zip(*cells, strict=True)


def _whether_there(column: Any) -> list[bool | None]:
    return [is_valid or None for is_valid in column.is_valid().to_pylist()]


def shortened(value: Any) -> str:
    """Return a value as an error shows it: on one line, and not for pages."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 100 else f"{text[:80]} … ({len(text)} characters)"


_Reader = Callable[[Path, str, Collection[str]], Table]
_READERS: dict[str, _Reader] = {
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".jsonl": _from_jsonl,
    ".parquet": _from_parquet,
}
