"""Processes that die and disks that fill, while somebody rates."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect
from reel import RUN, fill
from servers import PageServer
from visitors import PATIENCE_S

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
SAVED = """() => [...document.querySelectorAll('#history [data-saved=true]')]
  .map((one) => [Number(one.dataset.query), Number(one.dataset.rating)])"""


def test_what_the_page_showed_as_saved_survives_twenty_kills_of_the_server(db, rated):
    server, ann = rated(200, "--min-view-s", 0)  # more than can be rated in that time
    ann.foreseen.append("net::ERR_")  # also of a clip that was cut off
    rng = random.Random(8)
    saved, given = {}, 0
    for _ in range(20):
        ann.wait_for_clip()
        killer = threading.Timer(rng.uniform(0, 0.25), server.kill)
        killer.start()
        while killer.is_alive() or given % 3:
            if ann.see("clip").get_attribute("data-armed") == "true":
                ann.page.keyboard.press(str(1 + given % 4))
                given += 1
            elif ann.state != "shown" and not killer.is_alive():
                break  # all that was fetched ahead is rated
            saved |= map(tuple, ann.page.evaluate(SAVED))
        killer.join()
        server.start()
    expect(ann.see("banner")).to_be_hidden()
    ann.wait_until_sent()
    assert saved
    assert given >= 20
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT query_id, rating FROM event").fetchall()
    assert len(rows) == given  # each once, and no rating was changed
    assert set(saved.items()) <= set(rows)
    assert max(Counter(query for query, _ in rows).values()) == 1


TRAINER = Path(__file__).with_name("trainer.py")


class Trainer:
    """A training run in a process of its own, with page and render worker as its children."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, TRAINER, folder],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        watch = threading.Timer(2 * PATIENCE_S, self.kill)
        watch.start()
        self.link = self.process.stdout.readline().split(" at ")[-1].strip()
        watch.cancel()

    def says(self, patience_s: float = 3 * PATIENCE_S) -> str:
        """Return its next line."""
        watch = threading.Timer(patience_s, self.kill)
        watch.start()
        line = self.process.stdout.readline().strip()
        watch.cancel()
        return line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def train(db):
    runs = []

    def start() -> Trainer:
        runs.append(Trainer(db.parent))
        return runs[-1]

    yield start
    for trainer in runs:
        trainer.kill()
        trainer.process.stdout.close()


def workers_of(db) -> list[int]:
    """Return the render workers of this database."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"gym_rated.human.clips.worker" in words and str(db).encode() in words:
            found.append(int(entry.name))
    return found


def test_trainer_and_worker_may_be_killed_and_the_run_goes_on(db, train, serve, visit):
    first = train()
    page = serve("--name", "ann", "--min-view-s", 0)
    ann = visit(page.link)
    assert first.says() == "asked 5"
    ann.click(1)  # the first clip is there
    for worker in workers_of(db):
        os.kill(worker, signal.SIGKILL)
    for _ in range(2):
        ann.click(2)  # another worker makes the rest
    ann.wait_until_sent()
    first.kill()  # while it waits for two more
    ann.wait_until(lambda: not workers_of(db), "the worker of a dead trainer ends")
    second = train()
    for _ in range(2):
        ann.click(3)
    ann.wait_until_sent()
    assert second.says() == "has 5 of 5"
    expect(ann.see("banner")).to_be_hidden()
    with Store(db) as store:
        rows = store.events("run")
    assert [row.rating for row in rows] == [1, 2, 2, 3, 3]
    assert len({row.segment_id for row in rows}) == 5


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if mount is None or os.getuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_loses_no_rating_and_the_page_says_so(small_disk, material, visit):
    db = small_disk / "ratings.db"
    with Store(db, reserve_bytes=0):
        pass
    fill(db, material, 60, reserve_bytes=0)
    server = PageServer(db, "--name", "ann", "--min-view-s", 0)
    try:
        ann = visit(server.link)
        ann.foreseen.append("507|503")
        ann.click(0)
        ann.wait_until_sent()
        crowd_out(small_disk)
        refused = []
        ann.page.on("response", lambda got: got.status >= 500 and refused.append(got.status))
        given = 1
        while not ann.outbox() or 507 not in refused:  # a few still fit into what there is
            assert given < 60
            if ann.see("clip").get_attribute("data-armed") == "true":
                ann.page.keyboard.press(str(1 + given % 4))
                given += 1
            ann.page.wait_for_timeout(100)
        expect(ann.see("banner")).to_contain_text("Not saved: disk full")
        expect(ann.see("banner")).to_contain_text("kept in this browser")
        (small_disk / "crowd").unlink()
        ann.wait_until_sent()
        expect(ann.see("banner")).to_be_hidden()
        with Store(db, reserve_bytes=0) as store:
            assert [row.rating for row in store.events(RUN.id)] == [k % 4 for k in range(given)]
    finally:
        server.kill()


def crowd_out(folder: Path) -> None:
    """Write until nothing fits any more."""
    with (folder / "crowd").open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                time.sleep(0.01)
