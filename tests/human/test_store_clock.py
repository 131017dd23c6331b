"""The clock of a server is set back or forward while people rate."""

from dataclasses import replace

import pytest
from stores import RUN, answers, deed, fill, make_clip, make_job

from gym_rated.human.app.state import _pace
from gym_rated.human.store import Conflict, leases

HOUR = 3600.0
JUMPS = [-24 * 365 * HOUR, -24 * HOUR, -HOUR, -300.0, HOUR, 24 * 365 * HOUR]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clip_that_is_held_is_soon_free_again_whatever_the_clock_does(store, clock, jump):
    (query_id,) = fill(store, 1)
    assert store.next_query("ann").id == query_id
    clock.now += jump
    assert store.next_query("bob").id == query_id
    with pytest.raises(Conflict, match="another rater has taken this clip meanwhile"):
        store.record(deed(query_id, "ann"))
    store.record(deed(query_id, "bob", rating=2))
    assert answers(store) == {("0-0-0", "bob"): 2}


@pytest.mark.parametrize("jump", JUMPS)
def test_who_holds_a_clip_may_answer_after_the_clock_was_set(store, clock, jump):
    (query_id,) = fill(store, 1)
    store.next_query("ann")
    clock.now += jump
    store.record(deed(query_id, "ann", rating=3))
    store.record(deed(query_id, "ann", "undo"))
    clock.now -= jump
    store.record(deed(query_id, "ann", rating=1))
    assert answers(store) == {("0-0-0", "ann"): 1}


@pytest.mark.parametrize("jump", [-20.0, -1.0, 1.0, 20.0])
def test_a_small_correction_of_the_clock_ends_no_lease(store, clock, jump):
    (query_id,) = fill(store, 1)
    store.next_query("ann")
    clock.now += jump
    assert store.next_query("bob") is None
    clock.now += 90 - jump
    assert store.next_query("bob").id == query_id


@pytest.mark.parametrize("jump", JUMPS)
def test_a_job_whose_worker_died_is_taken_after_the_clock_was_set(store, clock, jump):
    fill(store, 0)
    store.add_jobs(RUN.id, [make_job(0)])
    store.take_job("dead", lease_s=10)
    clock.now += jump
    taken = store.take_job("alive", lease_s=10)
    assert store.finish_job(taken, make_clip(0)) == 1


def test_a_lease_is_never_longer_than_one_that_can_be_told_from_a_wrong_clock(store):
    fill(store, 1)
    for lease_s in (leases.LONGEST_S + 1, -1.0, float("nan")):
        for take in (store.next_query, store.take_job):
            with pytest.raises(ValueError, match=r"`lease_s` must lie in \[0, 120\], got"):
                take("ann", lease_s=lease_s)


@pytest.mark.parametrize("jump", JUMPS)
def test_the_log_and_not_the_clock_says_what_came_last(store, clock, jump):
    queries = fill(store, 3)
    for query_id in queries:
        store.next_query("ann")
        store.record(deed(query_id, "ann", rating=1))
        clock.now += 30 + jump
    last = clock.now - 30 - jump
    progress = store.progress(RUN.id)
    assert (progress.last_at, progress.raters[0].last_at) == (last, last)
    rows, _ = store.answers_since(RUN.id, None)
    assert [row.segment_id for row in rows] == ["0-0-0", "0-0-1", "0-0-2"]
    assert [row.query_id for row in store.history("ann", RUN.id)] == queries[::-1]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_database_is_known_by_its_first_run_whatever_the_clock_says_later(store, clock, jump):
    fill(store, 0)
    identity = store.identity()
    clock.now += jump
    fill(store, 0, replace(RUN, id="r2"))
    clock.now += jump
    fill(store, 0, replace(RUN, id="r3"))
    assert store.identity() == identity
    assert [run.id for run in store.runs()] == ["r1", "r2", "r3"]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_pace_counts_from_when_the_clock_was_set(jump):
    assert _pace([0, 30, 60]) == 2.0
    assert _pace([0, 10, 20, 100 + jump, 130 + jump, 160 + jump]) == 2.0
    assert _pace([0, 30, 60, 60 + jump]) is None
