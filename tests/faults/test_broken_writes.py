"""A full, read-only or broken disk costs a run no more than it did since its checkpoint."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from arms import Arm, traces
from disks import fill, free, freed_after, set_writable, small_disk
from killing import begun, chosen_kills, die, forked, waited
from tally import Tally

pytestmark = pytest.mark.faults

ARMS = [
    Arm("ppo", "synthetic"),
    Arm("ppo", "human, in the lead"),
    Arm("ppo_continuous_action", "human, waited for"),
    Arm("sac_continuous_action", "callable"),
]
SYNCED, REPLACED = "before syncing", "before replacing"


@dataclass(frozen=True)
class Left:
    """A run that was left alone: its events, and what it left."""

    names: list[str]
    traces: dict[str, Any]


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Arm], Left]:
    found: dict[Arm, Left] = {}

    def run(arm: Arm) -> Left:
        if arm not in found:
            folder = tmp_path_factory.mktemp("whole") / "run"
            told = forked(folder.with_name("said.txt"), arm.train, folder)
            assert not told.error, folder.with_name("said.txt").read_text()
            found[arm] = Left(told.value, traces(folder))
        return found[arm]

    return run


def in_own_words(error: str) -> bool:
    """Whether an error names an argument or a file in backticks, and is none of the system's."""
    return "`" in error and "[Errno" not in error


def judge(tally: Tally, kind: str, where: str, arm: Arm, run: Path, expected: Left) -> None:
    """Resume a run that met a fault, and compare it."""
    ended = forked(run.parent / "resumed.txt", arm.train, run)
    problem = str(ended) if ended.error or ended.signal else ""
    if not problem and (found := traces(run)) != expected.traces:
        problem = f"differs in {[n for n in expected.traces if found.get(n) != expected.traces[n]]}"
    tally.record(kind, "lost" if problem else "kept", f"{arm}, {where}: {problem}")


def judge_words(tally: Tally, kind: str, where: str, error: str) -> None:
    """Record how a fault was told; a run that went on in spite of it told nothing."""
    if error:
        outcome = "refused" if in_own_words(error) else "lost"
        tally.record(f"words of: {kind}", outcome, f"{where}: {error}")


def check(tally: Tally, *kinds: str) -> None:
    assert not [text for text in tally.lost if text.startswith(kinds)]


@pytest.mark.parametrize("arm", ARMS, ids=str)
@pytest.mark.parametrize(
    ("prefix", "number"),
    [(SYNCED, errno.EIO), (SYNCED, errno.ENOSPC), (REPLACED, errno.ENOSPC), (REPLACED, errno.EIO)],
)
def test_an_error_of_the_disk_costs_no_checkpoint(
    arm: Arm, prefix: str, number: int, folder: Path, tally: Tally, left_alone: Any
) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number), "a file")

    kind = f"error of the disk {prefix}: {errno.errorcode[number]}"
    whole = left_alone(arm)
    places = [k for k, name in enumerate(whole.names) if name.startswith(prefix)]
    for k in chosen_kills([whole.names[place] for place in places], 3, seed=number):
        run = folder / str(k) / "run"
        run.parent.mkdir()
        ended = forked(folder / "said", arm.train, run, {places[k]: fail})
        where = whole.names[places[k]]
        judge_words(tally, kind, where, ended.error)
        judge(tally, kind, where, arm, run, whole)
    check(tally, kind, f"words of: {kind}")


@pytest.mark.parametrize("arm", ARMS, ids=str)
def test_a_full_disk_costs_no_checkpoint(
    arm: Arm, folder: Path, tally: Tally, left_alone: Any
) -> None:
    kind, whole = "disk full", left_alone(arm)
    for k in chosen_kills(whole.names, 5, seed=len(str(arm))):
        with small_disk() as disk:
            run = disk / "run"
            pid = begun(folder / "said", arm.train, run, {k: lambda: fill(disk)})
            ended = waited(folder / "said", pid, freed_after(disk, 3.0))  # who rates by hand waits
            free(disk)
            judge_words(tally, kind, whole.names[k], ended.error)
            judge(tally, kind, whole.names[k], arm, run, whole)
    check(tally, kind, f"words of: {kind}")


@pytest.mark.parametrize("arm", ARMS, ids=str)
def test_a_run_on_a_read_only_disk_is_refused_and_stays_as_it_is(
    arm: Arm, folder: Path, tally: Tally, left_alone: Any
) -> None:
    kind, whole = "disk read-only", left_alone(arm)
    last = len(whole.names) - 1
    for k in (last // 3, last // 2):
        with small_disk() as disk:
            run = disk / "run"
            forked(folder / "said", arm.train, run, {k: die})
            set_writable(disk, False)
            ended = forked(folder / "said", arm.train, run)
            set_writable(disk, True)
            assert ended.error
            judge_words(tally, kind, whole.names[k], ended.error)
            judge(tally, kind, whole.names[k], arm, run, whole)
    check(tally, kind, f"words of: {kind}")
