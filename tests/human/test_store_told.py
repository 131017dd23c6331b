"""An episode whose true reward was shown is closed: to everybody, for good, on either database."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from stores import RUN, answers, deed, make_clip, make_job

from gym_rated.human.store import Conflict, Event, Store
from gym_rated.human.store.records import EPISODE

OLD = Path(__file__).parents[1] / "fixtures" / "remarks.db"  # of version 2
SEEN, OTHER = "a" * 64, "b" * 64
SHOWN = "its true reward was shown: what was rated before stands"


def cut(number: int, episode: str):
    return replace(make_job(number), recipe={EPISODE: episode}, clip=make_clip(number))


def rate(store, number: int, episode: str, rating: int = 0, rater="ann", client_id=None) -> int:
    query = store.ask(RUN.id, cut(number, episode), rater)
    return store.record(deed(query, rater, rating=rating, client_id=client_id)).query_id


@pytest.fixture
def rated(store):
    store.open_run(RUN)
    rate(store, 0, SEEN, 2, client_id="first-one")
    return store


def test_a_told_episode_takes_no_answer_no_correction_and_no_undo(rated):
    rated.tell(RUN.id, SEEN, "ann")
    with pytest.raises(Conflict, match=SHOWN):
        rate(rated, 0, SEEN, 3)
    with pytest.raises(Conflict, match=SHOWN):
        rate(rated, 1, SEEN)
    with pytest.raises(Conflict, match=SHOWN):
        rated.record(deed(None, "ann", "undo"))
    assert answers(rated) == {("0-0-0", "ann"): 2}
    assert [segment for segment, _ in rated.blobs(RUN.id)] == ["0-0-0"]


def test_another_name_does_not_open_it(rated):
    rated.tell(RUN.id, SEEN, "ann")
    for number in (0, 1):
        with pytest.raises(Conflict, match=SHOWN):
            rate(rated, number, SEEN, rater="bob")


def test_what_is_open_in_it_is_shown_to_nobody_any_more(rated):
    rated.record(deed(None, "ann", "undo"))
    rated.ask(RUN.id, cut(1, SEEN), "ann")  # and the answer did not come
    open_still = rated.ask(RUN.id, cut(2, OTHER), "ann", lease_s=1)
    rated.tell(RUN.id, SEEN, "ann")
    assert rated.next_query("ann").id == open_still
    rated._db._clock.now += 200
    assert rated.next_query("bob").id == open_still
    assert rated.next_query("bob", exclude=[open_still]) is None


def test_other_episodes_and_other_runs_are_as_open_as_before(rated):
    rated.tell(RUN.id, SEEN, "ann")
    rate(rated, 5, OTHER, 1)
    other = replace(RUN, id="r2")
    rated.open_run(other)
    assert (rated.is_told(RUN.id, SEEN), rated.is_told("r2", SEEN)) == (True, False)
    query = rated.ask("r2", cut(0, SEEN), "ann")
    rated.record(deed(query, "ann", rating=3))
    assert answers(rated, "r2") == {("0-0-0", "ann"): 3}


def test_an_answer_of_before_that_is_sent_again_was_kept(rated):
    rated.tell(RUN.id, SEEN, "ann")
    rated.tell(RUN.id, SEEN, "bob")  # twice is once
    query = rated.ask(RUN.id, cut(0, SEEN), "ann")
    assert rated.record(Event("first-one", query, "ann", "rate", 2)).repeated


def test_it_is_told_for_good(store_url):
    with Store(store_url) as store:
        store.open_run(RUN)
        store.tell(RUN.id, SEEN, "ann")
    with Store(store_url) as store:
        assert store.is_told(RUN.id, SEEN)
        with pytest.raises(Conflict, match=SHOWN):
            rate(store, 0, SEEN)


@pytest.mark.parametrize("wrong", ["", "a" * 63, "A" * 64, "%" * 64])
def test_what_is_no_digest_is_refused(store, wrong):
    store.open_run(RUN)
    with pytest.raises(ValueError, match="`episode` must be a SHA-256, 64 digits"):
        store.tell(RUN.id, wrong, "ann")


def test_a_run_that_is_not_there_is_refused(store):
    with pytest.raises(ValueError, match="`run_id` must be a run of the store, got 'nothing'"):
        store.tell("nothing", SEEN, "ann")


def test_a_file_of_before_keeps_its_rows_and_closes_episodes(tmp_path):
    file = tmp_path / "ratings.db"
    shutil.copy(OLD, file)
    with Store(file) as store:
        before = len(store.remarks("fixture")), len(store.events("fixture"))
        store.tell("fixture", SEEN, "ann")
        assert store.is_told("fixture", SEEN)
        assert (len(store.remarks("fixture")), len(store.events("fixture"))) == before
        assert min(before) > 0


def test_tables_of_before_are_brought_up_to_date_on_either_database(store_url):
    with Store(store_url) as store:
        store.open_run(RUN)
        rate(store, 0, SEEN, 2)
        with store._db.write() as connection:
            connection.execute(text("DROP TABLE told"))
            of_file = "PRAGMA user_version = 2" if store._db.is_sqlite else None
            connection.execute(text(of_file or "UPDATE gym_rated_schema SET version = 2"))
    with Store(store_url) as store:
        with store._db.read() as connection:
            assert inspect(connection).has_table("told")
        store.tell(RUN.id, SEEN, "ann")
        assert answers(store) == {("0-0-0", "ann"): 2}
    Store(store_url).close()  # once is enough
