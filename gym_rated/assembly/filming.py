"""The film that ends a demo: its agents side by side."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def film_of(folders: Iterable[Path], path: Path, *, seconds: float = 6.0) -> str:
    """Film the agents of finished runs side by side, beside random actions.

    In a process of its own: what draws is chosen before it is imported, and may crash. An earlier
    film in this place is removed.

    Args:
        folders: Folders of the runs.
        path: File that ends in .webp.
        seconds: How long the film is.

    Returns:
        A line for the user: where the film is, or why there is none.
    """
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "gym_rated", "film", *map(str, folders)]
    command += ["--side-by-side", str(path), "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return f"the agents side by side: {path} (open it in a browser)"
    return f"no film of the agents: {done.stderr.strip()}"
