"""The render worker: every job becomes one query or is dropped, whatever dies in between."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from footage import Footage, record
from sqlalchemy import select

from gym_rated.environments.rendering import CannotRender
from gym_rated.human.clips import worker as working
from gym_rated.human.clips.encode import decode
from gym_rated.human.clips.worker import Worker, WorkerArgs, main
from gym_rated.human.segment_blob import pack_segment
from gym_rated.human.store import Job, Run, Store, StoreDamaged, StoreFull
from gym_rated.human.store.tables import job as jobs
from gym_rated.segments import Origin, Segment

RUN = Run("r1", 2, ("bad", "good"), "Does it stay up?", duplicate_rate=0)


def job_of(footage: Footage, name: str, **recipe) -> Job:
    num = len(footage.obs)
    segment = Segment(
        id=name,
        obs=footage.obs,
        actions=np.zeros((num, 1), np.float32),
        true_rewards=np.zeros(num),
        round=0,
        origin=Origin(0, 0, footage.recipe["first_step"], 0),
        raw_actions=footage.raw_actions,
    )
    return Job(name, pack_segment(segment), footage.recipe | recipe)


@pytest.fixture(scope="module")
def poles() -> list[Footage]:
    return record("CartPole-v1", num_segments=4, length=8, steps=120)


@pytest.fixture
def db(tmp_path):
    return tmp_path / "ratings.db"


@pytest.fixture
def store(db):
    with Store(db, reserve_bytes=0) as store:
        store.open_run(RUN)
        yield store


def make_worker(store: Store, said: list[str] | None = None, **args) -> Worker:
    said = [] if said is None else said
    return Worker(store, WorkerArgs(db="", size=64, **args), say=said.append)


def queries(store: Store) -> list:
    """All queries of the run, as raters see them."""
    found = []
    while (query := store.next_query(f"rater {len(found)}")) is not None:
        found.append(query)
    return found


def test_jobs_become_clips_of_their_own_segments(store, poles):
    store.add_jobs("r1", [job_of(footage, str(i)) for i, footage in enumerate(poles)])
    worker = make_worker(store)
    assert [worker.do_one() for _ in range(5)] == [True] * 4 + [False]
    asked = queries(store)
    assert [query.segment_id for query in asked] == ["0", "1", "2", "3"]
    for query, footage in zip(asked, poles, strict=True):
        clip = store.clip(query.clip_sha256)
        assert (clip.codec, clip.fps, clip.frames) == ("h264", 50, len(footage.obs))
        assert (clip.width, clip.height) == (64, 42)
        assert decode(clip).shape[0] == query.frames == len(footage.obs)
    assert store.progress("r1").jobs_waiting == 0
    assert worker.num_clips == 4


def test_the_recipe_says_how_fast_the_clip_is_played(store, poles):
    store.add_jobs("r1", [job_of(poles[0], "0", fps=12.5)])
    make_worker(store).do_one()
    assert queries(store)[0].fps == 12.5


def test_a_clip_that_a_browser_cannot_play_is_made_again_with_another_codec(store, poles):
    store.add_jobs("r1", [job_of(poles[0], "0")])
    worker = make_worker(store)
    worker.do_one()
    query = queries(store)[0]
    store.remake(query.id, "webp")
    assert worker.do_one()
    again = store.next_query("rater 0")
    assert again.id == query.id
    assert store.clip(again.clip_sha256).codec == "webp"


def test_segments_that_do_not_repeat_are_dropped_and_counted(store, poles):
    wrong = poles[0]._replace(obs=poles[0].obs + np.float32(1e-3))
    jobs = [job_of(wrong, "a"), job_of(wrong, "b"), job_of(poles[1], "c")]
    store.add_jobs("r1", jobs)
    said: list[str] = []
    worker = make_worker(store, said)
    assert all(worker.do_one() for _ in range(3))
    assert [query.segment_id for query in queries(store)] == ["c"]
    dropped = store.progress("r1").drop_reasons
    assert dropped == {"CartPole-v1 did not repeat its episode": 2}
    assert len(said) == 1
    assert said[0].startswith("gym_rated dropped segment a of r1: CartPole-v1 did not repeat")


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"no segment", "`blob` must be a segment of format"),
        (None, "the segment has no raw actions; record it with record_replay=True"),
    ],
)
def test_what_is_no_segment_is_dropped(store, poles, blob, reason):
    job = job_of(poles[0]._replace(raw_actions=None), "0")
    store.add_jobs("r1", [job if blob is None else replace(job, blob=blob)])
    assert make_worker(store).do_one()
    assert reason in next(iter(store.progress("r1").drop_reasons))


class Failing:
    """Stands for the renderer: fails a number of times, then draws."""

    fps = 20.0

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.closed = 0

    def __call__(self, *_) -> np.ndarray:
        if self.errors:
            raise self.errors.pop(0)
        return np.zeros((3, 8, 8, 3), np.uint8)

    def close(self) -> None:
        self.closed += 1


def failing_worker(store, poles, monkeypatch, *errors) -> tuple[Worker, list[float], list[str]]:
    """Return a worker whose renderer fails, the times it waited, and what it said."""
    said: list[str] = []
    worker = make_worker(store, said)
    waited: list[float] = []
    monkeypatch.setattr(worker, "_renderer", Failing(*errors))
    monkeypatch.setattr(worker, "_wait", waited.append)
    store.add_jobs("r1", [job_of(poles[0], "0")])
    return worker, waited, said


def test_a_segment_that_fails_twice_is_drawn_the_third_time(store, poles, monkeypatch):
    errors = [OSError("lost"), RuntimeError("lost")]
    worker, waited, said = failing_worker(store, poles, monkeypatch, *errors)
    worker.do_one()
    assert waited == [1, 2]
    assert worker._renderer.closed == 2
    assert (len(queries(store)), said) == (1, [])


def test_a_segment_that_fails_three_times_is_dropped_with_one_error(store, poles, monkeypatch):
    errors = [ZeroDivisionError("broken")] * 3
    worker, _, said = failing_worker(store, poles, monkeypatch, *errors)
    worker.do_one()
    assert store.progress("r1").drop_reasons == {"ZeroDivisionError: broken": 1}
    assert len(said) == 1
    assert "ZeroDivisionError: broken" in said[0]


def test_where_nothing_can_be_drawn_jobs_are_kept_and_the_page_is_told(store, poles, monkeypatch):
    errors = [CannotRender("no offscreen OpenGL")] * 5
    worker, waited, said = failing_worker(store, poles, monkeypatch, *errors)
    told = []
    monkeypatch.setattr(store, "seen_worker", lambda name, problem: told.append(problem))
    worker.do_one()
    assert waited == [30] * 5
    assert said == ["no offscreen OpenGL"]
    assert (told[0], told[-1]) == ("no offscreen OpenGL", "")
    assert len(queries(store)) == 1


def test_a_full_disk_is_waited_for_and_the_clip_is_kept(store, poles, monkeypatch):
    worker, waited, said = failing_worker(store, poles, monkeypatch)
    finish, refusals = store.finish_job, [StoreFull("the disk is full")] * 7

    def full(*args):
        if refusals:
            raise refusals.pop()
        return finish(*args)

    monkeypatch.setattr(store, "finish_job", full)
    worker.do_one()
    assert waited == [1, 2, 4, 8, 16, 30, 30]
    assert said == ["the disk is full"]
    assert len(queries(store)) == 1


def test_a_job_that_another_worker_has_finished_is_let_go(store, poles, monkeypatch):
    store.add_jobs("r1", [job_of(poles[0], "0")])
    monkeypatch.setattr(store, "renew_job", lambda *args: False)  # who is stopped renews nothing
    slow, fast = make_worker(store, lease_s=0.0), make_worker(store)
    draw = slow._draw

    def overtaken(taken):
        assert fast.do_one()
        return draw(taken)

    monkeypatch.setattr(slow, "_draw", overtaken)
    assert slow.do_one()
    assert len(queries(store)) == 1
    assert store.progress("r1").jobs_waiting == 0


def test_a_slow_worker_keeps_its_job(store, poles, monkeypatch):
    store.add_jobs("r1", [job_of(poles[0], "0")])
    slow = make_worker(store, lease_s=1.0)
    draw = slow._draw

    renewals = []

    def renew(taken, lease_s):
        renewals.append(Store.renew_job(store, taken, lease_s))
        return renewals[-1]

    def slowly(taken):
        wait_for(lambda: len(renewals) >= 8)  # twice the length of the lease
        return draw(taken)

    monkeypatch.setattr(store, "renew_job", renew)
    monkeypatch.setattr(slow, "_draw", slowly)
    assert slow.do_one()
    assert len(queries(store)) == slow.num_clips == 1
    assert all(renewals[:8])  # one more may come when the job is done
    assert "lease" not in [thread.name for thread in threading.enumerate()]


def test_a_worker_that_is_over_leaves_its_job_to_others(store, poles, monkeypatch):
    errors = [CannotRender("never")] * 1000
    worker, _, _ = failing_worker(store, poles, monkeypatch, *errors)
    monkeypatch.setattr(worker, "_wait", lambda seconds: worker._is_over.set())
    worker.run()
    assert store.progress("r1").jobs_waiting == 1


def test_a_broken_database_ends_the_worker_with_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(working, "_step_back", lambda: None)
    db = tmp_path / "ratings.db"
    db.write_bytes(b"no database at all, but quite long enough to be looked at" * 20)
    with pytest.raises(StoreDamaged):
        Store(db)
    assert main(["--db", str(db)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gym_rated cannot make clips: `db`")
    assert error.count("\n") == 1


# ---- as a process


class Process:
    """A worker as the trainer starts it, ended at the end of the block in any case."""

    def __init__(self, db: Path | str, *words: str) -> None:
        command = [sys.executable, "-m", "gym_rated.human.clips.worker", "--db", str(db)]
        command += ["--size", "64", "--exit-with-stdin", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(600)


def wait_for(is_so, timeout_s: float = 500) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waiting(store: Store) -> int:
    return store.progress("r1").jobs_waiting


def check_each_asked_once(store: Store, num: int) -> None:
    progress = store.progress("r1")
    assert (progress.jobs_waiting, progress.drop_reasons) == (0, {})
    assert sorted(query.segment_id for query in queries(store)) == sorted(map(str, range(num)))


@pytest.mark.long
def test_a_worker_is_killed_at_its_work_and_another_takes_over(db, store, poles):
    store.add_jobs("r1", [job_of(poles[i % 4], str(i)) for i in range(15)])
    with Process(db, "--lease-s", "2") as first:
        wait_for(lambda: waiting(store) < 15)
        while not leased(store):  # it may be between two jobs
            first.process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
            first.process.send_signal(signal.SIGSTOP)
    ends = leased(store)
    assert ends
    assert max(ends) < time.time() + 2  # no later than this may another take over
    with Process(db) as second:
        wait_for(lambda: waiting(store) == 0)
        assert second.end() == 0  # it ends when the pipe of its parent does
    check_each_asked_once(store, 15)
    assert store.progress("r1").workers[0].problem == ""


def leased(store: Store) -> list[float]:
    """When the leases of jobs end, in seconds since 1970."""
    with store._db.read() as connection:
        ends = connection.execute(select(jobs.c.expires_at).where(jobs.c.expires_at > 0))
        return list(ends.scalars())


@pytest.mark.slow
def test_twenty_kills_at_random_instants_lose_and_double_nothing(db, store, poles):
    num = 120
    store.add_jobs("r1", [job_of(poles[i % 4], str(i)) for i in range(num)])
    rng = random.Random(0)
    for _ in range(20):
        left = waiting(store)
        with Process(db, "--lease-s", "0.5"):
            wait_for(lambda left=left: waiting(store) < left or waiting(store) == 0)
            time.sleep(rng.uniform(0, 0.3))
    with Process(db):
        wait_for(lambda: waiting(store) == 0)
    check_each_asked_once(store, num)


@pytest.mark.slow
def test_four_workers_share_the_work(db, store, poles):
    store.add_jobs("r1", [job_of(poles[i % 4], str(i)) for i in range(80)])
    with ExitStack() as stack:
        workers = [stack.enter_context(Process(db)) for _ in range(4)]
        wait_for(lambda: waiting(store) == 0)
        assert [worker.end() for worker in workers] == [0] * 4
    check_each_asked_once(store, 80)


def test_a_worker_ends_when_its_parent_is_killed(db, store):
    starts = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-m', 'gym_rated.human.clips.worker', '--db',"
        f"{str(db)!r}, '--exit-with-stdin'], stdin=subprocess.PIPE, start_new_session=True);"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    wait_for(lambda: store.progress("r1").workers)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_watch_over_stdin_ends_even_a_worker_that_hangs(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(working, "_END_S", 0.0)
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    monkeypatch.setattr(sys, "stdin", open(os.devnull))
    is_over = threading.Event()
    working._watch_stdin(is_over)
    assert is_over.is_set()
    assert ended.is_set()
    sys.stdin.close()
