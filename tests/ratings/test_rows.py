"""The one reader of files of rows: which rows count, and what their cells mean."""

import json
from pathlib import Path
from typing import Any

import pytest

from gym_rated.ratings import Rating, Score
from gym_rated.ratings.rows import read_answer_rows


def read(path: Path, rows: list[dict[str, Any]], **options: Any) -> list[Any]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [row.answer for row in read_answer_rows(path, 3, **options)]


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        ("True,False,rate", True),
        ("TRUE,FALSE,rate", True),  # as a spreadsheet writes it
        ("1,0,rate", True),
        (",,", True),
        ("False,False,rate", False),
        ("FALSE,FALSE,rate", False),
        ("0,0,rate", False),
        ("True,True,rate", False),
        ("true,TRUE,rate", False),
        ("True,False,undo", False),
        ("True,False,skip", True),
    ],
)
def test_rows_that_a_log_marks_do_not_count(tmp_path: Path, cells: str, counts: bool) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"segment_id,rating,rater,current,repeat,kind\na,2,ann,{cells}\n")
    found = [row.answer for row in read_answer_rows(path, 3)]
    assert found == ([Rating("a", 2, "ann")] if counts else [])


def test_a_mark_that_is_no_claim_is_refused(tmp_path: Path) -> None:
    row = {"segment_id": "a", "rating": 2, "current": "perhaps"}
    with pytest.raises(ValueError, match=r"line 1 of .*: `current` must be true or false, got"):
        read(tmp_path / "r.jsonl", [row])


def test_the_highest_revision_stands_wherever_it_is_in_the_file(tmp_path: Path) -> None:
    def row(rating: int, revision: int, rater: str = "ann") -> dict[str, Any]:
        return {"segment_id": "a", "rating": rating, "rater": rater, "revision": revision}

    rows = [row(0, 0), row(2, 2), row(1, 1), row(0, 0, "bob"), row(1, 0, "bob")]
    rows += [{"segment_id": "a", "score": 0.5, "rater": "ann"}]
    assert read(tmp_path / "r.jsonl", rows) == [
        Rating("a", 2, "ann", 2),
        Rating("a", 1, "bob"),  # of equal revisions the last
        Score("a", 0.5, "ann"),  # a score is not another rating
    ]


def test_whole_numbers_that_a_table_made_floats_are_whole(tmp_path: Path) -> None:
    row = {"segment_id": "a", "rating": 2.0, "revision": 1.0, "shown_ms": 900.0}
    (tmp_path / "r.jsonl").write_text(json.dumps(row))
    (found,) = read_answer_rows(tmp_path / "r.jsonl", 3)
    assert (found.answer, found.shown_ms) == (Rating("a", 2, "recorded", 1), 900)
    with pytest.raises(ValueError, match=r"`rating` must be an int, got 1\.5"):
        read(tmp_path / "r.jsonl", [row | {"rating": 1.5}])


def test_rows_of_another_number_of_classes_are_refused(tmp_path: Path) -> None:
    row = {"segment_id": "a", "rating": 2, "num_classes": 5}
    with pytest.raises(ValueError, match="`num_classes` must be that of the rows, 5, got 3"):
        read(tmp_path / "r.jsonl", [row])


def test_cells_without_a_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("segment_id,rating\na,1,2\n")
    with pytest.raises(ValueError, match=r"in line 2 of .*: it has more cells than .*\['2'\]"):
        read_answer_rows(tmp_path / "r.csv", 3)


def test_errors_name_the_argument_that_the_file_was_given_as(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`ratings` must hold an answer .*: 'rater'; .*rater"):
        read(
            tmp_path / "r.jsonl", [{"segment_id": "a", "rating": 1}], rater=None, argument="ratings"
        )
