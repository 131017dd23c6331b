"""The log of what raters did: sent twice, taken back, corrected, too late, and read by others."""

from dataclasses import replace

import pytest
from sqlalchemy import insert
from stores import RUN, answers, deed, fill

from gym_rated.human.store import SKIPPED, Conflict, Event, tables


def ask(store, rater="ann"):
    return store.next_query(rater).id


def test_an_event_sent_twice_counts_once(store):
    first, _ = fill(store, 2)
    event = deed(ask(store), "ann", rating=3)
    before, again = store.record(event), store.record(event)
    assert (before.repeated, again.repeated) == (False, True)
    assert (before.seq, before.query_id, before.revision) == (again.seq, first, again.revision)
    assert len(store.events("r1")) == 1


def test_an_event_sent_again_after_a_correction_changes_nothing(store):
    fill(store, 1)
    query_id = ask(store)
    event = deed(query_id, "ann", rating=3)
    store.record(event)
    store.record(deed(query_id, "ann", rating=1))
    assert store.record(event).repeated
    assert answers(store) == {("0-0-0", "ann"): 1}


@pytest.mark.parametrize("change", [{"rating": 2}, {"rater": "bob"}, {"query_id": 2}])
def test_a_client_id_belongs_to_one_event(store, change):
    fill(store, 2)
    event = deed(ask(store), "ann", rating=3)
    store.record(event)
    ask(store, "bob")
    with pytest.raises(Conflict, match="sent before"):
        store.record(replace(event, **change))
    assert answers(store) == {("0-0-0", "ann"): 3}


def test_another_rating_of_the_same_clip_is_a_correction(store):
    fill(store, 1)
    query_id = ask(store)
    revisions = [store.record(deed(query_id, "ann", rating=r)).revision for r in (0, 3, 1)]
    assert revisions == [0, 1, 2]
    rows, _ = store.answers_since("r1", None)
    assert [(row.rating, row.revision) for row in rows] == [(0, 0), (3, 1), (1, 2)]
    assert store.progress("r1").class_counts == (0, 1, 0, 0)


def test_a_skip_is_an_answer_and_can_be_corrected(store):
    fill(store, 1)
    query_id = ask(store)
    store.record(deed(query_id, "ann", "skip"))
    assert answers(store) == {("0-0-0", "ann"): SKIPPED}
    assert store.next_query("ann") is None
    assert store.next_query("bob") is None
    store.record(deed(query_id, "ann", rating=2))
    assert answers(store) == {("0-0-0", "ann"): 2}


def test_undo_takes_back_one_answer_after_another(store):
    queries = fill(store, 4)
    for rating, query_id in enumerate(queries[:3]):
        assert ask(store) == query_id
        store.record(deed(query_id, "ann", rating=rating))
    undone = [store.record(deed(None, "ann", "undo")).query_id for _ in range(3)]
    assert undone == queries[2::-1]
    with pytest.raises(Conflict, match="there is no answer of yours to take back"):
        store.record(deed(None, "ann", "undo"))
    assert set(answers(store).values()) == {SKIPPED}
    assert store.pending("r1") == 4
    for query_id in queries:  # the one taken back last comes first
        assert ask(store) == query_id
        store.record(deed(query_id, "ann", rating=3))
    assert answers(store) == {(f"0-0-{i}", "ann"): 3 for i in range(4)}
    kinds = [row.kind for row in store.events("r1")]
    assert kinds == ["rate"] * 3 + ["undo"] * 3 + ["rate"] * 4


def test_the_clip_of_an_undo_comes_before_one_on_screen(store):
    first, second = fill(store, 2)
    store.record(deed(ask(store), "ann"))
    assert ask(store) == second
    store.record(deed(None, "ann", "undo"))
    assert ask(store) == first


def test_an_undo_of_a_clip_of_long_ago(store):
    queries = fill(store, 3)
    for _ in queries:
        store.record(deed(ask(store), "ann", rating=1))
    store.record(deed(queries[0], "ann", "undo"))
    assert answers(store)["0-0-0", "ann"] == SKIPPED
    with pytest.raises(Conflict, match="no answer of yours to take back at this clip"):
        store.record(deed(queries[0], "ann", "undo"))


def test_nobody_undoes_the_answer_of_another(store):
    (query_id,) = fill(store, 1)
    store.record(deed(ask(store), "ann"))
    for target in (None, query_id):
        with pytest.raises(Conflict, match="no answer of yours"):
            store.record(deed(target, "bob", "undo"))


def test_an_undone_clip_is_held_for_its_rater_and_then_free(store, clock):
    (query_id,) = fill(store, 1)
    store.record(deed(ask(store), "ann"))
    store.record(deed(None, "ann", "undo"))
    assert store.next_query("bob") is None
    clock.now += 91
    assert ask(store, "bob") == query_id
    with pytest.raises(Conflict, match="another rater has taken this clip"):
        store.record(deed(query_id, "ann", rating=2))


def test_a_late_answer_is_kept_while_nobody_else_took_the_clip(store, clock):
    (query_id,) = fill(store, 1)
    ask(store)
    clock.now += 3600
    store.record(deed(query_id, "ann", rating=2))
    assert answers(store) == {("0-0-0", "ann"): 2}


def test_a_late_answer_loses_to_the_one_who_took_the_clip(store, clock):
    (query_id,) = fill(store, 1)
    ask(store)
    clock.now += 91
    assert ask(store, "bob") == query_id
    with pytest.raises(Conflict, match="your answer was not kept"):
        store.record(deed(query_id, "ann", rating=2))
    store.record(deed(query_id, "bob", rating=0))
    clock.now += 3600
    with pytest.raises(Conflict, match="your answer was not kept"):
        store.record(deed(query_id, "ann", rating=2))
    assert answers(store) == {("0-0-0", "bob"): 0}


def test_a_late_answer_is_an_extra_one_where_overlap_allows(store, clock):
    (query_id,) = fill(store, 1, replace(RUN, overlap=2))
    ask(store)
    clock.now += 91
    ask(store, "bob")
    store.record(deed(query_id, "ann", rating=2))
    store.record(deed(query_id, "bob", rating=0))
    assert answers(store) == {("0-0-0", "ann"): 2, ("0-0-0", "bob"): 0}


def test_a_correction_needs_no_seat(store, clock):
    (query_id,) = fill(store, 1)
    store.record(deed(ask(store), "ann", rating=0))
    clock.now += 10**6
    store.record(deed(query_id, "ann", rating=3))
    assert answers(store) == {("0-0-0", "ann"): 3}


def test_a_clip_that_was_not_given_cannot_be_rated(store):
    (query_id,) = fill(store, 1)
    with pytest.raises(Conflict, match="this clip was not given to you"):
        store.record(deed(query_id, "ann"))
    with pytest.raises(Conflict, match="this clip is not known here"):
        store.record(deed(query_id + 1, "ann"))
    with pytest.raises(Conflict, match="this clip is not known here"):
        store.record(deed(2**63 - 1, "ann"))


def test_a_class_that_does_not_exist_is_refused(store):
    (query_id,) = fill(store, 1)
    ask(store)
    with pytest.raises(ValueError, match=r"`rating` must lie in \[0, 3\], got 4"):
        store.record(deed(query_id, "ann", rating=4))
    assert store.events("r1") == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kind": "delete"}, ValueError, "`kind` must be rate, skip or undo, got 'delete'"),
        ({"kind": "skip"}, ValueError, "`rating` must be a class for a rate, and None otherwise"),
        ({"rating": None}, ValueError, "`rating` must be a class for a rate, and None otherwise"),
        ({"rating": -1}, ValueError, "`rating` must be at least 0, got -1"),
        ({"rating": 1.5}, TypeError, r"`rating` must be an int, got 1\.5"),
        ({"rating": True}, TypeError, "`rating` must be an int, got True"),
        ({"rating": 2**63}, ValueError, r"`rating` must be below 2\*\*63"),
        ({"query_id": None}, ValueError, "`query_id` must name a clip to rate, got None"),
        ({"query_id": 2**63}, ValueError, r"`query_id` must be below 2\*\*63"),
        ({"shown_ms": -1}, ValueError, "`shown_ms` must be at least 0"),
        ({"client_id": "a\0"}, ValueError, "`client_id` must be text without NUL"),
        ({"client_id": ""}, ValueError, "`client_id` must be 1 to 100 printable"),
        ({"client_id": 7}, TypeError, "`client_id` must be a str, got 7"),
        ({"rater": "\ud800"}, ValueError, "`rater` must be text without surrogates"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(changes, error, message):
    event = Event("e", 1, "ann", "rate", 2)
    with pytest.raises(error, match=message):
        replace(event, **changes)


def test_a_clock_that_is_changed_loses_and_doubles_no_answer(store, clock):
    first, second = fill(store, 2)
    assert store.next_query("ann").id == first
    clock.now -= 3_600
    assert [store.next_query(name).id for name in ("ann", "bob")] == [first, second]
    store.record(deed(first, "ann", rating=3))
    rows, cursor = store.answers_since("r1", None)
    clock.now += 7_200  # bob's lease is over
    assert store.next_query("eve").id == second
    with pytest.raises(Conflict, match="another rater has taken this clip meanwhile"):
        store.record(deed(second, "bob", rating=1))
    store.record(deed(second, "eve", rating=2))
    clock.now -= 86_400
    store.record(deed(first, "ann", rating=0))
    later, _ = store.answers_since("r1", cursor)
    assert [(row.rater, row.rating) for row in rows + later] == [("ann", 3), ("eve", 2), ("ann", 0)]
    assert store.progress("r1").class_counts == (1, 0, 1, 0)


def test_a_reader_gets_each_event_once(store):
    fill(store, 3)
    query_id = ask(store)
    store.record(deed(query_id, "ann", rating=1))
    rows, cursor = store.answers_since("r1", None)
    assert [(r.segment_id, r.rater, r.rating, r.kind) for r in rows] == [
        ("0-0-0", "ann", 1, "rate")
    ]
    rows, cursor = store.answers_since("r1", cursor)
    assert rows == []
    store.record(deed(None, "ann", "undo"))
    store.record(deed(query_id, "ann", rating=2))
    rows, cursor = store.answers_since("r1", cursor)
    assert [(r.rating, r.revision, r.kind) for r in rows] == [(SKIPPED, 1, "undo"), (2, 2, "rate")]
    assert store.answers_since("r1", cursor)[0] == []


def test_a_reader_sees_its_own_run_only(store):
    for name in ("r1", "r2"):
        fill(store, 1, replace(RUN, id=name))
    for run_id in ("r1", "r2"):
        store.record(deed(store.next_query("ann", run_id=run_id), "ann", rating=3))
    assert len(store.answers_since("r1", None)[0]) == len(store.answers_since("r2", None)[0]) == 1
    assert store.answers_since("r3", None)[0] == []


@pytest.mark.parametrize("cursor", [5, "5", {}, {"seq": -1, "seen": []}, {"seq": 1, "seen": 2}])
def test_what_is_no_cursor_is_refused(store, cursor):
    with pytest.raises(ValueError, match="`cursor` must be what answers_since returned, or None"):
        store.answers_since("r1", cursor)


def test_an_event_that_shows_late_is_not_lost(postgres_url, clock):
    """PostgreSQL gives out numbers before the commit: 2 may be there before 1."""
    from gym_rated.human.store import Store

    with Store(postgres_url, clock=clock) as store:
        first, second = fill(store, 2)
        row = {"query_id": first, "rater": "slow", "kind": "rate", "rating": 1, "revision": 0}
        slow = store._db._writer.connect()
        slow.execute(insert(tables.event).values(row | {"client_id": "s", "at": clock.now}))
        store.next_query("ann", exclude=[first])
        store.record(deed(second, "ann", rating=3))
        rows, cursor = store.answers_since("r1", None)
        assert [(r.seq, r.rater) for r in rows] == [(2, "ann")]
        slow.commit()
        slow.close()
        rows, cursor = store.answers_since("r1", cursor)
        assert [(r.seq, r.rater) for r in rows] == [(1, "slow")]
        assert store.answers_since("r1", cursor)[0] == []
        clock.now += 61
        assert store.answers_since("r1", cursor) == ([], {"seq": 2, "seen": []})


def test_history_shows_what_stands_newest_first(store):
    queries = fill(store, 3)
    for rating, query_id in enumerate(queries):
        ask(store)
        store.record(deed(query_id, "ann", rating=rating))
    store.record(deed(queries[0], "ann", rating=3))
    store.record(deed(queries[1], "ann", "undo"))
    rows = store.history("ann", "r1")
    assert [(r.query_id, r.rating) for r in rows] == [(queries[0], 3), (queries[2], 2)]
    assert [r.query_id for r in store.history("ann", "r1", limit=1)] == [queries[0]]
    assert store.history("bob", "r1") == []


def test_the_log_says_all_that_an_export_needs(store, clock):
    fill(store, 2)
    ask(store)
    query_id = ask(store)
    store.record(deed(query_id, "ann", rating=0))
    store.record(deed(query_id, "ann", rating=3))
    old, new = store.events("r1")
    assert (old.current, new.current) == (False, True)
    assert (new.segment_id, new.rater, new.kind, new.rating) == ("0-0-0", "ann", "rate", 3)
    assert (new.shown_ms, new.at, new.step, new.repeat) == (900, clock.now, 0, False)
    assert new.recipe == {"episode_seed": 0}
    assert len(new.clip_sha256) == 64
