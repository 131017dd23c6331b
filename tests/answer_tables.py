"""The same table of answers in every format that is read, for tests."""

import csv
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from gym_rated.ratings.answer_table import AnswerTable, number_of

Rows = Sequence[Mapping[str, Any]]
FORMATS = ("comma.csv", "semicolon.csv", "tab.tsv", "utf16.tsv", "lines.jsonl", "columns.parquet")
"""Names of files by what is in them."""


def write_table(folder: Path, name: str, rows: Rows) -> Path:
    """Write rows as the named file and return its path; a cell that is missing is None."""
    path, columns = folder / name, list(dict.fromkeys(key for row in rows for key in row))
    if name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")
    elif name.endswith(".parquet"):
        cells = {column: [row.get(column) for row in rows] for column in columns}
        parquet.write_table(pyarrow.table(cells), path)
    else:
        file = StringIO(newline="")
        delimiter = {"semicolon.csv": ";", "comma.csv": ","}.get(name, "\t")
        writer = csv.DictWriter(file, columns, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        encoding = "utf-16" if name == "utf16.tsv" else "utf-8"
        path.write_bytes(file.getvalue().encode(encoding))
    return path


def row_of(place: str, name: str) -> int:
    """Return which row of `write_table` stands at a place, from 0."""
    return number_of(place) - (1 if name.endswith((".jsonl", ".parquet")) else 2)


def outcome(table: AnswerTable, name: str) -> tuple[Any, ...]:
    """Return what became of each row, the same for every format."""
    taken = {row_of(row.place, name): (row.answer, row.shown_ms) for row in table.rows}
    refused = {row_of(refusal.place, name): refusal.reason for refusal in table.refused}
    return taken, refused, dict(table.uncounted), sorted(table.unread)
