"""The server as a process: its port, its link, its end."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pages import rating
from stores import fill

from gym_rated.human.app.__main__ import main
from gym_rated.human.app.server import link, open_port
from gym_rated.human.store import Store


class Server:
    """`python -m gym_rated.human.app`, in a session of its own."""

    def __init__(self, db, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gym_rated.human.app", "--db", str(db), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.line = self.process.stdout.readline()  # the child always writes one, or ends
        url = urlsplit(self.line.rsplit(" at ", 1)[-1].strip())
        self.host, self.port, self.query = url.hostname, url.port, url.query
        self.cookie = ""

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        origin = {"origin": f"http://{self.host}:{self.port}", "content-type": "application/json"}
        sent = {"cookie": self.cookie, **(origin if body else {}), **headers}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def log_in(self) -> None:
        answer, _ = self.ask(f"/login?{self.query}")
        self.cookie = answer.getheader("set-cookie").partition(";")[0]

    def end(self) -> str:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.communicate(timeout=300)[1]


@pytest.fixture
def serve():
    servers = []

    def start(*words) -> Server:
        servers.append(Server(*words))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def test_a_server_that_was_killed_goes_on_where_it_was(serve, sqlite_url):
    with Store(sqlite_url) as store:
        fill(store, 2)
        first = serve(sqlite_url, "--name", "ann")
        assert first.line.startswith("Rate clips at http://127.0.0.1:")
        first.log_in()
        answer, content = first.ask("/api/state")
        assert (answer.status, b'"rater":"ann"' in content) == (200, True)
        assert answer.getheader("server") is None
        assert addresses_of(first.process.pid) in ({"127.0.0.1"}, None)

        first.ask("/api/next")
        deed = str(rating(1)).replace("'", '"')
        assert first.ask("/api/events", "POST", deed)[0].status == 200
        assert "token" not in first.end()  # what it logged

        words = ("--name", "ann", "--port", str(first.port), "--exit-with-stdin")
        second = serve(sqlite_url, *words)
        second.cookie = first.cookie  # the page that is open knows nothing of it
        answer, content = second.ask("/api/events", "POST", deed)
        assert (answer.status, b'"repeated":true' in content) == (200, True)
        assert [row.rating for row in store.events("r1")] == [1]

        second.process.stdin.close()  # whoever started it is gone
        assert second.process.wait(30) == 0
        second.process.stdin = None


def addresses_of(pid: int) -> set[str] | None:
    """Return the IPv4 addresses at which a process listens; None where nobody can tell."""
    own = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            own.add(os.readlink(descriptor))
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        lines += Path(f"/proc/{pid}/net/tcp6").read_text().splitlines()[1:]
    except OSError:
        return None
    found = set()
    for line in lines:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
            address = bytes.fromhex(fields[1].partition(":")[0])
            found.add(".".join(map(str, reversed(address))))
    return found


def test_a_port_that_is_taken_is_named_with_the_remedy(sqlite_url, capsys):
    with open_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main(["--db", sqlite_url, "--port", str(port)]) == 2
    said = capsys.readouterr()
    assert f"`port` {port} of 127.0.0.1 cannot be opened" in said.err
    assert "--port 0 for a free one" in said.err
    assert "http" not in said.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "0.0.0.0"], "`host` 0.0.0.0 lets other machines in"),
        (["--port", "65536"], "`port` must lie in [0, 65535], got 65536"),
        (["--min-view-s", "-1"], "`min_view_s` must lie in [0, 60], got -1.0"),
        (["--raters", "/nowhere/raters"], "/nowhere/raters"),
        (["--name", ""], "`name` of a rater must have"),
        (["--host", "no.such.host.invalid", "--allow-host", "x"], "is no address of this machine"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(sqlite_url, capsys, words, sentence):
    assert main(["--db", sqlite_url, *words]) == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_link_names_the_port_that_was_found_and_quotes_the_token():
    with open_port("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        assert link(sock, "t-_") == f"http://127.0.0.1:{port}/login?token=t-_"
    with open_port("0.0.0.0", 0) as sock:
        assert link(sock, "t", "lab.example").startswith("http://lab.example:")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_link_to_an_ipv6_address_has_brackets():
    try:
        sock = open_port("::1", 0)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with sock:
        assert link(sock, "t").startswith("http://[::1]:")
