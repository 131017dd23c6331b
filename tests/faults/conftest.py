"""What the suite of faults shares: everything imported once, and a folder in memory."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from arms import warm_up
from stores import memory_disk


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    warm_up()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder where waiting for the disk takes no time: a kill needs no disk."""
    path = Path(tempfile.mkdtemp(prefix="gym_rated_faults", dir=memory_disk()))
    yield path
    shutil.rmtree(path, ignore_errors=True)
