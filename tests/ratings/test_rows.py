"""The one reader of answers in files: which rows count, and what their cells mean."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answer_tables import FORMATS, outcome, row_of, write_table

from gym_rated.ratings import Comparison, Rating, RatingDataset, Score
from gym_rated.ratings.answer_table import AnswerTable
from gym_rated.ratings.rows import answers_of, read_answers
from gym_rated.ratings.spreadsheet import escaped, protected
from gym_rated.segments import Origin, Segment

GOOD = {"segment_id": "b", "rating": "1", "rater": "bob"}


def read(tmp_path: Path, name: str, rows: Any, **options: Any) -> AnswerTable:
    return read_answers(write_table(tmp_path, name, rows), 3, **options)


def read_jsonl(tmp_path: Path, *rows: dict[str, Any], **options: Any) -> AnswerTable:
    return read(tmp_path, "lines.jsonl", rows, **options)


def write_csv(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "r.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


YES = ["True", "TRUE", "true", "1", "1.0", "yes", "Yes", "y", "on", "t", " True ", ""]
NO = ["False", "FALSE", "false", "0", "0.0", "no", "NO", "n", "off", "f"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_spelling_of_a_truth_counts(tmp_path: Path, name: str) -> None:
    rows = [
        {"segment_id": f"s{i}", "rating": "2", "rater": "ann", "current": word}
        for i, word in enumerate(YES + NO)
    ]
    found = read(tmp_path, name, rows)
    assert [row.answer.segment_id for row in found.rows] == [f"s{i}" for i in range(len(YES))]
    assert found.uncounted == {"replaced later": len(NO)}
    assert not found.refused


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ("2,ann,False,False,rate", "replaced later"),
        ("2,ann,FALSE,,", "replaced later"),
        ("2,ann,True,True,rate", "second showings"),
        ("2,ann,,1,", "second showings"),
        ("-1,ann,True,False,undo", "taken back"),
        (",ann,True,False,undo", "taken back"),
    ],
)
def test_rows_that_a_log_marks_do_not_count(tmp_path: Path, cells: str, why: str) -> None:
    text = f"segment_id,rating,rater,current,repeat,kind\na,{cells}\n"
    found = read_answers(write_csv(tmp_path, text), 3)
    assert (found.rows, found.refused, found.uncounted) == ([], [], {why: 1})


# what a column may hold -> the answer, or a part of the reason, the same in every format
CELLS: list[tuple[dict[str, Any], Any]] = [
    ({"rating": "2"}, 2),
    ({"rating": "2.0"}, 2),
    ({"rating": " 2 "}, 2),
    ({"rating": "+2"}, 2),
    ({"rating": "2e0"}, 2),
    ({"rating": "2."}, 2),
    ({"rating": "-1"}, -1),
    ({"rating": "2.5"}, "`rating` must be a whole number, got '2.5'"),
    ({"rating": "2.0000000000000000001"}, "`rating` must be a whole number"),
    ({"rating": "\uff12"}, "`rating` must be a whole number"),  # a wide 2
    ({"rating": "\u0662"}, "`rating` must be a whole number"),  # an Arabic 2
    ({"rating": "1_0"}, "`rating` must be a whole number"),
    ({"rating": "0x1"}, "`rating` must be a whole number"),
    ({"rating": "2.000"}, "`rating` must be a whole number"),  # or two thousand
    ({"shown_ms": "1.000"}, "`shown_ms` must be a whole number of at least 0, got '1.000'"),
    ({"shown_ms": "1,000"}, "`shown_ms` must be a whole number of at least 0, got '1,000'"),
    ({"shown_ms": "1 000"}, "`shown_ms` must be a whole number of at least 0, got '1 000'"),
    ({"rating": "1,0"}, "`rating` must be a whole number"),
    ({"rating": "1e999999999"}, "`rating` must be a whole number"),
    ({"rating": "1" * 5000}, "`rating` must be a whole number"),
    ({"rating": "inf"}, "`rating` must be a whole number"),
    ({"rating": "True"}, "`rating` must be a whole number"),
    ({"rating": "two"}, "`rating` must be a whole number"),
    ({"rating": "3"}, "`rating` must be 0 to 2 or SKIPPED (-1), got 3"),
    ({"rating": "-2"}, "`rating` must be 0 to 2 or SKIPPED (-1), got -2"),
    ({"rating": ""}, "must hold the one answer, got nothing"),
    ({"rating": "NaN"}, "must hold the one answer, got nothing"),
    ({"rating": "None"}, "must hold the one answer, got nothing"),
    ({"rating": "#N/A"}, "must hold the one answer, got nothing"),
    ({"rating": "", "score": "0.25"}, 0.25),
    ({"rating": "", "score": ".25"}, 0.25),
    ({"rating": "", "score": "2.5e-1"}, 0.25),
    ({"rating": "", "score": "0,25"}, "`score` must be a number in [0, 1], got '0,25'"),
    ({"rating": "", "score": "1.5"}, "`score` must be a number in [0, 1], got '1.5'"),
    ({"rating": "", "score": "-0.1"}, "`score` must be a number in [0, 1]"),
    ({"rating": "", "score": "True"}, "`score` must be a number in [0, 1]"),
    ({"score": "0.5"}, "must hold the one answer, got rating, score"),
    ({"better_id": "a", "worse_id": "b"}, "must hold the one answer, got rating, better_id"),
    ({"worse_id": "b"}, "`segment_id` must be there, and no `worse_id`"),
    ({"segment_id": ""}, "`segment_id` must be there"),
    ({"segment_id": "nan"}, "`segment_id` must be a name"),
    ({"segment_id": "a\nb"}, "`segment_id` must be a name"),
    ({"segment_id": "x" * 1001}, "`segment_id` must be a name"),
    ({"segment_id": "#REF!"}, "`segment_id` must be a name"),
    ({"rater": "x" * 101}, "`rater` must be a name"),
    ({"rater": "an\u200bn"}, "`rater` must be a name"),  # nobody sees the blank in it
    ({"rater": "Zo\u00c3\u00ab"}, "`rater` must be a name"),  # UTF-8, read as what Windows had
    ({"rater": "ann "}, "`rater` must be a name"),
    ({"revision": "1.0"}, 1),
    ({"revision": "nan"}, 1),
    ({"revision": "-1"}, "`revision` must be a whole number of at least 0, got '-1'"),
    ({"revision": "0.5"}, "`revision` must be a whole number of at least 0, got '0.5'"),
    ({"shown_ms": "900.0"}, 1),
    ({"shown_ms": "1e300"}, "`shown_ms` must be a whole number of at least 0, got '1e300'"),
    ({"shown_ms": "9223372036854775808"}, "`shown_ms` must be a whole number of at least 0"),
    ({"current": "perhaps"}, "`current` must be true or false, got 'perhaps'"),
    ({"current": "WAHR"}, "`current` must be true or false, got 'WAHR'"),
    ({"current": "2"}, "`current` must be true or false, got '2'"),
    ({"kind": "rated"}, "`kind` must be rate, skip or undo, got 'rated'"),
    ({"kind": "skip"}, "`rating` must be that of a skip, got 1"),
    ({"kind": "skip", "rating": ""}, -1),
    ({"kind": "rate", "rating": "-1"}, "`rating` must be that of a rate, got -1"),
    ({"num_classes": "3.0"}, 1),
    ({"num_classes": "5"}, "`num_classes` must be that of the others, 3, got 5"),
    ({"run_id": "r2"}, "`run_id` must be that of the others, 'r1', got 'r2'"),
    ({"env_id": "Ant-v5"}, "`env_id` must be that of the others, 'Hopper-v5', got 'Ant-v5'"),
    ({"criterion_sha256": "00"}, "`criterion_sha256` must be that of the others, 'ff', got '00'"),
    ({"rating": "2", "revision": "1e0", "shown_ms": "12.0", "current": "TRUE"}, 2),
]


@pytest.mark.parametrize(("cells", "expected"), CELLS, ids=lambda value: repr(value)[:40])
def test_a_cell_means_the_same_in_every_format(tmp_path: Path, cells: Any, expected: Any) -> None:
    columns = {"revision": "", "run_id": "", "env_id": "", "criterion_sha256": ""}
    same = {"run_id": "r1", "env_id": "Hopper-v5", "criterion_sha256": "ff"}
    rows = [GOOD | columns, {"segment_id": "a", "rating": "1", "rater": "ann"} | columns | cells]
    outcomes = [outcome(read(tmp_path, n, rows, same=same), n) for n in FORMATS]
    assert outcomes.count(outcomes[0]) == len(FORMATS), outcomes
    taken, refused, *_ = outcomes[0]
    assert taken[0] == (Rating("b", 1, "bob"), None)
    if isinstance(expected, str):
        assert expected in refused[1]
        return
    answer, shown_ms = taken[1]
    assert (answer.score if isinstance(answer, Score) else answer.rating) == expected
    assert (shown_ms is not None) == ("shown_ms" in cells)


TYPED: list[tuple[str, Any, Any]] = [
    ("rating", 2, 2),
    ("rating", 2.0, 2),
    ("rating", 2.5, "`rating` must be a whole number, got 2.5"),
    ("rating", True, "`rating` must be a whole number, got True"),
    ("rating", math.inf, "`rating` must be a whole number"),
    ("rating", math.nan, "must hold the one answer, got nothing"),
    ("rating", [2], "`rating` must be a whole number"),
    ("rating", {"is": 2}, "`rating` must be a whole number"),
    ("rating", 2**40, "`rating` must be 0 to 2"),
    ("segment_id", 7, 1),  # a column of names that are all numbers
    ("segment_id", 7.5, "`segment_id` must be a name"),
    ("segment_id", True, "`segment_id` must be a name"),
    ("rater", math.nan, "`rater` must say who answered"),
    ("current", True, 1),
    ("current", 1.0, 1),
    ("current", 1, 1),
    ("current", 0.5, "`current` must be true or false, got 0.5"),
]


@pytest.mark.parametrize(("column", "value", "expected"), TYPED)
@pytest.mark.parametrize("name", ["lines.jsonl", "columns.parquet"])
def test_a_value_with_a_type_means_what_its_text_means(
    tmp_path: Path, name: str, column: str, value: Any, expected: Any
) -> None:
    row = {"segment_id": "a", "rating": 1, "rater": "ann"} | {column: value}
    found = read(tmp_path, name, [row], rater=None)
    if isinstance(expected, str):
        assert expected in str(found.refused[0])
    else:
        assert found.rows[0].answer.rating == expected  # type: ignore[union-attr]


HEADS = [
    "segment_id,rating,rater",
    "\ufeffsegment_id,rating,rater",
    "Segment_ID , RATING,Rater ",
    "segment id,rating,rater",
    '"segment_id","rating","rater"',
    "sep=,\nsegment_id,rating,rater",
    "\n\nsegment_id,rating,rater",
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_header_is_read_as_programs_write_it(
    tmp_path: Path, head: str, end: str, separator: str
) -> None:
    text = head.replace(",", separator) if "sep=" not in head else head
    between = "," if "sep=" in head else separator
    lines = [text.replace("\n", end), between.join(["a", "2", "ann"]), ""]
    found = read_answers(write_csv(tmp_path, end.join(lines)), 3)
    assert [row.answer for row in found.rows] == [Rating("a", 2, "ann")], found


def test_a_blank_after_each_comma_is_part_of_the_comma(tmp_path: Path) -> None:
    text = 'segment_id, rating, rater\na, 2, ann\nb, 1, "bob"\n'
    found = read_answers(write_csv(tmp_path, text), 3)
    assert [row.answer for row in found.rows] == [Rating("a", 2, "ann"), Rating("b", 1, "bob")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("segment_id,rating,rating\na,1,2\n", r"must name each column once, got \['rating'\]"),
        ("segment_id,Rating,rating \na,1,2\n", r"must name each column once"),
        ("id,rating\na,1\n", r"must have the columns segment_id .* with \('id', 'rating'\)"),
        ("segment_id,ratings\na,1\n", "with 'ratings'; call it 'rating'"),
        ("segment_id,rating,revison\na,1,1\n", "with 'revison'; call it 'revision'"),
        ("a,1\nb,2\n", "must have the columns"),
        ('segment_id,rating\n"a,1\nb,2\n', "closed quotes .* line 2 .*: unexpected end"),
        ('segment_id,rating\n"a"x,1\n', "closed quotes .* line 2"),
        (f"segment_id,rating\n{'x' * 200_000},1\n", "below 128 KiB, got the row of line 2"),
        ("segment_id,rating\na\0,1\n", "must be text in UTF-8, got a NUL in line 2"),
        (b"segment_id,rating\nZo\xeb,1\n", r"must be text in UTF-8, got .* in line 2 .*CSV UTF-8"),
        ("segment_id,rating\na,1\n".encode("utf-16-le"), "must be text in UTF-8, got a NUL"),
        (b"PK\x03\x04\x14\x00\x06\x00", "must be text in UTF-8, got a NUL"),
        (b"PAR1\x15\x04\x15\x00", "must be text in UTF-8, got a NUL"),
        (b"\x1f\x8b\x08\x00", "must be text in UTF-8"),
        ('{"segment_id": "a", "rating": 1}\n', "closed quotes"),
        ("\u00ef\u00bb\u00bfsegment_id,rating\na,1\n", "call it 'segment_id'"),
    ],
)
def test_what_is_no_table_is_refused_as_a_whole(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"(?s)`path` .*{message}"):
        read_answers(write_csv(tmp_path, content), 3)


@pytest.mark.parametrize("name", [*FORMATS, "empty.csv", "empty.jsonl"])
def test_a_file_without_an_answer_says_so(tmp_path: Path, name: str) -> None:
    if name.startswith("empty"):
        (tmp_path / name).write_text("")
        found = read_answers(tmp_path / name, 3)
    elif name.endswith("jsonl"):
        found = read(tmp_path, name, [{"segment_id": None, "rating": ""}])
    else:
        path = write_table(tmp_path, name, [GOOD])
        if name.endswith("parquet"):
            from pyarrow import parquet

            parquet.write_table(parquet.read_table(path).slice(0, 0), path)
        else:
            code = "utf-16" if name == "utf16.tsv" else "utf-8"
            path.write_bytes(path.read_bytes().decode(code).splitlines()[0].encode(code))
        found = read_answers(path, 3)
    with pytest.raises(ValueError, match="`path` must hold at least one answer that stands"):
        found.check("path")


@pytest.mark.parametrize("line", ["a,1", "a", "a,1,ann,more", '"a,1,ann"'])
def test_a_row_with_another_number_of_cells_is_refused_alone(tmp_path: Path, line: str) -> None:
    path = write_csv(tmp_path, f"segment_id,rating,rater\n{line}\nb,2,bob\nc,1,bob,,\n,,\n\n")
    found = read_answers(path, 3)
    assert [row.answer for row in found.rows] == [Rating("b", 2, "bob"), Rating("c", 1, "bob")]
    (refusal,) = found.refused
    assert str(refusal).startswith("line 2: it has ")
    assert found.uncounted == {"empty rows": 2}


@pytest.mark.parametrize(
    "line",
    ["[1, 2]", '{"segment_id"', '"a"', '{"rating": 1, "rating": 2}', "[" * 100_000, "1" * 5000],
)
def test_a_line_that_is_no_object_of_json_is_refused_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(line + "\n" + json.dumps(GOOD) + "\n\n")
    found = read_answers(path, 3)
    assert [row.answer for row in found.rows] == [Rating("b", 1, "bob")]
    assert str(found.refused[0]).startswith("line 1: it ")
    assert len(str(found.refused[0])) < 300


def test_a_line_is_named_by_where_its_row_begins(tmp_path: Path) -> None:
    path = write_csv(tmp_path, 'segment_id,rating,note\na,1,"two\nlines"\nb,9,"more\nof\nthem"\n')
    found = read_answers(path, 3)
    assert ([row.place for row in found.rows], found.refused[0].place) == (["line 2"], "line 4")
    assert found.unread == ("note",)


def test_an_index_that_pandas_wrote_is_no_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path, ",segment_id,rating,revision\n0,a,1.0,\n1,b,2.0,1.0\n")
    found = read_answers(path, 3)
    assert [row.answer for row in found.rows] == [
        Rating("a", 1, "recorded"),
        Rating("b", 2, "recorded", 1),
    ]


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path, "columns.parquet", [GOOD] * 3)
    data = path.read_bytes()
    for damaged in (b"", data[:40], data[:-20], b"segment_id,rating\na,1\n"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="`path` must be a whole Parquet file, got"):
            read_answers(path, 3)


def test_columns_of_parquet_are_not_taken_from_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "rating=2"
    folder.mkdir()
    path = write_table(folder, "columns.parquet", [{"segment_id": "a", "score": 0.5}])
    assert [row.answer for row in read_answers(path, 3).rows] == [Score("a", 0.5, "recorded")]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("folder.csv", "none.csv"):
        with pytest.raises(FileNotFoundError, match="`path` must be a file with answers, got"):
            read_answers(tmp_path / name, 3)
    for name in ("r.txt", "r.csv.gz", "r.xlsx", "r"):
        (tmp_path / name).write_text("segment_id,rating\na,1\n")
        with pytest.raises(ValueError, match=r"`path` must end in \.csv, \.tsv, \.jsonl, \.parq"):
            read_answers(tmp_path / name, 3)
    (tmp_path / "R.CSV").write_text("segment_id,rating\na,1\n")
    assert len(read_answers(tmp_path / "R.CSV", 3).rows) == 1


def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    path = write_csv(tmp_path, "segment_id,rating\na,1\n")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"`path` must be a file that can be read, got .*denied"):
        read_answers(path, 3)


def rate(rating: int, revision: int = 0, rater: str = "ann", **more: Any) -> dict[str, Any]:
    row = {"segment_id": "a", "rating": rating, "rater": rater, "revision": revision}
    return row | more


def test_the_highest_revision_stands_wherever_it_is_in_the_file(tmp_path: Path) -> None:
    score = {"segment_id": "a", "score": 0.5, "rater": "ann"}
    rows = [rate(0, 0), rate(2, 2), rate(1, 1), score, rate(1, rater="bob")]
    found = read_jsonl(tmp_path, *rows, *rows)
    assert [row.answer for row in found.rows] == [
        Rating("a", 2, "ann", 2),
        Score("a", 0.5, "ann"),  # a score is not another rating
        Rating("a", 1, "bob"),
    ]
    assert found.uncounted == {"replaced later": 4, "said twice": 3}


def test_an_answer_that_was_taken_back_does_not_stand(tmp_path: Path) -> None:
    undo = rate(-1, 1, kind="undo")
    found = read_jsonl(tmp_path, rate(2, 0), undo, rate(1, rater="bob"))
    assert [row.answer for row in found.rows] == [Rating("a", 1, "bob")]
    assert found.uncounted == {"replaced later": 1, "taken back": 1}


def test_answers_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    pair = {"better_id": "a", "worse_id": "b"}
    found = read_jsonl(tmp_path, rate(2), rate(1), rate(1, rater="bob"), pair, pair)
    assert [row.answer for row in found.rows] == [
        Rating("a", 1, "bob"),
        Comparison("a", "b", "recorded"),
    ]
    assert [refusal.place for refusal in found.refused] == ["line 1", "line 2"]
    assert "got 0 for Rating" in found.refused[0].reason
    assert "another in line 2" in found.refused[0].reason


def test_an_answer_beside_an_unreadable_one_of_its_rater_is_unsure(tmp_path: Path) -> None:
    found = read_jsonl(tmp_path, rate(2), rate(9, 1), rate(1, rater="bob"))
    assert [row.answer for row in found.rows] == [Rating("a", 1, "bob")]
    assert "got line 2 of the same rater" in str(found.refused[0])


def test_a_row_of_another_run_makes_no_other_unsure(tmp_path: Path) -> None:
    rows = [rate(4, num_classes=5), rate(2, num_classes=3), rate(1, 1, run_id="r2")]
    found = read_jsonl(tmp_path, *rows, same={"run_id": "r1"})
    assert [row.answer for row in found.rows] == [Rating("a", 2, "ann")]
    assert ["must be that of the others" in str(refusal) for refusal in found.refused] == [True] * 2


def test_rows_are_of_one_run_unless_said_otherwise(tmp_path: Path) -> None:
    rows = [rate(2, run_id="r1"), rate(1, rater="bob", run_id="r2"), rate(1, rater="eve")]
    found = read_jsonl(tmp_path, *rows)
    assert [row.place for row in found.rows] == ["line 1", "line 3"]
    assert "`run_id` must be that of the others, 'r1', got 'r2'" in str(found.refused[0])
    assert len(read_jsonl(tmp_path, *rows, other=("run_id",)).rows) == 3
    with pytest.raises(ValueError, match="`num_classes` must be that of the others, 3, got 5"):
        read_jsonl(tmp_path, rate(2, num_classes=5), other=("run_id",)).check("path")


def test_all_that_is_refused_is_named(tmp_path: Path) -> None:
    found = read_jsonl(tmp_path, *(rate(9, rater=f"r{i}") for i in range(25)))
    with pytest.raises(
        ValueError, match=r"(?s)got 25 that are none in .*\n  line 1: .* \(and 5 more\)"
    ):
        found.check("ratings")


def test_a_dataset_is_read_as_any_other_file(tmp_path: Path) -> None:
    ratings = RatingDataset(2, 1, 3)
    steps = np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32), np.zeros(4)
    ratings.add([Segment(name, *steps, 0, Origin(0, 0, 0, 0)) for name in "abc"])
    answers = [Rating("a", 2, "ann"), Score("b", 0.5, "ann"), Comparison("a", "b", "bob")]
    ratings.update([*answers, Rating("c", 1, "ann\u200b")])
    found = answers_of(ratings, tmp_path)
    assert [row.answer for row in found.rows] == answers
    assert "`rater` must be a name" in str(found.refused[0])
    assert row_of(found.refused[0].place, "x.jsonl") == 1


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999999", "1e400"])
@pytest.mark.parametrize("column", ["rating", "revision", "shown_ms", "current", "num_classes"])
def test_a_number_beyond_all_bounds_is_refused_alone(
    tmp_path: Path, number: str, column: str
) -> None:
    path = tmp_path / "answers.jsonl"
    good = {"segment_id": "b", "rating": 1, "rater": "ann"}
    row = {**good, "segment_id": "a", column: 0}
    text = json.dumps(row).replace(f'"{column}": 0', f'"{column}": {number}')
    path.write_text(f"{text}\n{json.dumps(good)}\n")
    found = read_answers(path, 4)
    assert [row.answer.segment_id for row in found.rows] == ["b"]
    assert [refusal.place for refusal in found.refused] == ["line 1"]
    assert f"`{column}` must be" in found.refused[0].reason


@pytest.mark.parametrize("name", ["NA", "None", "nan", "#REF!", "#N/A", "Err:502"])
@pytest.mark.parametrize("written", [protected, escaped])
def test_a_name_that_an_apostrophe_vouches_for_is_taken(
    tmp_path: Path, name: str, written: Callable[[str], str]
) -> None:
    cell = written(name)
    found = read_answers(write_csv(tmp_path, f"segment_id,rating,rater\n{cell},1,{cell}\n"), 4)
    assert [row.answer for row in found.rows] == [Rating(name, 1, name)]
    found = read_answers(write_csv(tmp_path, f"segment_id,rating,rater\n{name},1,ann\n"), 4)
    assert len(found.refused) == 1  # it may be what a program left of another


@pytest.mark.parametrize("name", ["NA", "None", " ann ", "#REF!"])
def test_the_names_of_a_dataset_are_exact(tmp_path: Path, name: str) -> None:
    ratings = RatingDataset(2, 1, 3)
    steps = np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32), np.zeros(4)
    ratings.add([Segment(name, *steps, 0, Origin(0, 0, 0, 0))])
    ratings.update([Rating(name, 2, name)])
    assert [row.answer for row in answers_of(ratings, tmp_path).rows] == [Rating(name, 2, name)]


def test_a_parquet_column_that_nobody_reads_may_hold_anything(tmp_path: Path) -> None:
    pyarrow, path = pytest.importorskip("pyarrow"), tmp_path / "answers.parquet"
    from pyarrow import parquet

    at = pyarrow.array([1, None], pyarrow.timestamp("ns"))  # one that no datetime can hold
    rows = {"segment_id": ["a", None], "rating": [1, None], "at": at}
    parquet.write_table(pyarrow.table(rows), path)
    found = read_answers(path, 4)
    assert [row.answer.segment_id for row in found.rows] == ["a"]
    assert [left.place for left in found.left] == ["row 2"]
    assert not found.refused
