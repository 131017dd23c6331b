"""The page's server, a real process that can be killed and started again at the same port."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from urllib.parse import urlsplit

START_S = 40


class PageServer:
    """`python -m gym_rated.human.app`, in a session of its own.

    Attributes:
        links: Rater -> link that signs in; "" where there is one rater.
    """

    def __init__(self, db, *words) -> None:
        self.words = ["--db", str(db), *map(str, words)]
        self.links: dict[str, str] = {}
        self.start()

    @property
    def link(self) -> str:
        return next(iter(self.links.values()))

    @property
    def origin(self) -> str:
        parts = urlsplit(self.link)
        return f"{parts.scheme}://{parts.netloc}"

    def start(self, *, wait: bool = True) -> None:
        port = ["--port", str(urlsplit(self.origin).port)] if self.links else []
        self.complaint = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gym_rated.human.app", *self.words, *port],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.complaint,
            start_new_session=True,
        )
        if wait or not self.links:
            self._read_links()

    def _read_links(self) -> None:
        """Read one line a rater; a server that says nothing is killed, which ends the reading."""
        num_raters = 1
        if "--raters" in self.words:
            path = self.words[self.words.index("--raters") + 1]
            with open(path) as file:
                num_raters = sum(1 for line in file if line.strip())
        watch = threading.Timer(START_S, self.kill)
        watch.start()
        try:
            for _ in range(num_raters):
                line = self.process.stdout.readline().decode()
                if " at http" not in line:
                    self.complaint.seek(0)
                    said = self.complaint.read().decode()
                    raise RuntimeError(f"the server did not start, it said {line!r} {said}")
                who, link = line.strip().removeprefix("Rate clips").split(" at http")
                self.links[who.removeprefix(" as ")] = f"http{link}"
        finally:
            watch.cancel()

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is flushed."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process.stdout.close()
        self.complaint.close()
