"""A browser, real clips, and a server for each test; all of it ends with the test.

Nothing here comes from a browser download: Debian's Chromium is driven. Where there is none the
tests are skipped, unless GYM_RATED_NEEDS_BROWSER is set, as it is where a skip would hide a gap.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from reel import fill, takes
from servers import PageServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--disable-gpu"]  # the GPU there is would be emulated, slowly


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api") if may_skip() else None
    if CHROMIUM is None:
        lacking("Chromium is not installed: apt-get install chromium libatomic1")
    if sync_api is None:
        from playwright import sync_api
    try:
        manager = sync_api.sync_playwright()
        driver = manager.start()
    except Exception as error:
        lacking(f"Playwright does not start: apt-get install libatomic1 ({error})")
    chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield chromium
    chromium.close()
    driver.stop()


def may_skip() -> bool:
    return not os.environ.get("GYM_RATED_NEEDS_BROWSER")


def lacking(reason: str) -> None:
    (pytest.skip if may_skip() else pytest.fail)(reason)


@pytest.fixture
def axe():
    """Return axe, as it comes in the wheel axe-playwright-python: nothing is fetched."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        lacking("axe is not installed: pip install -e '.[dev]'")
    return Axe()


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    return takes(tmp_path_factory.mktemp("reel"))


@pytest.fixture
def db():
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="gym_rated", dir=memory) as folder:
        yield Path(folder) / "ratings.db"


@pytest.fixture
def serve(db):
    """Return a function that serves the database of the test."""
    servers = []

    def start(*words) -> PageServer:
        servers.append(PageServer(db, *words))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def visit(browser, request):
    """Return a function that sends a rater to a link; what they complain about fails the test."""
    from visitors import Visitor

    visitors = []

    def start(link: str, **options) -> Visitor:
        visitors.append(Visitor(browser, link, **options))
        return visitors[-1]

    yield start
    complaints = [complaint for visitor in visitors for complaint in visitor.unforeseen]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []


@pytest.fixture
def rated(db, material, serve, visit):
    """Return a function that asks about clips, serves them, and sends a rater there."""

    def start(number: int, *words, run=None, **options):
        fill(db, material, number, **({} if run is None else {"run": run}))
        quick = () if "--min-view-s" in words else ("--min-view-s", 0.05)
        server = serve("--name", "ann", *quick, *words)
        return server, visit(server.link, **options)

    return start
