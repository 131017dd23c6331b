"""Answers that come by HTTP from the real page: trainer and server die, one after the other."""

import http.client
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from arms import NUM_ASKED, NUM_CLASSES, ON_A_PAGE, Arm, asked_and_answered, traces
from killing import begun, die, waited
from servers import PageServer
from tally import Tally

from gym_rated.human.store import Clip, Store
from gym_rated.runs.names import DATABASE

pytestmark = pytest.mark.faults


class Visitor:
    """Draws clips, and answers each through the page by what is seen of it; sends all twice."""

    def __init__(self, server: PageServer, store: Store) -> None:
        self.server, self.store, self.cookie = server, store, ""
        self.saved: dict[int, int] = {}  # acknowledged by the server

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        where = urlsplit(self.server.link)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        headers = {"cookie": self.cookie, "content-type": "application/json"}
        headers |= {"origin": self.server.origin} if body else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        self.cookie = (answer.getheader("set-cookie") or self.cookie).partition(";")[0]
        content = answer.read()
        connection.close()
        return answer.status, content

    def look(self) -> None:
        """Answer what there is to answer."""
        while (taken := self.store.take_job("painter", lease_s=0.05)) is not None:
            self.store.finish_job(taken, Clip(taken.job.segment_id.encode(), "webp", 8, 8, 50, 10))
        if not self.cookie:
            where = urlsplit(self.server.link)
            self.ask("GET", f"{where.path}?{where.query}")
        status, content = self.ask("GET", "/api/next")
        if status != 200:
            return
        clip = json.loads(content)
        rating = int(clip["clip"][:4], 16) % NUM_CLASSES
        deed = {"client_id": f"visitor-{clip['id']:04d}", "query_id": clip["id"], "kind": "rate"}
        for _ in range(2):
            status, _ = self.ask("POST", "/api/events", json.dumps({**deed, "rating": rating}))
            if status == 200:
                self.saved[clip["id"]] = rating


@pytest.mark.parametrize("script", ["ppo", "sac_continuous_action"])
def test_a_run_rated_on_a_page_survives_kills_of_all(
    script: str, folder: Path, tally: Tally
) -> None:
    arm = Arm(script, ON_A_PAGE)
    whole = folder / "whole" / "run"
    num = len(_train(arm, whole)[0])
    run = folder / "killed" / "run"
    _, visitor = _train(arm, run, kills=[num // 2, num // 5, num // 5, num // 6])
    same = traces(run) == traces(whole)
    asked, answered = asked_and_answered(run / DATABASE)
    is_all_there = len(asked) == len(answered) == NUM_ASKED <= len(visitor.saved)
    kind = f"kill: {arm}, trainer and server by turns"
    tally.record(kind, "kept" if same and is_all_there else "lost", f"{len(answered)} answers")
    assert same
    assert is_all_there


def _train(arm: Arm, run: Path, kills: Sequence[int] = ()) -> tuple[list[str], Visitor]:
    """Train with a page; kill the trainer after so many events, and the server every other time."""
    run.parent.mkdir()
    run.mkdir()
    said, db = run.with_name("said.txt"), run / DATABASE
    store, server = Store(db), PageServer(db)
    visitor = Visitor(server, store)
    try:
        for k, at in enumerate(kills):
            killed = waited(said, begun(said, arm.train, run, {at: die}), visitor.look)
            assert killed.signal == signal.SIGKILL, said.read_text()
            if k % 2:
                server.kill()
                server.start()
        ended = waited(said, begun(said, arm.train, run), visitor.look)
        assert not ended.error, said.read_text()
        return ended.value, visitor
    finally:
        server.kill()
        store.close()
