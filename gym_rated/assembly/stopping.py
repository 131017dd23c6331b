"""What a run that an error ends tells about itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gym_rated.checkpoint.state import MANIFEST
from gym_rated.runs.names import CHECKPOINT


class Stepping(Protocol):
    """What trains in a script."""

    @property
    def global_step(self) -> int:
        """Environment steps so far, summed over environments."""
        ...


@contextmanager
def told_when(trainer: Stepping, run_dir: Path) -> Iterator[None]:
    """Add to an error at which step of a run it was, and how to go on."""
    try:
        yield
    except Exception as error:
        if (run_dir / CHECKPOINT / MANIFEST).exists():
            rest = f"its last checkpoint is as it was: once mended, go on with --resume {run_dir}"
        else:
            rest = "it has no checkpoint yet: once mended, begin anew"
        error.add_note(f"The run stopped at step {trainer.global_step}; {rest}")
        raise
