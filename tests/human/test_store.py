"""The store: runs, jobs and clips, and which clip a rater sees next."""

from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select
from stores import RUN, answers, deed, fill, make_clip, make_job

from gym_rated.human.store import SKIPPED, Conflict, Run, Store
from gym_rated.human.store.tables import lease
from gym_rated.raters import SKIPPED as RATERS_SKIPPED


def test_skipped_is_the_same_number_everywhere():
    assert SKIPPED == RATERS_SKIPPED == -1


def test_what_one_process_wrote_another_reads(store, store_url):
    fill(store, 1)
    with Store(store_url) as other:
        assert other.runs() == [RUN]
        assert other.run("r1") == RUN


def test_a_run_may_be_opened_again_with_another_overlap_and_task(store):
    store.open_run(RUN)
    again = replace(RUN, overlap=2, duplicate_rate=0.1, task="run", config={"seed": 1})
    store.open_run(again)
    assert store.runs() == [again]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_classes": 2, "class_names": ("bad", "good")},
            r"`num_classes` of run 'r1' must stay 4, got 2",
        ),
        (
            {"class_names": ("0", "1", "2", "3")},
            r"`class_names` of run 'r1' must stay \('falls', 'crawls', 'walks', 'runs'\), "
            r"got \('0', '1', '2', '3'\)",
        ),
        (
            {"instructions": "Is it fast?"},
            r"`instructions` of run 'r1' must stay 'How well does it run\?', got 'Is it fast\?'",
        ),
        ({"env_id": "Hopper-v5"}, r"`env_id` of run 'r1' must stay '', got 'Hopper-v5'"),
    ],
)
def test_another_scale_for_a_known_run_is_refused_with_both_values(store, changes, message):
    store.open_run(RUN)
    with pytest.raises(ValueError, match=message):
        store.open_run(replace(RUN, **changes))
    assert store.runs() == [RUN]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"num_classes": 1}, ValueError, "`num_classes` must be at least 2, got 1"),
        ({"num_classes": 11}, ValueError, "`num_classes` must be at most 10, got 11"),
        ({"num_classes": 2.0}, TypeError, "`num_classes` must be an int, got 2.0"),
        ({"class_names": ("a",)}, ValueError, "`class_names` must name each of the 4 classes"),
        ({"id": ""}, ValueError, "`id` must be 1 to 100 printable characters"),
        ({"instructions": "a\0b"}, ValueError, "`instructions` must be text without NUL"),
        ({"overlap": 0}, ValueError, "`overlap` must be at least 1, got 0"),
        ({"duplicate_rate": 1.0}, ValueError, r"`duplicate_rate` must lie in \[0, 1\), got 1.0"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        replace(RUN, **changes)


def test_an_unknown_run_is_named_with_the_known_ones(store):
    store.open_run(RUN)
    for ask in (store.progress, store.run, lambda run_id: store.add_jobs(run_id, [])):
        with pytest.raises(
            ValueError, match=r"`run_id` must be a run .* got 'r2'; it has \['r1'\]"
        ):
            ask("r2")


def test_a_job_becomes_a_clip_with_its_query(store):
    store.open_run(RUN)
    store.add_jobs("r1", [make_job(0, step=30)])
    assert store.next_query("ann") is None
    assert store.progress("r1").jobs_waiting == store.pending("r1") == 1
    taken = store.take_job("worker")
    assert (taken.run_id, taken.job) == ("r1", make_job(0, step=30))
    query_id = store.finish_job(taken, make_clip(0))
    progress = store.progress("r1")
    assert (progress.jobs_waiting, progress.queries_open, store.pending("r1")) == (0, 1, 1)
    query = store.next_query("ann")
    assert query.id == query_id
    assert (query.run_id, query.segment_id, query.fps, query.frames) == ("r1", "0-0-0", 20.0, 50)
    assert query.class_names == RUN.class_names
    assert (query.instructions, query.task) == (RUN.instructions, "")
    assert query.clip_sha256 == make_clip(0).sha256
    assert store.clip(query.clip_sha256) == make_clip(0)


def test_a_clip_nobody_made_is_none(store):
    assert store.clip("0" * 64) is None
    assert store.clip("../../etc/passwd") is None
    assert store.clip("\ud800" * 64) is None


def test_segments_are_added_once(store):
    fill(store, 2)
    store.add_jobs("r1", [make_job(0), make_job(1), make_job(2)])
    assert store.progress("r1").jobs_waiting == 1
    assert [segment_id for segment_id, _ in store.blobs("r1")] == ["0-0-0", "0-0-1", "0-0-2"]


def test_blobs_come_in_the_order_of_adding_without_those_dropped(store):
    store.open_run(RUN)
    numbers = [*range(150, 0, -1)]
    store.add_jobs("r1", [make_job(i) for i in numbers])
    store.drop_job(store.take_job("worker"), "the replay differs")
    assert list(store.blobs("r1")) == [(f"0-0-{i}", f"blob {i}".encode()) for i in numbers[1:]]


def test_a_dropped_job_is_counted_with_its_reason(store):
    store.open_run(RUN)
    store.add_jobs("r1", [make_job(i) for i in range(3)])
    for reason in ("the replay differs", "no OpenGL", "the replay differs"):
        store.drop_job(store.take_job("worker"), reason)
    progress = store.progress("r1")
    assert (progress.jobs_waiting, progress.jobs_dropped) == (0, 3)
    assert progress.drop_reasons == {"the replay differs": 2, "no OpenGL": 1}
    store.add_jobs("r1", [make_job(0)])
    assert store.take_job("worker") is None


def test_two_workers_get_different_jobs(store):
    store.open_run(RUN)
    store.add_jobs("r1", [make_job(0), make_job(1)])
    assert [store.take_job(name).job.segment_id for name in ("a", "b")] == ["0-0-0", "0-0-1"]
    assert store.take_job("c") is None


def test_a_late_worker_cannot_finish_the_job_of_another(store, clock):
    store.open_run(RUN)
    store.add_jobs("r1", [make_job(0)])
    slow = store.take_job("slow", lease_s=60)
    clock.now += 61
    quick = store.take_job("quick", lease_s=60)
    assert (slow.attempt, quick.attempt) == (1, 2)
    with pytest.raises(Conflict, match="no longer leased to this worker"):
        store.finish_job(slow, make_clip(0))
    store.drop_job(slow, "too late to drop it")
    query_id = store.finish_job(quick, make_clip(0))
    assert store.finish_job(quick, make_clip(0)) == query_id
    assert store.finish_job(slow, make_clip(0)) == query_id
    assert store.progress("r1").queries_open == 1
    assert store.progress("r1").jobs_dropped == 0


def test_a_renewed_job_stays_with_its_worker(store, clock):
    store.open_run(RUN)
    store.add_jobs("r1", [make_job(0)])
    slow = store.take_job("slow", lease_s=10)
    for _ in range(5):
        clock.now += 8
        assert store.renew_job(slow, lease_s=10)
        assert store.take_job("quick") is None
    clock.now += 11
    quick = store.take_job("quick", lease_s=10)
    assert not store.renew_job(slow, lease_s=100)
    clock.now += 11
    assert store.renew_job(quick, lease_s=10)  # late, but nobody took it
    query_id = store.finish_job(quick, make_clip(0))
    assert not store.renew_job(quick, lease_s=10)
    assert store.finish_job(slow, make_clip(0)) == query_id


def test_a_job_on_which_three_workers_died_is_dropped(store, clock):
    store.open_run(RUN)
    store.add_jobs("r1", [make_job(0), make_job(1)])
    for _ in range(3):
        assert store.take_job("worker", lease_s=60).job.segment_id == "0-0-0"
        clock.now += 61
    assert store.take_job("worker").job.segment_id == "0-0-1"
    reasons = store.progress("r1").drop_reasons
    assert reasons == {"the render worker ended 3 times without a clip": 1}


def test_another_clip_can_be_asked_for(store):
    (query_id,) = fill(store, 1)
    assert store.remake(query_id, "webp") is True
    assert store.remake(query_id, "webp") is False
    assert store.pending("r1") == 1
    taken = store.take_job("worker")
    assert taken.codec == "webp"
    assert store.next_query("bob").clip_sha256 == make_clip(0).sha256
    assert store.finish_job(taken, make_clip(0, "webp")) == query_id
    assert store.next_query("bob").clip_sha256 == make_clip(0, "webp").sha256
    with pytest.raises(Conflict, match="not known here"):
        store.remake(10**6)


def test_a_second_clip_that_fails_leaves_the_first(store):
    (query_id,) = fill(store, 1)
    store.remake(query_id)
    store.drop_job(store.take_job("worker"), "no codec")
    assert store.next_query("bob").clip_sha256 == make_clip(0).sha256
    assert store.progress("r1").jobs_dropped == 0


def test_a_rater_keeps_the_clip_until_it_is_answered(store):
    first, second, third = fill(store, 3)
    assert [store.next_query("ann").id for _ in range(3)] == [first] * 3
    assert store.next_query("ann", exclude=[first]).id == second
    assert store.next_query("ann", exclude=[first, second]).id == third
    assert store.next_query("ann", exclude=[first, second, third]) is None
    store.record(deed(first, "ann"))
    assert store.next_query("ann").id == second


def test_two_raters_see_different_clips(store):
    first, second = fill(store, 2)
    assert store.next_query("ann").id == first
    assert store.next_query("bob").id == second
    assert store.next_query("eve") is None


def test_with_an_overlap_of_two_each_clip_goes_to_two_raters(store):
    first, second = fill(store, 2, replace(RUN, overlap=2))
    assert [store.next_query(name).id for name in ("ann", "bob", "eve")] == [first, first, second]
    for name in ("ann", "bob"):
        store.record(deed(first, name))
        assert store.next_query(name, exclude=[second]) is None
    assert store.progress("r1").queries_open == 1


def test_an_expired_lease_frees_the_clip(store, clock):
    (query_id,) = fill(store, 1)
    assert store.next_query("ann", lease_s=90).id == query_id
    clock.now += 89
    assert store.next_query("bob") is None
    clock.now += 2
    assert store.next_query("bob").id == query_id


def test_asking_for_more_renews_what_the_page_holds(store, clock):
    (query_id,) = fill(store, 1)
    store.next_query("ann", lease_s=90)
    for _ in range(5):
        clock.now += 60
        assert store.next_query("ann", exclude=[query_id], lease_s=90) is None
        assert store.next_query("bob") is None


def test_an_expired_lease_is_not_renewed_behind_the_back_of_another(store, clock):
    (query_id,) = fill(store, 1)
    store.next_query("ann", lease_s=90)
    clock.now += 91
    assert store.next_query("bob").id == query_id
    store.next_query("ann", exclude=[query_id])
    with pytest.raises(Conflict, match="another rater has taken this clip meanwhile"):
        store.record(deed(query_id, "ann"))
    store.record(deed(query_id, "bob", rating=2))
    assert answers(store) == {("0-0-0", "bob"): 2}


def test_only_clips_of_the_run_asked_for(store):
    fill(store, 1)
    other = replace(RUN, id="r2")
    (query_id,) = fill(store, 1, other)
    assert store.next_query("ann", run_id="r2").id == query_id
    assert store.next_query("ann", run_id="r3") is None


def test_a_rater_of_two_runs_changes_after_ten_clips(store):
    for name in ("r1", "r2"):
        fill(store, 12, replace(RUN, id=name))
    runs = []
    for _ in range(24):
        query = store.next_query("ann")
        runs.append(query.run_id)
        store.record(deed(query, "ann"))
    assert runs == ["r1"] * 10 + ["r2"] * 10 + ["r1"] * 2 + ["r2"] * 2
    assert store.next_query("ann") is None


def test_clips_of_old_policies_can_be_left_out(store):
    first, second, third = fill(store, 3)  # of steps 0, 10 and 20
    store.next_query("ann")
    assert store.expire("r1", before_step=20) == 2
    assert store.next_query("bob").id == third
    assert store.pending("r1") == 1
    store.record(deed(first, "ann", rating=3))  # she had it already: kept
    assert answers(store) == {("0-0-0", "ann"): 3}
    assert second not in (q.id for q in [store.next_query("ann")] if q)


def test_segments_that_wait_to_be_drawn_can_be_left_out_as_well(store):
    fill(store, 1)
    store.record(deed(store.next_query("ann").id, "ann", rating=2))
    store.add_jobs("r1", [make_job(k, step=k) for k in (100, 101, 102)])
    assert store.expire("r1", before_step=102) == 2
    assert (store.pending("r1"), store.progress("r1").jobs_dropped) == (1, 2)
    assert store.expire("r1") == 1
    assert store.take_job("w") is None
    assert answers(store) == {("0-0-0", "ann"): 2}


def test_progress_counts_what_stands(store, clock):
    queries = fill(store, 5)
    for query_id, rating in zip(queries[:3], (3, 0, 3), strict=True):
        assert store.next_query("ann").id == query_id
        store.record(deed(query_id, "ann", rating=rating))
        clock.now += 30
    store.next_query("bob")
    store.record(deed(queries[3], "bob", "skip"))
    progress = store.progress("r1")
    assert (progress.rated, progress.skipped, progress.class_counts) == (3, 1, (1, 0, 0, 2))
    assert (progress.queries_open, progress.unanswered) == (1, 1)
    assert [(r.rater, r.rated, r.skipped) for r in progress.raters] == [
        ("ann", 3, 0),
        ("bob", 0, 1),
    ]
    assert progress.last_at == clock.now
    assert progress.ratings_per_minute == 2.0  # two after the first, in 60 s
    clock.now += 3600
    assert store.progress("r1").ratings_per_minute == 0.0


def test_signs_of_life(store, clock):
    store.open_run(RUN)
    assert store.progress("r1").trainer is None
    store.seen_trainer("r1", 100)
    clock.now += 5
    store.seen_trainer("r1", 2048, learned_return=-1.5)
    store.seen_worker("w1")
    store.seen_worker("w1", problem="no offscreen OpenGL")
    progress = store.progress("r1")
    assert (progress.trainer.step, progress.trainer.learned_return) == (2048, -1.5)
    assert progress.trainer.at == clock.now
    assert [(w.name, w.problem) for w in progress.workers] == [("w1", "no offscreen OpenGL")]
    store.seen_trainer("r1", 4096, learned_return=float("nan"))
    assert store.progress("r1").trainer.learned_return is None


def rate_all(store, rater, rule=lambda query: 0):
    shown = []
    while query := store.next_query(rater):
        shown.append(query)
        store.record(deed(query, rater, rating=rule(query)))
    return shown


def test_some_clips_come_back_unmarked_after_ten_others(store):
    fill(store, 40, replace(RUN, duplicate_rate=0.3))
    shown = rate_all(store, "ann", rule=lambda query: int(query.segment_id[4:]) % 4)
    positions = {}
    for i, query in enumerate(shown):
        positions.setdefault(query.segment_id, []).append(i)
    again = {s: p for s, p in positions.items() if len(p) > 1}
    assert 5 <= len(again) <= 21  # 0.3 of some 43 showings after the tenth, give or take
    for first, second in again.values():
        assert second - first > 10
        assert vars(shown[first]) == vars(shown[second]) | {"id": shown[first].id}
    assert len(positions) == 40
    rows, _ = store.answers_since("r1", None)
    assert Counter(row.segment_id for row in rows) == dict.fromkeys(positions, 1)
    assert store.progress("r1").rated == 40
    judged = store.agreement_rows("r1")
    assert Counter(row.segment_id for row in judged if row.repeat) == dict.fromkeys(again, 1)
    assert all(row.rating == int(row.segment_id[4:]) % 4 for row in judged)


@pytest.mark.parametrize("taken_back", [False, True])
def test_ten_others_count_from_the_time_a_clip_was_rated(store, taken_back):
    """Not from the time at which it was first on screen, nor from an answer that was withdrawn."""
    first, *_ = fill(store, 30, replace(RUN, duplicate_rate=0.99))
    assert store.next_query("ann").id == first
    if taken_back:
        store.record(deed(first, "ann"))
    for _ in range(10):
        store.record(deed(store.next_query("ann", exclude=[first]), "ann"))
    if taken_back:
        store.record(deed(first, "ann", "undo"))
    assert store.next_query("ann").id == first
    store.record(deed(first, "ann"))
    later = [query.segment_id for query in rate_all(store, "ann")]
    assert 10 <= later.index("0-0-0") < len(later)


def test_a_clip_given_again_after_a_pause_is_the_last_in_order(store, clock):
    first, second, third = fill(store, 3)
    assert store.next_query("ann").id == first
    clock.now += 91
    assert store.next_query("ann", exclude=[first]).id == second
    assert store.next_query("ann", exclude=[second]).id == first
    assert store.next_query("ann", exclude=[first, second]).id == third
    with store._db.read() as connection:
        issues = connection.execute(select(lease.c.query_id, lease.c.issue)).all()
    assert dict(map(tuple, issues)) == {second: 1, first: 2, third: 3}
    assert store.next_query("ann").id == second


def test_a_quality_check_is_nobody_elses(store):
    fill(store, 20, replace(RUN, duplicate_rate=0.5, overlap=2))
    own = {name: [q.id for q in rate_all(store, name)] for name in ("ann", "bob")}
    shared = set(own["ann"]) & set(own["bob"])
    assert len(shared) == 20
    (check,) = list(set(own["ann"]) - shared)[:1]
    with pytest.raises(Conflict, match="not given to you"):
        store.record(deed(check, "bob"))


def test_a_reload_does_not_roll_the_dice_again(store):
    fill(store, 16, replace(RUN, duplicate_rate=0.5))
    for _ in range(16):
        query = store.next_query("ann")
        assert {store.next_query("ann").id for _ in range(3)} == {query.id}
        store.record(deed(query, "ann"))


def test_without_new_clips_none_comes_back(store):
    fill(store, 14, replace(RUN, duplicate_rate=0.9))
    rate_all(store, "ann")
    assert all(store.next_query("ann") is None for _ in range(5))


@pytest.mark.parametrize("rater", ["", "a\0b", "a\ud800", "x" * 101, "tab\tbed"])
def test_a_name_that_no_database_keeps_is_refused(store, rater):
    fill(store, 1)
    with pytest.raises(ValueError, match="`rater` must be"):
        store.next_query(rater)
    with pytest.raises(ValueError, match="`exclude` must name at most 100"):
        store.next_query("ann", exclude=range(101))
    with pytest.raises(ValueError, match=r"`exclude` must be below 2\*\*63"):
        store.next_query("ann", exclude=[2**63])


HOSTILE = "<img src=x onerror=alert(1)>'; DROP TABLE event; --"


def test_hostile_names_are_only_text(store):
    run = Run(HOSTILE, 2, (HOSTILE, "b"), HOSTILE, task=HOSTILE, env_id=HOSTILE, duplicate_rate=0)
    fill(store, 1, run)
    query = store.next_query(HOSTILE, run_id=HOSTILE)
    assert (query.task, query.class_names[0]) == (HOSTILE, HOSTILE)
    store.record(deed(query, HOSTILE, rating=1))
    assert answers(store, HOSTILE) == {("0-0-0", HOSTILE): 1}


def test_a_new_database_at_the_same_place_is_another_one(store, clock):
    assert store.identity() == ""
    store.open_run(RUN)
    first = store.identity()
    clock.now += 1
    store.open_run(replace(RUN, id="r2"))
    assert store.identity() == first == "1000000.000000"


def test_learned_returns_of_known_segments_are_kept_until_they_change(store):
    fill(store, 3)
    assert store.learned("r1") == {}
    store.set_learned("r1", {"0-0-0": 1.5, "0-0-2": -1.0, "nothing": 3.0})
    store.set_learned("r1", {"0-0-2": 2.0, "0-0-1": float("nan")})
    assert store.learned("r1") == {"0-0-0": 1.5, "0-0-2": 2.0}


def test_shares_of_contradicting_ratings_are_those_of_the_last_fit_of_their_run(store):
    store.open_run(RUN)
    store.open_run(replace(RUN, id="r2"))
    assert store.contradicting("r1") == {}
    store.set_contradicting("r1", {"ann": 0.2, "trainer": 0.05, 'it\'s "bob"; --': 0.5})
    store.set_contradicting("r2", {"ann": 0.0})
    store.seen_trainer("r1", 64)
    assert store.contradicting("r1") == {"ann": 0.2, "trainer": 0.05, 'it\'s "bob"; --': 0.5}
    store.set_contradicting("r1", {"ann": 0.3})
    assert (store.contradicting("r1"), store.contradicting("r2")) == ({"ann": 0.3}, {"ann": 0.0})
    progress = store.progress("r1")
    assert (progress.trainer.step, progress.workers) == (64, ())  # rows beside these
