"""The one reader of files with a row for each answer: CSV, JSON lines, Parquet.

`gym-rated export` writes such files, people write them with a spreadsheet, and whoever reads one
must read the same answers out of it. A row is `segment_id` with `rating` or `score`, or `better_id`
with `worse_id`; and, if known, `rater`, `revision`, `shown_ms` and `num_classes`. Rows that a log
marks as replaced (`current`), as a second showing (`repeat`) or as taken back (`kind`) do not
count.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gym_rated.imports import named_extras
from gym_rated.ratings.answer import Answer, Comparison, Rating, Score, checked_answer

Cells = Mapping[str, Any]
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class AnswerRow:
    """An answer that stands in a file.

    Attributes:
        answer: The answer, checked.
        place: Where it stands, such as "line 3".
        shown_ms: For how long the segment was looked at, in milliseconds, if known.
    """

    answer: Answer
    place: str
    shown_ms: int | None = None


def read_answer_rows(
    path: Path, num_classes: int, *, rater: str | None = "recorded", argument: str = "path"
) -> list[AnswerRow]:
    """Read the answers that stand in a file of rows, in the order of the file.

    Of the answers of one rater about one segment the one with the highest revision stands, and
    among equal ones the last.

    Args:
        path: File that ends in .csv, .jsonl or .parquet.
        num_classes: Number of rating classes C.
        rater: Who answered where a row does not say; None refuses such rows.
        argument: Name of the argument that `path` was given as, for the errors.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If pyarrow is missing, for a .parquet file.
        ValueError: If the file has another ending, a row is no answer, or it is of another number
            of classes.
    """
    if path.suffix not in _READERS:
        endings = f"{', '.join(_READERS)} or .npz"
        raise ValueError(f"`{argument}` must end in {endings}, got {path}")
    standing: dict[Any, AnswerRow] = {}
    for place, cells in _READERS[path.suffix](path, argument):
        try:
            row = _read_row(place, cells, num_classes, rater)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"`{argument}` must hold an answer in every row, got {cells!r} in {place} of "
                f"{path}: {error}; a row has segment_id and rating or score, or better_id and "
                f"worse_id{', and rater' if rater is None else ''}"
            ) from error
        if row is not None:
            _keep(standing, row)
    return list(standing.values())


def _read_row(place: str, cells: Any, num_classes: int, rater: str | None) -> AnswerRow | None:
    """Return the answer of a row; None if it does not count."""
    if not isinstance(cells, Mapping):
        raise TypeError("it is no row of names and values")
    if None in cells:
        raise ValueError(f"it has more cells than there are columns, {cells[None]}")
    # A cell of a table is empty where there is nothing.
    row = {name: value for name, value in cells.items() if value is not None and value != ""}
    if not _counts(row):
        return None
    if _whole(row.get("num_classes", num_classes)) != num_classes:
        raise ValueError(
            f"`num_classes` must be that of the rows, {row['num_classes']}, got {num_classes}"
        )
    shown_ms = _whole(row["shown_ms"]) if "shown_ms" in row else None
    return AnswerRow(checked_answer(_answer(row, rater), num_classes), place, shown_ms)


def _counts(row: Cells) -> bool:
    replaced = not _truth("current", row.get("current", True))
    return not (replaced or _truth("repeat", row.get("repeat", False)) or row.get("kind") == "undo")


def _answer(row: Cells, rater: str | None) -> Answer:
    who = str(row["rater"] if rater is None else row.get("rater", rater))
    if "better_id" in row:
        return Comparison(str(row["better_id"]), str(row["worse_id"]), who)
    segment_id, revision = str(row["segment_id"]), _whole(row.get("revision", 0))
    if "score" in row:
        score = row["score"]
        return Score(segment_id, float(score) if isinstance(score, str) else score, who, revision)
    return Rating(segment_id, _whole(row["rating"]), who, revision)


def _keep(standing: dict[Any, AnswerRow], row: AnswerRow) -> None:
    """Put a row in the place of what it overtakes, unless it is overtaken itself."""
    answer = row.answer
    if isinstance(answer, Comparison):
        standing[answer] = row
        return
    key = (type(answer), answer.segment_id, answer.rater)
    known = standing.get(key)
    if known is not None:
        if answer.revision < known.answer.revision:  # type: ignore[union-attr]  # of the same type
            return
        del standing[key]  # it stands where its last row does
    standing[key] = row


def _whole(value: Any) -> Any:
    """Turn the text of a whole number into one, and a float that is one, as tables hold them."""
    if isinstance(value, str):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _truth(name: str, value: Any) -> bool:
    """Read a claim as tables write it: True, TRUE, true, 1."""
    text = str(value).strip().lower()
    if text not in _TRUTHS:
        raise ValueError(f"`{name}` must be true or false, got {value!r}")
    return _TRUTHS[text]


def _from_csv(path: Path, argument: str) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets begin with a mark
        reader = csv.DictReader(file)
        for row in reader:
            yield f"line {reader.line_num}", row


def _from_jsonl(path: Path, argument: str) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                try:
                    yield f"line {line}", json.loads(text)
                except json.JSONDecodeError as error:
                    raise ValueError(
                        f"`{argument}` must hold JSON in every line, got {text!r} in line {line} "
                        f"of {path}: {error}"
                    ) from error


def _from_parquet(path: Path, argument: str) -> Iterator[tuple[str, Any]]:
    with named_extras():
        from pyarrow import parquet
    for number, row in enumerate(parquet.read_table(path).to_pylist(), start=1):
        yield f"row {number}", row


_Reader = Callable[[Path, str], Iterator[tuple[str, Any]]]
_READERS: dict[str, _Reader] = {
    ".csv": _from_csv,
    ".jsonl": _from_jsonl,
    ".parquet": _from_parquet,
}
