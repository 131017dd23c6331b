"""What every test shares: one thread, which files hold tests, and the tables of the long suites."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tally import Tally
from wheels import Installed, build_and_install

_TALLIES = pytest.StashKey[dict[str, Tally]]()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what tests share: as a doctest module it would be imported a second time."""
    is_shared = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if is_shared else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what commits the table of a long suite."""
    parser.addoption("--write-tally", action="store_true", help="write benchmarks/results/trust/")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return what was built of the package, installed once for all tests that use it."""
    return build_and_install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Return the table of the suite that a test belongs to: the folder it stands in."""
    tallies = request.config.stash.setdefault(_TALLIES, {})
    suite = request.path.parent.name
    return tallies.setdefault(suite, Tally(suite))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the tables of the long suites, and write them where asked."""
    for tally in config.stash.get(_TALLIES, {}).values():
        terminalreporter.section(tally.suite)
        terminalreporter.write("\n".join(tally.lines()) + "\n")
        if config.getoption("--write-tally"):
            terminalreporter.write(f"Written to {tally.write()}\n")
