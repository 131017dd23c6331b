"""Flags and comments: written once, standing as said last, and never in the way of ratings."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from stores import RUN, answers, deed, fill

from gym_rated.human.store import Conflict, Remark, Store, StoreDamaged

OLD = Path(__file__).parents[1] / "fixtures" / "ratings.db"  # of before there were remarks


def say(store, number: int, query: int, flagged: bool = True, comment: str = "", rater="ann"):
    return store.remark(Remark(f"{rater}-remark-{number}", query, rater, flagged, comment))


def standing(store) -> list[tuple]:
    rows = store.remarks(RUN.id)
    return [(row.query_id, row.rater, row.flagged, row.comment) for row in rows]


def test_what_was_said_last_of_a_clip_stands(store):
    first, second = fill(store, 2)
    store.next_query("ann")
    store.next_query("ann", exclude=[first])
    say(store, 1, first)
    say(store, 2, second, False, "is it <b>upside</b> down?")
    say(store, 3, first, True, "black")
    assert standing(store) == [
        (second, "ann", False, "is it <b>upside</b> down?"),
        (first, "ann", True, "black"),
    ]
    say(store, 4, first, False)
    assert standing(store)[1] == (first, "ann", False, "")


def test_a_remark_leaves_the_rating_and_an_undo_leaves_the_remark(store):
    (query,) = fill(store, 1)
    store.next_query("ann")
    say(store, 1, query, True, "black")
    store.record(deed(query, "ann", rating=2))
    assert answers(store) == {("0-0-0", "ann"): 2}
    say(store, 2, query, False, "not black")
    assert answers(store) == {("0-0-0", "ann"): 2}
    store.record(deed(None, "ann", "undo"))
    again = store.next_query("ann")
    assert (again.id, again.flagged, again.comment) == (query, False, "not black")


def test_each_rater_has_remarks_of_their_own(store):
    (query,) = fill(store, 1)
    store.next_query("ann")
    say(store, 1, query, True, "black")
    store.record(deed(query, "ann", "skip"))
    store.record(deed(query, "ann", "undo"))
    with pytest.raises(Conflict, match="this clip was not given to you; reload the page"):
        say(store, 1, query, rater="bob")
    assert [row.rater for row in store.remarks(RUN.id)] == ["ann"]


def test_a_remark_that_is_sent_twice_is_written_once(store):
    (query,) = fill(store, 1)
    store.next_query("ann")
    first = say(store, 1, query, True, "black")
    again = say(store, 1, query, True, "black")
    assert (again.seq, again.repeated, first.repeated) == (first.seq, True, False)
    with pytest.raises(Conflict, match="sent before with other content"):
        say(store, 1, query, True, "white")


@pytest.mark.parametrize("comment", ["two\nlines", "a\tb", "x" * 301, "\u2028", "\0"])
def test_a_comment_is_one_short_line(comment):
    with pytest.raises(ValueError, match="`comment` must be one line of at most 300 characters"):
        Remark("c1", 1, "ann", True, comment)


def test_a_flag_is_true_or_false():
    with pytest.raises(TypeError, match="`flagged` must be true or false, got 1"):
        Remark("c1", 1, "ann", 1)  # type: ignore[arg-type]


def test_a_file_of_before_keeps_its_rows_and_takes_remarks(tmp_path):
    with closing(sqlite3.connect(OLD)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        before = connection.execute("SELECT * FROM event ORDER BY seq").fetchall()
        (query, rater), *_ = connection.execute("SELECT query_id, rater FROM event").fetchall()
    shutil.copy(OLD, tmp_path / "ratings.db")
    with Store(tmp_path / "ratings.db") as store:
        assert store.remarks("fixture") == []
        store.remark(Remark("c1", query, rater, True, "black"))
    with Store(tmp_path / "ratings.db") as store:
        assert [row.comment for row in store.remarks("fixture")] == ["black"]
    with closing(sqlite3.connect(tmp_path / "ratings.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert connection.execute("SELECT * FROM event ORDER BY seq").fetchall() == before


def test_tables_of_before_are_brought_up_to_date_on_either_database(store_url):
    with Store(store_url) as store:
        (query,) = fill(store, 1)
        store.next_query("ann")
        store.record(deed(query, "ann", rating=2))
        with store._db.write() as connection:
            connection.execute(text("DROP VIEW current_remark"))
            connection.execute(text("DROP TABLE remark"))
            connection.execute(text("DROP TABLE told"))
            of_file = "PRAGMA user_version = 1" if store._db.is_sqlite else None
            connection.execute(text(of_file or "UPDATE gym_rated_schema SET version = 1"))
    with Store(store_url) as store:
        say(store, 1, query, True, "black")
        assert standing(store) == [(query, "ann", True, "black")]
        assert answers(store) == {("0-0-0", "ann"): 2}
    Store(store_url).close()  # once is enough


def test_a_copy_has_the_remarks(sqlite_url, tmp_path):
    with Store(sqlite_url) as store:
        (query,) = fill(store, 1)
        store.next_query("ann")
        say(store, 1, query, True, "black")
        assert store.back_up(tmp_path / "copy.db")["remark"] == 1
    with Store(tmp_path / "copy.db") as store:
        assert standing(store) == [(query, "ann", True, "black")]


def test_a_comment_that_no_store_wrote_is_damage(sqlite_url):
    with Store(sqlite_url) as store:
        (query,) = fill(store, 1)
        store.next_query("ann")
        say(store, 1, query)
        with store._db.write() as connection:
            connection.execute(text("UPDATE remark SET comment = 'two\nlines'"))
        with pytest.raises(StoreDamaged, match="a row of table remark makes no sense: `comment`"):
            store.remarks(RUN.id)
