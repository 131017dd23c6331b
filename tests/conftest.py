"""What every test shares: one thread, and which files hold tests."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what tests share: as a doctest module it would be imported a second time."""
    is_shared = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if is_shared else None
