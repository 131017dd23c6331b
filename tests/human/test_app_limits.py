"""What strangers and broken browsers send, through real sockets: the server goes on."""

import contextlib
import json
import socket
import threading
import time

import pytest
from pages import TOKENS, rating
from stores import fill

from gym_rated.human.app import limits, security
from gym_rated.human.app.api import create_app
from gym_rated.human.app.ending import Ending
from gym_rated.human.app.server import PageServer, make_config, open_port
from gym_rated.human.app.tokens import Raters
from gym_rated.human.store import Store

SHORT_S = 0.4


@pytest.fixture(autouse=True)
def limited(monkeypatch):
    monkeypatch.setattr(limits, "HEAD_S", SHORT_S)
    monkeypatch.setattr(limits, "ANSWER_S", 3 * SHORT_S)
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(security, "BODY_S", SHORT_S)


@pytest.fixture
def page(sqlite_url):
    """A server in a thread of this process, with three clips, of which the test has the first."""
    with Store(sqlite_url) as store:
        fill(store, 3)
        store.next_query("ann")
        raters = Raters(TOKENS, "here")
        ending = Ending()
        server = PageServer(make_config(create_app(store, raters, ending=ending)), ending)
        server.config.timeout_keep_alive = SHORT_S
        with open_port("127.0.0.1", 0) as sock:
            thread = threading.Thread(target=server.run, args=([sock],))
            thread.start()
            yield Page(sock.getsockname()[1], f"{raters.cookie}={TOKENS['ann']}", server)
            server.should_exit = True
            thread.join(30)
        assert not thread.is_alive()
        assert [row.rating for row in store.events("r1")] == [2]  # of the one good request


class Page:
    def __init__(self, port: int, cookie: str, server: PageServer) -> None:
        self.port, self.cookie, self.server = port, cookie, server

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def head(self, path: str, method: str = "GET", *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{self.port}"]
        lines += [f"cookie: {self.cookie}", f"origin: http://127.0.0.1:{self.port}"]
        return "\r\n".join([*lines, *more, "", ""]).encode()

    def post(self, *more: str) -> bytes:
        return self.head("/api/events", "POST", JSON, LAST, *more)

    def rate(self) -> int:
        """Rate the first clip; returns the status."""
        body = json.dumps(rating(1, 2)).encode()
        with self.connect() as sock:
            sock.sendall(self.post(f"content-length: {len(body)}") + body)
            return status_of(sock)


def status_of(sock: socket.socket) -> int | None:
    """Return the status of an answer, to the end of which is read; None if there is none."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while chunk := sock.recv(65_536):
            answer += chunk
    return int(answer.split(b" ")[1]) if answer else None


def send(sock: socket.socket, *pieces: bytes) -> int | None:
    """Send pieces until the other side has had enough; returns the status of its answer."""
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            sock.sendall(piece)
    return status_of(sock)


JSON = "content-type: application/json"
LAST = "connection: close"
CHUNKED = "transfer-encoding: chunked"
CHUNK = b"1000\r\n" + b" " * 4096 + b"\r\n"
MANY = ["x: 0123456789abcdef"] * 1000
CASES = {  # what is sent, after which status
    "a head without end": (431, lambda page: [b"GET / HTTP/1.1\r\nx: ", b"x" * 1_000_000]),
    "a line without end": (431, lambda page: [b"GET /" + b"x" * 100_000]),
    "a long header": (431, lambda page: [page.head("/healthz", "GET", f"x: {'x' * 20_000}", LAST)]),
    "a thousand headers": (431, lambda page: [page.head("/healthz", "GET", *MANY, LAST)]),
    "no request": (400, lambda page: [b"\0\1\2 nonsense\r\n\r\n"]),
    "a long body": (413, lambda page: [page.post(f"content-length: {10**5}"), b" " * 10**5]),
    "an endless body": (
        413,
        lambda page: [page.post(f"content-length: {10**12}"), *[b" " * 65_536] * 100],
    ),
    "chunks without end": (413, lambda page: [page.post(CHUNKED), *[CHUNK] * 900]),
    "a chunk size that is none": (400, lambda page: [page.post(CHUNKED), b"zz\r\n"]),
    "a body twice its length": (422, lambda page: [page.post("content-length: 2") + b"{}{}"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_too_much_is_refused_with_its_status_and_the_server_goes_on(page, name):
    status, pieces = CASES[name]
    with page.connect() as sock:
        assert send(sock, *pieces(page)) == status
    assert page.rate() == 200


@pytest.mark.parametrize("where", ["nothing", "head", "second head", "body", "chunk"])
def test_who_sends_slowly_is_left(page, where):
    start = {
        "nothing": b"",
        "head": b"GET / HTTP/1.1\r\nx: ",
        "second head": page.head("/healthz") + b"GET / HTTP/1.1\r\nx: ",
        "body": page.post("content-length: 1000"),
        "chunk": page.post(CHUNKED) + b"800\r\n",
    }[where]
    with page.connect() as sock:
        sock.sendall(start)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):  # a byte now and then does not help
            while time.monotonic() < began + 3 * SHORT_S and where != "nothing":
                sock.sendall(b" ")
                time.sleep(SHORT_S / 8)
        answered = status_of(sock)
        assert time.monotonic() - began < 20 * SHORT_S
        assert answered in (408, 200, None)
    assert page.rate() == 200


def test_who_does_not_fetch_the_answer_is_left(page):
    with page.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(400):  # answers of some KB each, never read
            with contextlib.suppress(OSError):
                sock.settimeout(0.01)
                sock.sendall(page.head("/app.js"))
        give_up = time.monotonic() + 50 * SHORT_S
        while page.server.server_state.connections and time.monotonic() < give_up:
            time.sleep(0.05)
        assert not page.server.server_state.connections
    assert page.rate() == 200


def test_connections_too_many_are_refused_and_the_rest_is_free_again(page):
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(page.connect()) for _ in range(30)]
        statuses = [status_of(sock) for sock in idle]
    assert statuses.count(503) == 30 - limits.MAX_CONNECTIONS
    assert statuses.count(408) == limits.MAX_CONNECTIONS
    assert page.rate() == 200


def test_a_page_that_waits_for_the_end_hears_of_it(page):
    with page.connect() as sock:
        sock.sendall(page.head("/api/end", "GET"))
        assert page.rate() == 200
        page.server.should_exit = True
        answer = sock.recv(65_536)
        while chunk := sock.recv(65_536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"end":"stopped"}')
