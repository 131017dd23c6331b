"""Comparing by short chunks in turn: on a shared machine a time says little, a ratio much.

Each contender is a process that works only when it is asked to. In a turn each does its number of
chunks, spread evenly over the turn, so that what slows the machine down slows all of them down.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Contender:
    """What is timed: a function, and what it is asked for."""

    name: str
    function: str
    """`module:function`"""
    options: dict[str, Any] = field(default_factory=dict)
    request: str = ""
    """which of its variants; contenders of the same function and options share a process"""
    chunks: int = 1
    """chunks of a turn"""
    root: Path = ROOT
    """checkout whose gym_rated and scripts are timed"""
    has_before: bool = True
    """whether it is another thing in an earlier checkout"""

    @property
    def spec(self) -> str:
        """What its process is started with."""
        return json.dumps(
            {"function": self.function, "options": self.options, "root": str(self.root)}
        )


@dataclass(frozen=True)
class Case:
    """Contenders that are compared with each other."""

    name: str
    unit: str
    """what a step is"""
    contenders: tuple[Contender, ...]
    turns: int = 15
    """how often each contender is timed, at least 5"""
    weight_s: float = 30.0
    """about how long it takes on an idle machine, for the bar"""


class Worker:
    """The process of one or several contenders."""

    def __init__(self, spec: str, folder: Path) -> None:
        self._spec = spec
        self._errors = folder / "stderr.txt"
        environ = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.speed.worker", spec],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environ,
                cwd=folder,
            )
        self._read()  # it is ready

    def ask(self, request: str) -> dict[str, Any]:
        """Let it work for a chunk; returns its answer: steps, CPU seconds and more."""
        assert self._process.stdin is not None
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        self.stop()
        raise RuntimeError(f"{self._spec} ended:\n{self._errors.read_text()[-2000:]}")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def measure(case: Case, after_turn: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Run all turns of a case.

    Returns:
        `microseconds` of CPU time per step, contender -> median, quartiles and the turns; `counts`,
        contender -> what else its chunks counted, summed.
    """
    costs: dict[str, list[float]] = {contender.name: [] for contender in case.contenders}
    counts: dict[str, Counter[str]] = {name: Counter() for name in costs}
    workers: dict[str, Worker] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for contender in case.contenders:
                if contender.spec not in workers:
                    home = Path(folder) / str(len(workers))
                    home.mkdir()
                    workers[contender.spec] = Worker(contender.spec, home)
            for contender in case.contenders:  # what is slower the first time
                workers[contender.spec].ask(contender.request)
            for turn in range(case.turns):
                for name, cost in one_turn(case, workers, turn, counts).items():
                    costs[name].append(cost)
                after_turn()
        finally:
            for worker in workers.values():
                worker.stop()
    return {
        "unit": case.unit,
        "microseconds": {name: spread(values) for name, values in costs.items()},
        "counts": {name: dict(found) for name, found in counts.items() if found},
    }


def one_turn(
    case: Case, workers: dict[str, Worker], turn: int, counts: dict[str, Counter[str]]
) -> dict[str, float]:
    """Return the microseconds per step of each contender in one turn."""
    steps: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for contender in in_turn(case.contenders, turn):
        answer = workers[contender.spec].ask(contender.request)
        steps[contender.name] += answer["steps"]
        seconds[contender.name] += answer["seconds"]
        counts[contender.name].update(answer.get("counts", {}))
    return {name: 1e6 * seconds[name] / steps[name] for name in steps}


def in_turn(contenders: Sequence[Contender], turn: int) -> list[Contender]:
    """Return who works when: the chunks of each spread evenly, another one first in every turn."""
    first = turn % len(contenders)
    order = [*contenders[first:], *contenders[:first]]
    moments = [((k + 0.5) / c.chunks, i) for i, c in enumerate(order) for k in range(c.chunks)]
    return [order[i] for _, i in sorted(moments)]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return median, quartiles and the values themselves, to four digits."""
    low, median, high = (float(f"{x:.4g}") for x in np.percentile(values, [25, 50, 75]))
    turns = [float(f"{x:.4g}") for x in values]
    return {"median": median, "low": low, "high": high, "turns": turns}


def times_faster(case: dict[str, Any], ours: str, other: str) -> dict[str, Any]:
    """Return how many times as fast `ours` is as `other`, compared within each turn."""
    costs = case["microseconds"]
    return spread(np.array(costs[other]["turns"]) / np.array(costs[ours]["turns"]))
