"""Thousands of odd tables of answers, in every format and through every door.

Each row is taken exactly as it is, or refused in our own words; nothing else happens.
"""

import csv
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answer_tables import FORMATS, outcome, write_table
from tally import Tally

from gym_rated import Rating, RatingDataset, ReplayRater
from gym_rated.cli import main
from gym_rated.human.store import Store
from gym_rated.ratings.answer_table import AnswerRow, AnswerTable
from gym_rated.ratings.rows import read_answers
from gym_rated.ratings.spreadsheet import Exact, is_leftover, restored
from gym_rated.segments import Origin, Segment

pytestmark = pytest.mark.hostile


@pytest.fixture(autouse=True)
def nothing_is_lost(tally: Tally) -> Iterator[None]:
    before = len(tally.lost)
    yield
    assert tally.lost[before:] == []


Row = dict[str, Any]
CLASSES = 5
LETTERS = "ab09 -=+@'\"#.,;:/\\|\t\n\r\0_%$()eE\u00e9\u4f1f\u0662\uff12\u200b\u00a0\ud7ff\U0001f600"
WORDS = (
    *(
        "2",
        "2.0",
        "2.5",
        "-1",
        "-2",
        "5",
        "1e0",
        "1e400",
        "1E+05",
        "00123",
        "0x1",
        "1_0",
        "1,0",
        "1.000,5",
    ),
    *(
        "",
        " ",
        "NaN",
        "nan",
        "None",
        "NA",
        "#N/A",
        "#REF!",
        "inf",
        "-inf",
        "True",
        "TRUE",
        "no",
        "WAHR",
    ),
    *("2024-01-02", "1-2-3", "01/02/26", "Mar-1", "1:30", "=1+1", "'=1+1", "-3", "@x", "x" * 2000),
    *(
        "\uff12",
        "\u0662",
        "a\nb",
        "a\r\nb",
        "a;b",
        "a\tb",
        'say "a"',
        "Zo\u00c3\u00ab",
        "ann ",
        "rate",
        "undo",
    ),
)


def valid_rows(rng: random.Random, number: int = 8) -> list[Row]:
    """Return rows of one log as `gym-rated export` writes it, all of them texts."""
    return [
        {
            "segment_id": f"{i}-{rng.randrange(40)}-{rng.randrange(500)}",
            "rating": str(rng.randrange(-1, CLASSES)),
            "rater": rng.choice(["ann", "Bob", "Zo\u00eb", "'t Hooft", "\u5f20\u4f1f"]),
            "revision": str(rng.randrange(3)),
            "current": rng.choice(["True", "TRUE", "1", "yes"]),
            "repeat": rng.choice(["False", "0", ""]),
            "shown_ms": rng.choice(["900", "", "1200.0"]),
            "num_classes": str(CLASSES),
            "flag": rng.choice(["yes", "False", ""]),
            "comment": rng.choice(["", "black at first", "'NA", "'=1+1"]),
        }
        for i in range(number)
    ]


def odd_text(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(WORDS)
    return "".join(rng.choices(LETTERS, k=rng.randrange(1, 12)))


def is_whole(text: Any, value: int) -> bool:
    """Return whether a text says a whole number, by other means than the reader's."""
    try:
        return text.isascii() and "_" not in text and Decimal(text.strip()) == value
    except InvalidOperation:
        return False


def is_remarked(row: Row, taken: AnswerRow) -> bool:
    """Return whether an answer has the flag and the comment of its row."""
    comment = restored(row["comment"])
    is_nothing = is_leftover(comment.strip()) and not isinstance(comment, Exact)
    yes = row["flag"].strip().casefold() in ("yes", "true", "on", "t", "y")
    flagged = yes or is_whole(row["flag"], 1)
    return (taken.flagged, taken.comment) == (flagged, "" if is_nothing else comment.strip())


def is_as_written(row: Row, answer: Rating, shown_ms: int | None) -> bool:
    """Return whether an answer says what its row says, cell by cell, our apostrophes aside."""
    rater = restored(row["rater"]) if row["rater"].strip() else "recorded"
    nothing = ("", "nan", "none", "null", "na", "n/a", "#n/a")
    numbers = [(row["rating"], answer.rating), (row["revision"], answer.revision)]
    numbers += [(row["shown_ms"], shown_ms), (row["num_classes"], CLASSES)]
    numbers = [(restored(text), value) for text, value in numbers]
    return (answer.segment_id, answer.rater) == (row["segment_id"], rater) and all(
        is_whole(text, value)
        if value is not None and text.strip().casefold() not in nothing
        else not value or value == CLASSES
        for text, value in numbers
    )


def in_our_words(error: Exception) -> bool:
    return isinstance(error, ValueError | TypeError | FileNotFoundError) and "`path`" in str(error)


def read(path: Path, rater: str | None = "recorded") -> AnswerTable | None:
    """Read a file; None if it is refused in our words."""
    try:
        return read_answers(path, CLASSES, rater=rater)
    except Exception as error:
        if not in_our_words(error):
            raise
    return None


@pytest.mark.parametrize("seed", range(6))
def test_a_changed_cell_is_taken_as_it_is_or_refused_in_every_format(
    tmp_path: Path, tally: Tally, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(120):
        rows = valid_rows(rng)
        changed = {rng.randrange(1, len(rows)) for _ in range(rng.randrange(1, 4))}
        for i in changed:
            rows[i][rng.choice(list(rows[i]))] = odd_text(rng)
        found = [read(write_table(tmp_path, name, rows)) for name in FORMATS]
        for name, table in zip(FORMATS, found, strict=True):
            if table is None:  # a NUL is no text at all
                tally.record(f"changed cells, {name}", "refused")
                continue
            said = {row.answer.segment_id: row for row in table.rows}
            for i, row in enumerate(rows):
                taken = said.get(row["segment_id"])
                if taken is None:
                    is_right = i in changed
                else:
                    is_right = is_as_written(row, taken.answer, taken.shown_ms)  # type: ignore[arg-type]
                    is_right = is_right and is_remarked(row, taken)
                right = "refused" if taken is None else "kept"
                tally.record(f"changed cells, {name}", right if is_right else "lost", repr(row))
            rest = len(table.refused) + table.uncounted.total()
            assert len(rows) == len(table.rows) + rest, (rows, table)
        told = [
            outcome(t, n)[0].values() for t, n in zip(found, FORMATS, strict=True) if t is not None
        ]
        assert len({repr([*each]) for each in told}) <= 1, (rows, told)


def mutations(rng: random.Random, data: bytes) -> Iterator[bytes]:
    """Yield damaged copies of a file."""
    while True:
        start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 6)))
        yield rng.choice(
            [
                data[:start] + noise + data[start + len(noise) :],
                data[:start] + noise + data[start:],
                data[:start],
                data[start:],
                data[:start] + data[end:],
                data[:end] + data[start:],
                data[:start] + rng.choice([b'"', b"\n", b",", b"\0", b"\r", b"{"]) + data[start:],
            ]
        )


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_read_in_our_words(tmp_path: Path, tally: Tally, name: str) -> None:
    rng = random.Random(name)
    data = write_table(tmp_path, name, valid_rows(rng, 20)).read_bytes()
    for _, damaged in zip(range(500), mutations(rng, data), strict=False):
        (tmp_path / name).write_bytes(damaged)
        kind, example = f"damaged files, {name}", repr(damaged[:200])
        try:
            table = read(tmp_path / name)
            tally.record(kind, "refused" if table is None else "kept")
        except Exception as error:
            tally.record(kind, "lost", f"{example}: {error!r}")
            continue
        for row in [] if table is None else table.rows:  # what is taken could have been given
            answer = row.answer
            assert isinstance(answer, Rating)
            assert -1 <= answer.rating < CLASSES
            assert (answer.segment_id + answer.rater).isprintable()
        if table is None or table.refused or not table.rows:
            with pytest.raises((ValueError, FileNotFoundError), match="`path`"):
                ReplayRater.from_file(tmp_path / name, CLASSES)
        else:
            ReplayRater.from_file(tmp_path / name, CLASSES)


def test_every_line_of_json_is_taken_or_refused_or_counted(tmp_path: Path, tally: Tally) -> None:
    rng = random.Random(1)
    path = tmp_path / "r.jsonl"
    lines = [json.dumps(row).encode() for row in valid_rows(rng, 20)]
    for _ in range(500):
        some = [next(mutations(rng, line)) if rng.random() < 0.3 else line for line in lines]
        some = [line.replace(b"\0", b"?").decode("utf-8", "replace").encode() for line in some]
        path.write_bytes(b"\n".join(some))
        with path.open(encoding="utf-8-sig") as file:
            number = len(file.readlines())
        table = read(path)
        if table is None:
            tally.record("damaged lines of JSON", "refused")
            continue
        told = len(table.rows) + len(table.refused) + table.uncounted.total()
        tally.record("damaged lines of JSON", "kept" if told == number else "lost", repr(some))


def make_database(path: Path, names: list[str]) -> None:
    """Make a database with a run of segments of these names, each rated by a rater so called."""
    ratings = RatingDataset(2, 1, CLASSES, criterion="How well?")
    steps = np.zeros((3, 2), np.float32), np.zeros((3, 1), np.float32), np.zeros(3)
    ratings.add(Segment(name, *steps, 0, Origin(0, 0, 0, 0)) for name in names)
    ratings.update(Rating(name, i % CLASSES, name[:90]) for i, name in enumerate(names))
    ratings.save(path.with_suffix(".npz"))
    words = ["--ratings", str(path.with_suffix(".npz")), "--run-id", "1e5"]
    assert main(["import", "--db", str(path), *words]) == 0


def standing(path: Path) -> dict[tuple[str, str], int]:
    with Store(path) as store:
        (run,) = store.runs()
        return {(r.segment_id, r.rater): r.rating for r in store.agreement_rows(run.id)}


def test_an_import_changes_what_it_says_and_nothing_else(tmp_path: Path, tally: Tally) -> None:
    rng, db = random.Random(2), tmp_path / "r.db"
    make_database(db, [row["segment_id"] for row in valid_rows(random.Random(3))])
    for trial in range(150):
        rows = valid_rows(random.Random(3))
        for row in rows:
            row |= {"rater": f"{row['rater']} {trial}", "rating": str(rng.randrange(CLASSES))}
        rows[rng.randrange(1, len(rows))][rng.choice(list(rows[0]))] = odd_text(rng)
        name = rng.choice(FORMATS)
        path, before = write_table(tmp_path, name, rows), standing(db)
        words = rng.choice([[], ["--all-or-nothing"]])
        code, after = (
            main(["import", "--db", str(db), "--ratings", str(path), *words]),
            standing(db),
        )
        if code == 2:
            is_right = after == before
        else:
            table = read_answers(path, CLASSES, rater=None)
            known = {row["segment_id"] for row in valid_rows(random.Random(3))}
            given = [r.answer for r in table.rows if r.answer.segment_id in known]  # type: ignore[union-attr]
            is_right = after == before | {(a.segment_id, a.rater): a.rating for a in given}  # type: ignore[union-attr]
            is_right &= (code == 0) == (len(given) == len(table.rows) and not table.refused)
        right = "refused" if code == 2 else "kept"
        tally.record("imports into a database", right if is_right else "lost", repr(rows))  # type: ignore[arg-type]


def odd_names(rng: random.Random, number: int) -> list[str]:
    """Return names that programs like to change, which a database takes."""

    def name() -> str:
        digits = [str(rng.randrange(10 ** rng.randrange(1, 5))) for _ in range(3)]
        return rng.choice(
            [
                rng.choice("-/.: ,").join(digits[: rng.randrange(1, 4)]),
                f"{rng.choice('=+-@')}{digits[0]}{rng.choice('+-*;,')}{digits[1]}",
                digits[0] + rng.choice(["e", "E", "e-", "E+", "%", " Mar ", "-jan-"]) + digits[1],
                f"{rng.choice(['Mar', 'SEPT', 'dec', 'may-', 'TRUE', 'x'])}{digits[0]}",
                "'" * rng.randrange(1, 3) + rng.choice(["=1", "0012", "t Hooft", "1-2-3"]),
                "0" * rng.randrange(1, 4) + digits[0],
                f"a{rng.choice(';,|')}{rng.choice(['', QUOTE])}{rng.choice('=+-@b')}1",
                "".join(rng.choices("abXYZ019 -=+@'\"#.,;:/|_%$()e\u00e9\u4f1f", k=6)).strip()
                or "x",
            ]
        )

    names = dict.fromkeys(name() for _ in range(number))
    lost = ("NA", "NaN", "#N/A", "#REF!")  # refused wherever they are read
    return [each for each in names if each.strip() == each and each not in lost]


QUOTE = '"'


def by_libreoffice(path: Path, *steps: str) -> Path:
    """Open a file in LibreOffice, as its dialog would, and save it as one format after another."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed: apt-get install libreoffice-calc")
    separator = ord("\t" if path.suffix == ".tsv" else ",")
    # UTF-8, US English, quoted cells are not taken for text, special numbers are detected
    opened = [f"--infilter=Text - txt - csv (StarCalc):{separator},34,76,1,,1033,false,true"]
    for step in steps:
        folder = path.parent / "by_libreoffice"
        command = [program, "--headless", f"-env:UserInstallation=file://{path.parent}/profile"]
        command += [*opened, "--convert-to", step, "--outdir", str(folder), str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        path, opened = folder / f"{path.stem}.{step.split(':')[0]}", []
    return path


def by_pandas(path: Path) -> Path:
    """Write a file as pandas 3 does that has read it: an index, no quotes, floats beside gaps."""
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file, delimiter=delimiter)
    numbers = [head.index(name) for name in ("rating", "revision", "num_classes")]
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["", *head])
    for number, row in enumerate(rows):
        cells = [f"{cell}.0" if i in numbers else cell for i, cell in enumerate(row)]
        writer.writerow([number, *cells])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


_TO_CSV = "csv:Text - txt - csv (StarCalc):{},34,76"
TRIPS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "pandas, .csv": ("csv", by_pandas),
    "pandas, .tsv": ("tsv", by_pandas),
    "LibreOffice, .csv": ("csv", lambda path: by_libreoffice(path, _TO_CSV.format(44))),
    "LibreOffice, .tsv, semicolons": ("tsv", lambda path: by_libreoffice(path, _TO_CSV.format(59))),
    "LibreOffice, .ods": ("csv", lambda path: by_libreoffice(path, "ods", _TO_CSV.format(44))),
    "LibreOffice, .xlsx": ("csv", lambda path: by_libreoffice(path, "xlsx", _TO_CSV.format(9))),
    "nothing, .jsonl": ("jsonl", lambda path: path),
    "nothing, .parquet": ("parquet", lambda path: path),
}


@pytest.mark.parametrize("trip", TRIPS)
def test_what_comes_back_from_a_program_is_what_went_out(
    tmp_path: Path, tally: Tally, trip: str
) -> None:
    ending, program = TRIPS[trip]
    db, out = tmp_path / "r.db", tmp_path / f"out.{ending}"
    names = odd_names(random.Random(0), 400)
    make_database(db, names)
    before = standing(db)
    assert main(["export", "--db", str(db), "--out", str(out)]) == 0
    back = program(out)
    found = {
        (r.answer.segment_id, r.answer.rater): r.answer.rating
        for r in read_answers(back, CLASSES).rows
    }  # type: ignore[union-attr]
    for name in names:
        key = (name, name[:90])
        is_right = found.get(key) == before[key]
        tally.record(f"trips through {trip}", "kept" if is_right else "lost", name)
    assert len(found) == len(before)
    assert main(["import", "--db", str(db), "--ratings", str(back)]) == 0
    assert standing(db) == before
