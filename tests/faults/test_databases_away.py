"""A database that is locked, or not where it was, costs no question and no answer."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from arms import Arm, asked_and_answered, traces
from killing import chosen_kills, die, forked
from tally import Tally

from gym_rated.human.store import engine
from gym_rated.runs.names import DATABASE

pytestmark = pytest.mark.faults

ARMS = [Arm("ppo", "human, waited for"), Arm("sac_continuous_action", "human, waited for")]
PARTS = ("", "-wal", "-shm")


@pytest.mark.parametrize("arm", ARMS, ids=str)
def test_a_locked_database_is_waited_for(arm: Arm, folder: Path, tally: Tally) -> None:
    """Another program holds the database while segments are stored or answers collected."""
    whole, names = _left_alone(arm, folder)
    held: list[sqlite3.Connection] = []
    begins = [k for k, n in enumerate(names) if n in ("before sending", "before collecting")]

    def lock(run: Path) -> None:
        engine.BUSY_TIMEOUT_S = 0.05
        held.append(sqlite3.connect(run / DATABASE, isolation_level=None))
        held[0].execute("PRAGMA busy_timeout = 5000")
        held[0].execute("BEGIN IMMEDIATE")

    for at in begins[:: max(1, len(begins) // 6)]:
        run = folder / str(at) / "run"
        run.parent.mkdir()
        faults = {at: lambda run=run: lock(run), at + 2: lambda: held.pop().close()}
        ended = forked(folder / "said", arm.train, run, faults)
        problem = _difference(ended, run, whole)
        tally.record("database locked", "lost" if problem else "kept", f"{names[at]}: {problem}")
    assert not [text for text in tally.lost if text.startswith("database locked")]


@pytest.mark.parametrize("arm", ARMS, ids=str)
def test_a_database_that_was_moved_and_is_brought_back_has_all(
    arm: Arm, folder: Path, tally: Tally
) -> None:
    """It is moved under the running trainer, whole; the run may end, but not lose or double.

    A run that goes on without it has its answers later, and may take another course from there.
    """
    whole, names = _left_alone(arm, folder)
    for at in chosen_kills(names[len(names) // 3 :], 6, seed=1):
        run = folder / str(at) / "run"
        run.parent.mkdir()
        aside = run.with_name("aside.db")
        faults = {at + len(names) // 3: lambda run=run, aside=aside: _move(run / DATABASE, aside)}
        first = forked(folder / "said", arm.train, run, faults)
        if aside.exists():
            if (run / DATABASE).exists():  # a new one in its place has nothing in it
                assert not _rows_of(run / DATABASE)
            _move(aside, run / DATABASE)
        ended = forked(folder / "said", arm.train, run)
        problem = _loss(ended, run, whole)
        words = "" if not first.error or "`" in first.error else first.error
        outcome = "lost" if problem or words else "kept"
        tally.record("database moved and brought back", outcome, f"{at}: {problem} {words}")
    assert not [text for text in tally.lost if text.startswith("database moved")]


def test_a_run_whose_database_is_gone_says_so(folder: Path, tally: Tally) -> None:
    """Its checkpoint knows of questions; an empty database must not make it ask as if anew."""
    arm = ARMS[0]
    _, names = _left_alone(arm, folder)
    run = folder / "gone" / "run"
    run.parent.mkdir()
    at = max(k for k, name in enumerate(names) if name == "after a fit")  # others were asked before
    forked(folder / "said", arm.train, run, {at: die})
    for part in PARTS:
        Path(f"{run / DATABASE}{part}").unlink(missing_ok=True)
    ended = forked(folder / "said", arm.train, run)
    outcome = "refused" if "`db`" in ended.error else "lost"
    tally.record("database gone", outcome, str(ended))
    assert outcome == "refused", (folder / "said").read_text()


def _left_alone(arm: Arm, folder: Path) -> tuple[dict[str, Any], list[str]]:
    run = folder / "whole" / "run"
    run.parent.mkdir()
    told = forked(folder / "whole.txt", arm.train, run)
    assert not told.error, (folder / "whole.txt").read_text()
    return traces(run), told.value


def _difference(ended: Any, run: Path, whole: dict[str, Any]) -> str:
    if ended.error or ended.signal:
        return str(ended)
    found = traces(run)
    return ", ".join(name for name in whole if found.get(name) != whole[name])


def _loss(ended: Any, run: Path, whole: dict[str, Any]) -> str:
    """Say what a run lacks that was left alone, or has twice, whatever came in between."""
    if ended.error or ended.signal:
        return str(ended)
    found = traces(run)
    num_ratings = [each["result"]["num_ratings"] for each in (whole, found)]
    same = {
        "asked": sorted(found["asked"]) == sorted(whole["asked"]),
        "answered": sorted(found["answered"]) == sorted(whole["answered"]),
        "ratings": num_ratings[0] == num_ratings[1],
    }
    return ", ".join(name for name, is_same in same.items() if not is_same)


def _move(source: Path, target: Path) -> None:
    for part in PARTS:
        if (path := Path(f"{source}{part}")).exists():
            path.replace(f"{target}{part}")


def _rows_of(db: Path) -> list[Any]:
    try:
        return asked_and_answered(db)[0]
    except IndexError:
        return []
