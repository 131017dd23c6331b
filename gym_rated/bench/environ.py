"""In what surroundings the processes of a grid run: with one thread, and the driver's gym_rated."""

import os
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def variables_of_runs() -> dict[str, str]:
    """Return the variables that a run's process has other than the driver.

    A checkout that the driver was started in need not be what is installed: its runs import it too.
    """
    found = {"OMP_NUM_THREADS": "1"}
    if (_ROOT / "pyproject.toml").is_file():
        before = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        found["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *before])
    return found
