"""One contender in a process of its own: it works when it is told to, and says what that took.

    python -m benchmarks.speed.worker '{"function": "MODULE:NAME", "options": {}, "root": "FOLDER"}'

`gym_rated` and the scripts are those of `root`, so that an earlier checkout is timed by the same
code. A request is a line on stdin, an answer a line of JSON on stdout.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO


class Pause:
    """Where a contender stops until it is asked to go on; called at the end of every chunk."""

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._start = time.process_time()

    def __call__(self, steps: int = 0, **more: Any) -> str:
        """Answer with the CPU seconds, of all threads, since the last request; return the next.

        Args:
            steps: How many steps of its kind the chunk had.
            more: What else is known about the chunk, as JSON.
        """
        seconds = time.process_time() - self._start
        print(json.dumps({"steps": steps, "seconds": seconds, **more}), file=self._answers)
        self._answers.flush()
        request = sys.stdin.readline()
        if not request:  # nobody asks any more
            os._exit(0)
        self._start = time.process_time()
        return request.strip()


def serve(pause: Pause, make: Callable[[str], Callable[[], int]]) -> None:
    """Run what is asked for, again and again.

    Args:
        pause: Called after each chunk.
        make: Turns a request into a chunk, which returns its number of steps; called once each.
    """
    known: dict[str, Callable[[], int]] = {}
    request = pause()
    while True:
        if request not in known:
            known[request] = make(request)
        request = pause(known[request]())


def main() -> None:
    """Run the function that the command line names."""
    spec = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print is no answer
    sys.path[:0] = [spec["root"], str(Path(spec["root"]) / "scripts")]
    module, name = spec["function"].split(":")
    getattr(import_module(module), name)(Pause(answers), **spec["options"])


if __name__ == "__main__":
    main()
