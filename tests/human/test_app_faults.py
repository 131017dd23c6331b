"""A database in trouble: what is refused can be sent again, what was acknowledged is there."""

import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pages import open_page, rating
from stores import fill

from gym_rated.human.store import Conflict, Store, StoreError, engine

KINDS = [kind for kind in StoreError.__subclasses__() if kind is not Conflict]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_trouble_of_the_database_is_an_answer_after_which_a_page_tries_again(
    sqlite_url, monkeypatch, kind
):
    with Store(sqlite_url) as store:
        fill(store, 2)
        page = open_page(store)
        assert page.get("/api/next").status_code == 200

        def fail(*_, **__):
            raise kind("`db` /secret/place is in trouble")

        with monkeypatch.context() as patch:
            for name in ("record", "next_query", "runs", "remake", "clip"):
                patch.setattr(store, name, fail)
            answers = [
                page.tell(rating(1)),
                page.tell({"query_id": 1}, "/api/unplayable"),
                page.get("/api/next"),
                page.get("/api/state"),
                page.get(f"/clip/{'0' * 64}"),
            ]
        for answer in answers:
            assert answer.status_code in (503, 507)  # which the page keeps and sends again
            assert answer.json()["detail"]
            assert "/secret/place" not in answer.text
        assert page.tell(rating(1)).status_code == 200
        assert page.tell(rating(1)).json()["repeated"]
        assert len(store.events("r1")) == 1


@contextmanager
def moved(store):
    file = store.place.file
    file.rename(file.with_name("away.db"))
    yield
    file.with_name("away.db").rename(file)


@contextmanager
def replaced(store):
    file = store.place.file
    shutil.copy(file, file.with_name("copy.db"))
    file.rename(file.with_name("away.db"))
    file.with_name("copy.db").rename(file)
    yield
    file.with_name("away.db").rename(file)


@contextmanager
def locked(store):
    with closing(sqlite3.connect(store.place.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def on_each_connection(store, pragma, back):
    with store._db._engine.connect() as connection:
        connection.exec_driver_sql(pragma)
    yield
    with store._db._engine.connect() as connection:
        connection.exec_driver_sql(back)


def full(store):
    return on_each_connection(store, "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 999999")


def read_only(store):
    return on_each_connection(store, "PRAGMA query_only = ON", "PRAGMA query_only = OFF")


@contextmanager
def without_a_table(store):
    with closing(sqlite3.connect(store.place.file)) as other:
        other.execute("ALTER TABLE event RENAME TO lost")
        other.commit()
        yield
        other.execute("ALTER TABLE lost RENAME TO event")
        other.commit()


TROUBLES = [moved, replaced, locked, full, read_only, without_a_table]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_rating_is_refused_while_it_cannot_be_kept_and_taken_once_it_can(
    sqlite_url, monkeypatch, trouble
):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.1)
    with Store(sqlite_url) as store:
        fill(store, 60)
        page = open_page(store)
        for k in range(60):  # all are given to this page
            page.get("/api/next", params={"exclude": ",".join(map(str, range(1, k + 1)))})
        for k in range(1, 4):
            assert tell(page, k).status_code == 200
        with trouble(store):
            for k in range(4, 61):  # a full file may have room for a few
                refusal = tell(page, k)
                if refusal.status_code != 200:
                    break
            assert refusal.status_code in (503, 507)
            assert "sqlite" not in refusal.text.lower()
            assert tell(page, k).status_code == refusal.status_code
        answer = tell(page, k)
        assert (answer.status_code, answer.json()["repeated"]) == (200, False)
    with Store(sqlite_url) as store:
        assert len(store.events("r1")) == k
    with closing(sqlite3.connect(Path(sqlite_url))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def tell(page, query_id):
    return page.tell(rating(query_id, 3, f"client-{query_id:04}"))
