"""Keep a training run no faster than the people who rate it.

A run of 250,000 steps takes half a minute, and 500 ratings take a person 25 minutes. So between
steps, never within one, the run waits while too many of its segments are unanswered.
"""

import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from gym_rated.agreeing import Agreeing
from gym_rated.environments.seeded import REMEDY
from gym_rated.human.tempo import Tempo

_POLL_S = 0.2
_SEEN_S = 2.0  # seconds between two signs of life
_JUDGED_S = 10.0
_ALONE_S = 300.0
_LINE_S = 60.0  # between two lines, where a line cannot be written over


class Pacing:
    """Where a script waits for people.

    Args:
        rater: A `HumanRater`; any other rater answers at once, and is never waited for. One that
            has `unsent` and `send` is told to send when a checkpoint holds what it has to send.
        save: Writes a checkpoint; called before anybody is asked, so that no kill parts the run
            from what they were asked, and before waiting, so that nothing is lost by Ctrl-C.
        max_lead: Segments that may be unanswered while training goes on: 0 waits for all answers,
            infinity for none.
        timeout_s: Seconds without any answer after which waiting is given up.
        run_dir: Folder of the run, to name it in messages.
        learned: Wrapper whose `return_queue` holds returns of the learned reward, for the page.
        judge: Returns what the reward model makes of rated segments (id -> learned return), for the
            page; called every ten seconds at most.
        contradicting: Returns which share of each rater's ratings contradicts the rest (rater ->
            share), as the last fit says; called as often, and at the end.
        agreeing: Returns how often the reward agrees with each rater's newest ratings, likewise.
        doubtful: Returns which segments each rater should look at again (rater -> ids), likewise.
        out: Where the line about waiting goes.

    Raises:
        ValueError: If a number is negative.
    """

    def __init__(
        self,
        rater: Any,
        save: Callable[[], object],
        *,
        max_lead: float = 50,
        timeout_s: float = 3_600.0,
        run_dir: str | Path = "",
        learned: Any = None,
        judge: Callable[[], Mapping[str, float]] | None = None,
        contradicting: Callable[[], Mapping[str, float]] | None = None,
        agreeing: Callable[[], Mapping[str, Agreeing]] | None = None,
        doubtful: Callable[[], Mapping[str, Sequence[str]]] | None = None,
        out: TextIO | None = None,
    ) -> None:
        for name, value in (("max_lead", max_lead), ("rater_timeout_s", timeout_s)):
            if not value >= 0:
                raise ValueError(f"`{name}` must be at least 0, got {value}")
        self.rater: Any = rater if hasattr(rater, "progress") else None
        self._sender: Any = rater if hasattr(rater, "send") else None
        self.max_lead = max_lead
        self._save = save
        self.timeout_s = timeout_s
        self._run_dir = run_dir
        self._learned = learned
        self._judge = judge
        self._judged: Mapping[str, float] = {}
        named = {"contradicting": contradicting, "agreeing": agreeing, "doubtful": doubtful}
        self._opinions: dict[str, Callable[[], Any]] = {k: v for k, v in named.items() if v}
        self._shown: dict[str, Any] = {name: {} for name in named}
        self._judged_at = -math.inf
        self._out = sys.stderr if out is None else out
        self._is_rested = False
        self._seen_at = -math.inf
        self._alone_at: float | None = time.monotonic() + _ALONE_S
        self._tempo = Tempo()

    def hold(self, step: int, *, rest: bool = False) -> bool:
        """Ask about what was chosen since the last call; wait while the run leads by too much.

        Args:
            step: Environment steps so far, for the page.
            rest: Whether the scheduled steps are over: then, once, wait for all answers, if the run
                is one that waits.

        Returns:
            Whether there may be answers to fit to: it waited, or there was no need to any more.

        Raises:
            SystemExit: On Ctrl-C while waiting; it says how to go on.
            TimeoutError: If nobody rates.
        """
        self._tempo.pause(step, time.monotonic())
        try:
            return self._hold(step, rest)
        finally:
            self._tempo.go_on(step, time.monotonic())

    def _hold(self, step: int, rest: bool) -> bool:
        is_saved = self._ask()
        if self.rater is None:
            return False
        self._be_seen(step, "training")
        if math.isinf(self.max_lead):
            self._warn_if_alone()
            return False
        if rest and not self._is_rested:
            self._is_rested = True
            self._wait(0, step, is_saved)
            self._say(step, "learning")
            return True
        if self.rater.num_asked == self.rater.num_settled:  # only asking makes the lead larger
            return False
        self._wait(self.max_lead, step, is_saved)
        self._say(step, "learning")  # the script fits now
        return True

    def close(self) -> None:
        """End the run, for who rates, and the page, if the rater serves one."""
        if self.rater is not None:
            self._show_opinions()
            self.rater.finish()
            self.rater.close()

    def _ask(self) -> bool:
        """Send what waits to be sent, once a checkpoint holds it; says whether one was written."""
        if self._sender is None or not self._sender.unsent:
            return False
        self._save()
        self._sender.send()
        return True

    def _wait(self, lead: float, step: int, is_saved: bool) -> None:
        asked = self.rater.num_asked
        pending = last = self.rater.pending
        changed_at = time.monotonic()
        line = _Line(self._out)
        try:
            while pending > lead or (lead == 0 and self.rater.is_away):  # there may be answers
                if not is_saved:
                    self._save()
                    is_saved = True
                if pending != last:
                    last, changed_at = pending, time.monotonic()
                if time.monotonic() - changed_at > self.timeout_s:
                    raise TimeoutError(self._nobody(pending))
                line.show(lambda: self._describe(lead))
                self._be_seen(step, "waiting")
                time.sleep(_POLL_S)
                if self._sender is not None:
                    self._sender.send()  # where the database was away when it was to be asked
                pending = self.rater.pending
        except KeyboardInterrupt:
            raise SystemExit(
                f"\nstopped while waiting for ratings; nothing is lost: {self._how_to_go_on}"
            ) from None
        finally:
            line.end()
        self._warn_of_dropped()
        self.rater.num_settled = asked

    def _describe(self, lead: float) -> str:
        """Return one line: how many are missing, how fast they come, when that will be."""
        try:
            progress = self.rater.progress()
        except RuntimeError as error:  # a locked or unreachable database: it will be back
            return f"waiting for ratings: {error}"
        missing = max(0, progress.unanswered - int(lead))
        words = [f"waiting for {missing} more ratings", f"{progress.rated} so far"]
        speed = progress.ratings_per_minute
        if speed > 0:
            words += [f"{speed:.1f} a minute", f"about {_duration(60 * missing / speed)}"]
        words += [f"{progress.jobs_waiting} clips in the making"] if progress.jobs_waiting else []
        words += [worker.problem for worker in progress.workers[:1] if worker.problem]
        return " · ".join([*words, self.rater.url or f"`{self._rate_command}`"])

    def _say(self, step: int, doing: str) -> None:
        """Give a sign of life, and say what the run does."""
        self._seen_at = time.monotonic()
        returns = list(getattr(self._learned, "return_queue", ()))[-1:]
        returned = float(returns[0]) if returns else None
        self.rater.seen(step, returned, doing, self._tempo.steps_per_s)

    def _be_seen(self, step: int, doing: str) -> None:
        now = time.monotonic()
        if now - self._seen_at < _SEEN_S:
            return
        self._say(step, doing)
        if now - self._judged_at < _JUDGED_S:
            return
        self._judged_at = now
        self._show_opinions()
        if self._judge is not None and (judged := self._judge()) != self._judged:
            self._judged = judged
            self.rater.show_learned(judged)

    def _show_opinions(self) -> None:
        """Show what the reward makes of the raters, as far as that changed."""
        for name, ask in self._opinions.items():
            if (found := ask()) != self._shown[name]:
                self._shown[name] = found
                getattr(self.rater, f"show_{name}")(found)

    def _warn_if_alone(self) -> None:
        if self._alone_at is None or self.rater.num_answers:
            self._alone_at = None
        elif time.monotonic() > self._alone_at and self.rater.pending:
            self._alone_at = None
            where = self.rater.url or f"with `{self._rate_command}`"
            warnings.warn(f"nobody has rated anything yet; rate at {where}", stacklevel=3)

    def _warn_of_dropped(self) -> None:
        try:
            progress = self.rater.progress()
        except RuntimeError:  # a database that is away for a moment: said elsewhere
            return
        if progress.jobs_dropped:
            reasons = [f"{n} x {why}" for why, n in progress.drop_reasons.items()]
            reasons += [REMEDY] if any("did not repeat" in reason for reason in reasons) else []
            warnings.warn(
                f"{progress.jobs_dropped} segments could not be shown to anybody: "
                f"{'; '.join(reasons)}",
                stacklevel=4,
            )

    def _nobody(self, pending: int) -> str:
        url = f" at {self.rater.url}" if self.rater.url else ""
        return (
            f"nobody rated for {self.timeout_s:.0f} s (`rater_timeout_s`), and {pending} segments "
            f"wait{url}; `gym-rated status --db {self.rater.store.place.name}` says who rates, "
            f"`{self._rate_command}` serves the page; {self._how_to_go_on}"
        )

    @property
    def _rate_command(self) -> str:
        return f"gym-rated rate --db {self.rater.store.place.name}"

    @property
    def _how_to_go_on(self) -> str:
        return f"continue this run with --resume {self._run_dir}"


class _Line:
    """A line that is written over where that is possible."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._next_at = -math.inf
        self._is_open = False

    def show(self, text: Callable[[], str]) -> None:
        """Show the line if it is time to."""
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + (1.0 if self._is_terminal else _LINE_S)
        self._is_open = self._is_terminal
        print(
            f"\r{text()}\x1b[K" if self._is_terminal else text(),
            file=self._out,
            flush=True,
            end="" if self._is_terminal else "\n",
        )

    def end(self) -> None:
        """Leave the line as it is."""
        if self._is_open:
            print(file=self._out, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
