"""Page and workers: started together, started again, and never left behind."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gym_rated.human import watching
from gym_rated.human.serving import Page, Serving, make_plan


def test_a_plan_is_the_command_lines_of_page_and_worker() -> None:
    plan = make_plan("r.db", Page(port=8000, num_workers=2), allow_host=("lab",), run_id="r1")
    expected = "--db r.db --port 8000 --host 127.0.0.1 --name me --allow-host lab --run-id r1"
    assert plan.page == tuple(expected.split())
    assert plan.worker == ("--db", "r.db", "--size", "480", "--quality", "fast")
    assert plan.num_workers == 2


def children(db: Path) -> dict[int, str]:
    """Process -> command line, of those that work on a database."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(db) in words and "-m" in words:
            found[int(folder.name)] = words[2]
    return found


def is_up(url: str) -> bool:
    address = urlsplit(url)
    try:
        with urllib.request.urlopen(f"http://{address.netloc}/healthz", timeout=60) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_until(is_so: Callable[[], bool], timeout_s: float = 600.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_worker_that_never_works_is_given_up_after_three_starts_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watching, "_HEALTHY_S", 1_000)  # on a slow machine, too
    worker = watching._Child("json.tool", ["nothing"])  # ends at once: it does not know the flag
    pids = set()

    def watch() -> bool:
        pids.add(worker.process.pid)
        worker.look_after()
        return worker.failures == 3

    assert wait_until(watch)
    assert all(watch() for _ in range(5))
    worker.end()
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("gym_rated")]
    assert len(pids) == 3
    assert said == [
        "gym_rated: json.tool ended 3 times (code 2) and is given up; what is rated is kept, and "
        "`gym-rated rate` serves it again"
    ]


@pytest.mark.slow
def test_the_page_comes_back_at_its_link_and_goes_with_its_owner(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    served = Serving(db, Page(name="ann"))
    try:
        assert is_up(served.url)
        assert wait_until(lambda: len(children(db)) == 2)
        page = next(k for k, name in children(db).items() if name.endswith("app"))
        os.kill(page, signal.SIGKILL)
        assert wait_until(lambda: page not in children(db) and is_up(served.url))
    finally:
        served.close()
    assert wait_until(lambda: not children(db))
    assert not is_up(served.url)


@pytest.mark.slow
def test_nothing_is_left_of_a_trainer_that_was_killed(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    code = f"from gym_rated.human.serving import Serving; Serving({str(db)!r}); input()"
    trainer = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert wait_until(lambda: len(children(db)) == 2)
    finally:
        trainer.send_signal(signal.SIGKILL)
        trainer.communicate()
    assert wait_until(lambda: not children(db))


@pytest.mark.slow
def test_a_page_that_cannot_be_served_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot serve the page to rate on"):
        Serving(tmp_path / "r.db", Page(port=70_000))
    assert wait_until(lambda: not children(tmp_path / "r.db"))
