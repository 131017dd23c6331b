"""The render worker: takes jobs from the store, draws them, and puts clips in their place.

`python -m gym_rated.human.clips.worker --db URL`. It keeps nothing that matters in memory: killed
at any instant, it leaves a job whose lease expires (`lease`), and another worker takes that. A
clip and its query appear in one transaction, so no segment is ever asked about twice.

What fails is treated by what it says about the next job. An episode that does not repeat itself is
dropped, and counted, at once. Any other failure of one segment is tried again, later each time, and
dropped after three. Where nothing can be drawn at all, jobs are kept, the reason is printed once
and shown on the page, and drawing is tried again every half minute.
"""

import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, TypeVar

import tyro

from gym_rated.environments.rendering import CannotRender
from gym_rated.human.clips.drawing import Quality
from gym_rated.human.clips.encode import encode
from gym_rated.human.clips.lease import held
from gym_rated.human.clips.render import ReplayMismatch, SegmentRenderer
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import (
    PASSING,
    Clip,
    Conflict,
    Store,
    StoreError,
    TakenJob,
)

TRIES = 3
"""How often one segment is tried before it is dropped."""
LONGEST_WAIT_S = 30.0
_POLL_S = 0.5
_END_S = 3.0
_BEAT_S = 10.0  # between two signs of life

_T = TypeVar("_T")


@dataclass
class WorkerArgs:
    """Draw the segments that wait in a database, until ended."""

    db: str
    """the database: a file, or a URL"""
    size: int = 480
    """longer side of a clip in pixels"""
    quality: Quality = "fast"
    """"fast", or "nice" with smooth edges, which takes three times the CPU time"""
    lease_s: float = 10.0
    """seconds without a sign of life after which another worker may take this one's job"""
    trust: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """environment such as my_envs:My-v0 whose module may be imported; may be given several times"""
    exit_with_stdin: bool = False
    """end when standard input is closed, as it is when the process that started this one ends"""


class Worker:
    """Turn jobs into clips, one at a time.

    Args:
        store: Where the jobs are; closed by whoever opened it.
        args: Sizes and times; its `db` is not used.
        is_over: Asked between two jobs, and while waiting.
        say: Called with each new trouble, a sentence.
    """

    def __init__(
        self,
        store: Store,
        args: WorkerArgs,
        is_over: threading.Event | None = None,
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}"
        self.num_clips = 0
        self._store, self._args, self._say = store, args, say
        self._is_over = is_over or threading.Event()
        self._renderer = SegmentRenderer(size=args.size, quality=args.quality, trust=args.trust)
        self._problem = ""
        self._known_reasons: set[str] = set()
        self._next_beat = 0.0

    def run(self) -> None:
        """Work until it is over."""
        try:
            while not self._is_over.is_set():
                self._beat()
                if not self.do_one():
                    self._is_over.wait(_POLL_S)
        finally:
            self._renderer.close()

    def do_one(self) -> bool:
        """Do one job; returns False if there was none."""
        taken = self._insist(lambda: self._store.take_job(self.name, self._args.lease_s))
        if taken is None:
            return False
        with held(self._store, taken, self._args.lease_s):
            clip, reason = self._make_clip(taken)
            if clip is not None:
                with suppress(Conflict):  # another worker was faster
                    self._insist(lambda: self._store.finish_job(taken, clip))
                    self.num_clips += 1
            elif reason:
                self._insist(lambda: self._store.drop_job(taken, reason))
        return True

    def _make_clip(self, taken: TakenJob) -> tuple[Clip | None, str]:
        """Return the clip, or why there is none; neither where it was over before."""
        failures = 0
        while not self._is_over.is_set():
            try:
                clip = self._draw(taken)
                self._report("")
                return clip, ""
            except CannotRender as error:
                self._report(str(error))
                self._wait(LONGEST_WAIT_S)
            except ReplayMismatch as error:
                return None, self._dropped(taken, error.short, str(error))
            except Refused as error:
                return None, self._dropped(taken, str(error))
            except Exception as error:
                failures += 1
                if failures == TRIES:
                    return None, self._dropped(taken, f"{type(error).__name__}: {error}")
                self._wait(2.0 ** (failures - 1))
            self._renderer.close()  # what failed may have left it in any state
        return None, ""

    def _dropped(self, taken: TakenJob, reason: str, text: str = "") -> str:
        """Say what is dropped for a new reason; the same again is only counted."""
        if reason not in self._known_reasons:
            self._known_reasons.add(reason)
            more = "further segments that fail so are counted (gym-rated status)"
            name = taken.job.segment_id
            self._say(
                f"gym_rated dropped segment {name} of {taken.run_id}: {text or reason}; {more}"
            )
        return reason

    def _draw(self, taken: TakenJob) -> Clip:
        recipe = taken.job.recipe
        try:
            segment = unpack_segment(taken.job.blob)
        except ValueError as error:
            raise Refused(str(error)) from error
        if recipe.get("captured"):
            raise Refused("it was filmed as it happened, so that its clip cannot be made anew")
        if segment.raw_actions is None:
            raise Refused("the segment has no raw actions; record it with record_replay=True")
        frames = self._renderer(recipe, segment.raw_actions, segment.obs)
        fps = float(recipe.get("fps") or self._renderer.fps)
        return encode(frames, fps, taken.codec)

    def _insist(self, action: Callable[[], _T]) -> _T | None:
        """Do something with the store, when it can be done; None if it is over before."""
        wait_s = 1.0
        while not self._is_over.is_set():
            try:
                result = action()
            except PASSING as error:
                self._report(str(error))
                self._wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                if wait_s > 1.0:
                    self._report("")
                return result
        return None

    def _report(self, problem: str) -> None:
        """Say what is wrong, once; an empty text says that nothing is."""
        if problem != self._problem:
            self._problem, self._next_beat = problem, 0.0
            if problem:
                self._say(problem)
        self._beat()

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            with suppress(*PASSING):  # the page shows an older sign of life
                self._store.seen_worker(self.name, self._problem)
            self._next_beat = time.monotonic() + _BEAT_S

    def _wait(self, seconds: float) -> None:
        """Wait, and go on giving signs of life."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._is_over.is_set():
            self._is_over.wait(min(left, _BEAT_S))
            self._beat()


class Refused(ValueError):
    """A job that no try can turn into a clip."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker; returns the exit code."""
    args = tyro.cli(WorkerArgs, args=argv, prog="python -m gym_rated.human.clips.worker")
    is_over = threading.Event()
    if args.exit_with_stdin:
        threading.Thread(target=_watch_stdin, args=(is_over,), daemon=True).start()
    _step_back()
    try:
        with Store(args.db) as store:
            Worker(store, args, is_over).run()
    except (StoreError, ValueError) as error:
        print(f"gym_rated cannot make clips: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _watch_stdin(is_over: threading.Event) -> None:
    with suppress(OSError, ValueError):
        while sys.stdin.buffer.read(4_096):
            pass
    is_over.set()
    time.sleep(_END_S)  # for a clip that is nearly done
    os._exit(0)


def _step_back() -> None:
    """Leave processor and terminal to others."""
    os.nice(5)  # training and the page come first
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    warnings.simplefilter("ignore")  # the trainer has shown what its environment warns of


if __name__ == "__main__":
    sys.exit(main())
