"""Page and render workers, watched: what dies is started again, and all end together.

`python -m gym_rated.human.watching` is the one process that watches them for a trainer, and ends
with it, even by kill -9: the trainer's end of a pipe closes then. Each child watches such a pipe,
too, so nothing is left behind if the watcher itself dies.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from urllib.parse import urlsplit

PAGE, WORKER = "gym_rated.human.app", "gym_rated.human.clips.worker"
END_S = 5.0
"""How long a process may take to end, in seconds."""
_MOST_FAILURES = 3
_HEALTHY_S = 5.0  # who lived so long has started
_POLL_S = 0.2


@dataclass(frozen=True)
class Plan:
    """What is to run: the words of the command line of the page, and of each worker."""

    page: tuple[str, ...]
    worker: tuple[str, ...]
    num_workers: int


def supervise(plan: Plan, say: Callable[[str], None], is_over: Callable[[], bool]) -> int:
    """Run page and workers until it is over; start again what dies.

    Args:
        plan: What to run.
        say: Called with each line in which the page names a link, once.
        is_over: Asked a few times a second.

    Returns:
        The exit code: that of the page where it could not be served at all, else 0.
    """
    with TemporaryDirectory() as folder:
        page = plan.page
        if "://" in page[1] and "--raters" not in page:  # no file beside it: keep the token here
            page += ("--token-file", str(Path(folder) / "token"))
        children = [_Child(PAGE, page, say)]
        children += [_Child(WORKER, plan.worker) for _ in range(plan.num_workers)]
        try:
            while not is_over():
                for child in children:
                    child.look_after()
                if children[0].never_worked:
                    return children[0].returncode or 1
                time.sleep(_POLL_S)
            return 0
        finally:
            for child in children:
                child.end()


class _Child:
    """A process that is started again when it dies, three times in a row at most."""

    def __init__(
        self, module: str, words: Sequence[str], say: Callable[[str], None] | None = None
    ) -> None:
        self.module, self.words, self.say = module, list(words), say
        self.failures = 0  # in a row, of starts that came to nothing
        self.has_worked = say is None
        self.restart_at: float | None = None
        self._start()

    def _start(self) -> None:
        self.started = time.monotonic()
        self.restart_at = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *self.words, "--exit-with-stdin"],
            stdin=subprocess.PIPE,
            stdout=2 if self.say is None else subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the trainer
        )
        if self.say is not None:
            threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hand on the links of the first start, and keep the port for the next ones."""
        assert process.stdout is not None
        assert self.say is not None
        is_first = not self.has_worked
        for line in process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.failures = 0
            if is_first and " at http" in text:
                self.words += ["--port", str(urlsplit(text.split(" at ")[-1]).port)]
                self.has_worked = True
                self.say(text)

    @property
    def returncode(self) -> int | None:
        return self.process.poll()

    @property
    def never_worked(self) -> bool:
        return self.returncode is not None and not self.has_worked

    def look_after(self) -> None:
        """Start the process again if it died, later each time."""
        now = time.monotonic()
        if self.returncode is None or self.failures >= _MOST_FAILURES:
            return
        if self.restart_at is not None:
            if now >= self.restart_at:
                self._start()
            return
        close_pipe(self.process.stdin)
        self.failures = 1 if now - self.started > _HEALTHY_S else self.failures + 1
        if self.failures < _MOST_FAILURES:
            self.restart_at = now + 0.5 * 2.0**self.failures
            return
        print(
            f"gym_rated: {self.module} ended {self.failures} times (code {self.returncode}) and is "
            "given up; what is rated is kept, and `gym-rated rate` serves it again",
            file=sys.stderr,
        )

    def end(self) -> None:
        """Ask the process to end, and see that it does."""
        close_pipe(self.process.stdin)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def close_pipe(pipe: IO[bytes] | None) -> None:
    """Close an end of a pipe, if there is one, whatever became of the other."""
    if pipe is not None:
        with suppress(OSError):
            pipe.close()


def main() -> int:
    """Watch over the plan on the command line; returns the exit code."""
    if len(sys.argv) != 2:
        print(
            f"gym_rated.human.watching: one plan must be given, got {len(sys.argv) - 1} words; "
            "`gym-rated rate` makes it",
            file=sys.stderr,
        )
        return 2
    words = json.loads(sys.argv[1])
    plan = Plan(tuple(words["page"]), tuple(words["worker"]), words["num_workers"])
    over = threading.Event()

    def watch() -> None:
        while sys.stdin.buffer.read(4_096):
            pass
        over.set()

    threading.Thread(target=watch, daemon=True).start()

    def say(line: str) -> None:
        with suppress(BrokenPipeError):  # the trainer is gone, and so will we be
            print(line, flush=True)

    return supervise(plan, say, over.is_set)


if __name__ == "__main__":
    sys.exit(main())
