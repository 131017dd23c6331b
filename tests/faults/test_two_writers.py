"""One process writes a run: a second is told so, and the first is not disturbed."""

from pathlib import Path

import pytest
from arms import Arm, traces
from killing import Ended, begun, die, forked, until, waited
from tally import Tally

pytestmark = pytest.mark.faults

ARMS = [
    Arm("ppo", "synthetic"),
    Arm("ppo", "human, in the lead"),
    Arm("sac_continuous_action", "remote"),
]


@pytest.mark.parametrize("arm", ARMS, ids=str)
@pytest.mark.parametrize("first_is_new", [True, False])
def test_a_second_writer_is_refused_and_the_first_goes_on(
    arm: Arm, first_is_new: bool, folder: Path, tally: Tally
) -> None:
    whole = folder / "whole" / "run"
    whole.parent.mkdir()
    told = forked(folder / "whole.txt", arm.train, whole)
    assert not told.error, (folder / "whole.txt").read_text()
    run, middle = folder / "first" / "run", len(told.value) // 2
    run.parent.mkdir()
    if not first_is_new:
        forked(folder / "killed.txt", arm.train, run, {middle: die})

    pid = begun(folder / "first.txt", arm.train, run, {middle // 2: lambda: _wait(run)})
    until(_mark(run).exists)
    second = forked(folder / "second.txt", arm.train, run)
    _mark(run).unlink()
    first = waited(folder / "first.txt", pid)

    kind = f"second writer of a {'new' if first_is_new else 'resumed'} run"
    tally.record(kind, _outcome(second), f"{arm}: {second}")
    is_whole = not first.error and traces(run) == traces(whole)
    tally.record(f"{kind}: the first", "kept" if is_whole else "lost", f"{arm}: {first}")
    assert not [text for text in tally.lost if text.startswith(kind)]


def _outcome(second: Ended) -> str:
    return "refused" if "must not" in second.error and "`" in second.error else "lost"


def _mark(run: Path) -> Path:
    return run.with_name("waits")


def _wait(run: Path) -> None:
    """Stand still in the middle of a run until the mark is gone."""
    _mark(run).touch()
    until(lambda: not _mark(run).exists())
