"""The walks of a session, and the table of how long each was."""

from collections.abc import Callable
from pathlib import Path

import pytest
from walking import Walk
from wheels import Installed

_WALKS = pytest.StashKey[list[Walk]]()


@pytest.fixture
def walk(
    request: pytest.FixtureRequest, tmp_path: Path, installed: Installed
) -> Callable[[str], Walk]:
    """Return what begins a walk of a name, in an empty folder."""

    def begin(name: str) -> Walk:
        begun = Walk(name, tmp_path, installed.bin)
        request.config.stash.setdefault(_WALKS, []).append(begun)
        return begun

    return begin


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print how many commands and minutes each walk took."""
    for done in config.stash.get(_WALKS, []):
        terminalreporter.write(
            f"{done.name}: {len(done.commands)} commands, {done.seconds / 60:.1f} minutes\n"
        )
