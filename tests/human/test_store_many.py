"""Many at once, and killed at any moment: nothing acknowledged is lost, nothing counts twice."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text
from stores import RUN, deed, fill, make_clip, make_job

from gym_rated.human.store import Conflict, Store, tables

HERE = Path(__file__).parent


def rate_until_done(store: Store, rater: str) -> Counter:
    """Rate until every clip has its raters; returns how it went."""
    seen: Counter = Counter()
    while True:
        query = store.next_query(rater)
        if query is None:
            if store.pending(RUN.id) == 0 and store.progress(RUN.id).queries_open == 0:
                return seen
            time.sleep(0.5)
            continue
        try:
            store.record(deed(query, rater, client_id=f"{rater} {query.id}"))
            seen["rated"] += 1
        except Conflict:
            seen["refused"] += 1


def rate_alone(url: str, rater: str) -> Counter:
    """Rate with a store of one's own, as on a machine of one's own."""
    with Store(url) as store:
        return rate_until_done(store, rater)


def check_each_clip_has_its_raters(url: str, num_clips: int, overlap: int) -> None:
    with Store(url) as store:
        rows, _ = store.answers_since(RUN.id, None)
        assert Counter(r.segment_id for r in rows) == {
            f"0-0-{i}": overlap for i in range(num_clips)
        }
        assert len({(row.segment_id, row.rater) for row in rows}) == num_clips * overlap


@pytest.mark.parametrize("overlap", [1, 2])
def test_24_raters_at_once(store_url, overlap):
    with Store(store_url) as store:
        fill(store, 48, replace(RUN, overlap=overlap))
        with ThreadPoolExecutor(24) as pool:  # as in a server with 24 pages
            raters = [f"rater {i}" for i in range(24)]
            done = list(pool.map(lambda rater: rate_until_done(store, rater), raters))
    assert sum(done, Counter()) == {"rated": 48 * overlap}
    check_each_clip_has_its_raters(store_url, 48, overlap)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [1, 2])
def test_24_raters_in_processes_of_their_own(sqlite_url, overlap):
    with Store(sqlite_url) as store:
        fill(store, 240, replace(RUN, overlap=overlap))
    code = "import sys; from test_store_many import rate_alone; rate_alone(*sys.argv[1:])"
    words = [sys.executable, "-c", code, sqlite_url]
    raters = [subprocess.Popen([*words, f"rater {i}"], cwd=HERE) for i in range(24)]
    assert [rater.wait(300) for rater in raters] == [0] * 24
    check_each_clip_has_its_raters(sqlite_url, 240, overlap)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [1, 2])
def test_100_raters_at_once_on_a_server(postgres_url, overlap):
    with Store(postgres_url) as store:
        fill(store, 500, replace(RUN, overlap=overlap))
    with ThreadPoolExecutor(100) as pool:
        raters = [f"rater {i}" for i in range(100)]
        done = list(pool.map(lambda rater: rate_alone(postgres_url, rater), raters))
    assert sum(done, Counter()) == {"rated": 500 * overlap}
    check_each_clip_has_its_raters(postgres_url, 500, overlap)


def test_two_tabs_of_one_rater_get_one_clip_and_one_vote(store_url):
    with Store(store_url) as store:
        fill(store, 3)
        start = threading.Barrier(8)

        def tab(number: int) -> int:
            start.wait()
            query = store.next_query("ann")
            start.wait()
            store.record(deed(query, "ann", rating=2, client_id="the same"))
            return query.id

        with ThreadPoolExecutor(8) as pool:
            given = set(pool.map(tab, range(8), timeout=600))
        assert len(store.events(RUN.id)) == 1
        assert given == {1}


def test_many_who_open_a_new_database_at_once(store_url):
    start = threading.Barrier(8)

    def come(number: int) -> None:
        start.wait()
        with Store(store_url) as store:
            store.open_run(RUN)
            store.add_jobs(RUN.id, [make_job(i) for i in range(5)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come, range(8)))
    with Store(store_url) as store:
        assert store.progress(RUN.id).jobs_waiting == 5


def test_many_workers_make_each_clip_once(store_url):
    with Store(store_url) as store:
        store.open_run(RUN)
        store.add_jobs(RUN.id, [make_job(i) for i in range(40)])

    def work(number: int) -> int:
        done = 0
        with Store(store_url) as store:
            while store.progress(RUN.id).jobs_waiting:
                if taken := store.take_job(f"worker {number}"):
                    store.finish_job(taken, make_clip(taken.id % 5))
                    done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 40
    with Store(store_url) as store:
        assert store.progress(RUN.id).queries_open == 40


def test_a_reader_beside_many_writers_gets_each_answer_once(store_url):
    with Store(store_url) as store:
        fill(store, 60)
        with ThreadPoolExecutor(8) as pool:
            names = [f"rater {i}" for i in range(8)]
            rating = [pool.submit(rate_until_done, store, name) for name in names]
            rows, cursor = [], None
            while not all(job.done() for job in rating):
                new, cursor = store.answers_since(RUN.id, cursor)
                rows += new
                cursor = json.loads(json.dumps(cursor))
            rows += store.answers_since(RUN.id, cursor)[0]
        assert sum((job.result() for job in rating), Counter()) == {"rated": 60}
        assert Counter(row.seq for row in rows) == dict.fromkeys(range(1, 61), 1)


def run_and_kill(url: str, outbox: Path, after: int, wait_s: float) -> list[dict]:
    """Let the rater work until it has said `after` things, then kill it at any moment."""
    child = subprocess.Popen(
        [sys.executable, HERE / "killed_rater.py", url, outbox],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = [child.stdout.readline() for _ in range(after)]
        time.sleep(wait_s)
    finally:
        child.kill()
    rest, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    said += rest.splitlines(keepends=True)
    return [json.loads(line) for line in said if line.endswith("\n")]


def check_what_was_acknowledged(store: Store, said: list[dict]) -> None:
    with store._db.read() as connection:
        events = connection.execute(select(tables.event)).all()
        queries = connection.execute(select(tables.query)).all()
        clips = set(connection.execute(select(tables.clip.c.sha256)).scalars())
    log = {row.client_id: (row.query_id, row.rating) for row in events}
    assert len(log) == len(events)
    for line in said:
        if "saved" in line:
            assert log[line["saved"]] == (line["query"], line["rating"])
    # one vote a clip: nothing that was sent again after a kill counts twice
    assert max(Counter(row.query_id for row in events).values()) == 1
    assert {line["submitted"] for line in said if "submitted" in line} <= {
        segment_id for segment_id, _ in store.blobs(RUN.id)
    }
    assert {line["finished"] for line in said if "finished" in line} <= {row.id for row in queries}
    assert all(row.clip_sha256 in clips for row in queries)
    assert len({row.segment for row in queries}) == len(queries)
    assert all(row.answers == sum(e.query_id == row.id for e in events) for row in queries)
    if store._db.is_sqlite:
        with store._db.read() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def kill_repeatedly(url: str, folder: Path, rounds: int) -> None:
    rng = random.Random(0)
    said: list[dict] = []
    for _ in range(rounds):
        heard = run_and_kill(url, folder / "outbox", rng.randrange(5, 30), rng.uniform(0, 0.05))
        said += heard
        with Store(url) as store:
            check_what_was_acknowledged(store, said)
    assert sum("saved" in line for line in said) >= rounds


def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(sqlite_url, tmp_path):
    kill_repeatedly(sqlite_url, tmp_path, rounds=3)


@pytest.mark.slow
def test_a_writer_killed_20_times_loses_nothing_it_acknowledged(store_url, tmp_path):
    kill_repeatedly(store_url, tmp_path, rounds=20)
