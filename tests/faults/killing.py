"""Events of a run by name, and a process of our own that is killed at one of them.

One process imports everything once. Each trial forks it, so that it costs what the run costs, and
nothing for its start. No hook is in the product: known functions are wrapped in the child.
"""

import functools
import json
import os
import re
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from gymnasium.vector import SyncVectorEnv

from gym_rated import RatingDataset, RewardEnsemble, RewardLearner
from gym_rated.human import HumanRater
from gym_rated.human.store import Store
from gym_rated.runs import RunWriter
from gym_rated.wrappers.questions import Questions

PATIENCE_S = 120  # more than any run here takes; who needs longer hangs
METHODS = [  # class, method, what it does
    (SyncVectorEnv, "step", "a step"),
    (Questions, "choose", "choosing windows"),
    (HumanRater, "submit", "submitting"),
    (HumanRater, "send", "sending"),
    (HumanRater, "collect", "collecting"),
    (Store, "add_jobs", "storing segments"),
    (Store, "record", "storing an answer"),
    (RatingDataset, "update", "taking in answers"),
    (RewardLearner, "fit", "a fit"),
    (RunWriter, "log", "logging a row"),
    (RunWriter, "write_result", "writing the result"),
    (RewardEnsemble, "save", "saving the reward model"),
    (RatingDataset, "save", "saving the ratings"),
]


def die() -> None:
    """End this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Events:
    """What happens in this process, by name; some of them bring a fault.

    Args:
        faults: Number of an event -> what to do then: die, raise, fill the disk.
    """

    def __init__(self, faults: Mapping[int, Callable[[], object]] = MappingProxyType({})) -> None:
        self.faults = faults
        self.names: list[str] = []

    def happen(self, name: str) -> None:
        number = len(self.names)
        self.names.append(name)
        if number in self.faults:
            self.faults[number]()

    def watch(self, owner: Any, attribute: str, say: Callable[..., str]) -> None:
        """Make something happen before and after each call of a function."""
        inner = getattr(owner, attribute)

        @functools.wraps(inner)
        def outer(*args: Any, **kwargs: Any) -> Any:
            what = say(*args)
            self.happen(f"before {what}")
            result = inner(*args, **kwargs)
            self.happen(f"after {what}")
            return result

        setattr(owner, attribute, outer)

    def watch_all(self) -> None:
        for owner, attribute, what in METHODS:
            self.watch(owner, attribute, lambda *_, what=what: what)
        self.watch(os, "replace", lambda _, target, *__: f"replacing {_plain(target)}")
        self.watch(
            os, "fsync", lambda file: f"syncing {_plain(os.readlink(f'/proc/self/fd/{file}'))}"
        )


def _path_of(file: int) -> str:
    return os.readlink(f"/proc/self/fd/{file}")


def _plain(path: Any) -> str:
    """Return the name of a file without what differs from one writing to the next."""
    name = Path(os.fspath(path)).name
    if name.endswith(".tmp"):
        return "a temporary file"
    known = re.sub(r"\d+", "K", name)
    return known if "." in known or known == "checkpoint" else "a folder"


class Ended:
    """How a process ended.

    Attributes:
        signal: What killed it; None if it ended by itself.
        error: The exception that ended it; empty if all went well.
        value: What it returned, as JSON has it.
    """

    def __init__(self, status: int, report: Path) -> None:
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        told = json.loads(report.read_text()) if report.exists() else {}
        self.error = told.get("error", "")
        self.value = told.get("value")
        if not told and self.signal is None:
            self.error = "it ended without a word"

    def __str__(self) -> str:
        return self.error or f"signal {self.signal}"


def forked(said: Path, work: Callable[..., Any], *args: Any) -> Ended:
    """Do work in a fork of this process, and wait for its end; what it prints goes to a file."""
    return waited(said, begun(said, work, *args))


def begun(said: Path, work: Callable[..., Any], *args: Any) -> int:
    """Begin work in a fork of this process; returns its id."""
    _report_of(said).unlink(missing_ok=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:  # from here on we are the child, which must never return
        log = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        sys.stdout = sys.stderr = os.fdopen(log, "w", buffering=1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE_S)
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        try:
            report = {"value": work(*args)}
        except BaseException as error:
            traceback.print_exc(file=sys.stdout)
            report = {"error": f"{type(error).__name__}: {error}"}
        _report_of(said).write_text(json.dumps(report))
    finally:
        os._exit(0)


def waited(said: Path, pid: int, meanwhile: Callable[[], object] = lambda: None) -> Ended:
    """Wait for the end of what `begun` began, and do something again and again meanwhile."""
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
        meanwhile()
        time.sleep(0.005)
    return Ended(done[1], _report_of(said))


def _report_of(said: Path) -> Path:
    return said.with_suffix(".json")


def chosen_kills(names: list[str], most: int, seed: int) -> list[int]:
    """Choose events to die at, of as many different names as there is room for.

    Args:
        names: What happened in a run that was left alone.
        most: How many to choose.
        seed: Of the choice.
    """
    rng = np.random.default_rng(seed)
    places: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        places.setdefault(name, []).append(number)
    chosen = rng.permutation(list(places))[:most]
    return sorted(int(rng.choice(places[name])) for name in chosen)


def until(is_so: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Wait for what another process does."""
    give_up = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)
