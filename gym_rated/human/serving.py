"""Page and render workers for a trainer: started in one process that watches them (`watching`)."""

import atexit
import json
import os
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gym_rated.human.watching import END_S, Plan, close_pipe

START_S = 60.0
"""How long the page may take to start, in seconds."""


@dataclass(frozen=True)
class Page:
    """The page on which people rate, and the render workers that draw its clips.

    Attributes:
        port: Port of the page; any free one by default.
        name: Name of the rater on the page.
        open_browser: Whether to open the page in a browser.
        num_workers: Number of render workers.
        size: Longer side of the clips that are drawn in replay, in pixels.
        quality: How they are drawn: "fast", or "nice" with smooth edges.
    """

    port: int = 0
    name: str = "me"
    open_browser: bool = False
    num_workers: int = 1
    size: int = 480
    quality: str = "fast"


def make_plan(
    db: str | os.PathLike[str],
    page: Page,
    *,
    host: str = "127.0.0.1",
    allow_host: Sequence[str] = (),
    raters: Path | None = None,
    run_id: str | None = None,
    trust: Sequence[str] = (),
) -> Plan:
    """Return the command lines that serve one database.

    Args:
        db: The database.
        page: What to serve.
        host: Address to listen at.
        allow_host: Names under which other machines may reach the page.
        raters: File with one rater's name a line, in the place of the page's `name`.
        run_id: Only clips of this run; of all by default.
        trust: Names such as "my_envs:My-v0" whose modules may be imported to draw clips.
    """
    store = ["--db", os.fspath(db)]
    words = [*store, "--port", str(page.port), "--host", host, "--name", page.name]
    words += [word for each in allow_host for word in ("--allow-host", each)]
    words += [] if raters is None else ["--raters", str(raters)]
    words += [] if run_id is None else ["--run-id", run_id]
    worker = [*store, "--size", str(page.size), "--quality", page.quality]
    worker += [word for name in trust for word in ("--trust", name)]
    return Plan(tuple(words), tuple(worker), page.num_workers)


class Serving:
    """The page of one database, served while this process lives.

    Args:
        db: The database.
        page: What to serve.
        trust: Names such as "my_envs:My-v0" whose modules may be imported to draw clips.

    Attributes:
        url: Link that signs a rater in.

    Raises:
        RuntimeError: If the page cannot be served; it has said why on standard error.
    """

    def __init__(
        self, db: str | os.PathLike[str], page: Page = Page(), trust: Sequence[str] = ()
    ) -> None:
        plan = json.dumps(asdict(make_plan(db, page, trust=trust)))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gym_rated.human.watching", plan],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self.close)
        self.url = _first_link(self._process)
        if page.open_browser:
            show(self.url)

    def close(self) -> None:
        """End page and workers."""
        atexit.unregister(self.close)
        if self._process.poll() is not None:
            return
        close_pipe(self._process.stdin)
        try:
            self._process.wait(3 * END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        close_pipe(self._process.stdout)


def show(url: str) -> None:
    """Open a page in a browser, where there is a screen to show it on."""
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen or not sys.platform.startswith("linux"):  # else it may be one in this terminal
        webbrowser.open(url)


def _first_link(process: subprocess.Popen[bytes]) -> str:
    """Return the link that a watcher's page names first."""
    found: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        line = process.stdout.readline().decode(errors="replace").rstrip()
        found.extend([line.split(" at ")[-1]] if " at http" in line else [])

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(START_S)
    if not found:
        close_pipe(process.stdin)  # it ends page and workers, then itself
        process.wait()
        reader.join()
        close_pipe(process.stdout)
        raise RuntimeError(
            "gym_rated cannot serve the page to rate on; it said why above. A trainer needs no "
            "page: rate with page=None here, and `gym-rated rate --db …` elsewhere"
        )
    return found[0]
