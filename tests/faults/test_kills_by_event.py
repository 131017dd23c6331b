"""A run that was killed between any two events ends as if it had not been."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from arms import NUM_ASKED, RATERS, SCRIPTS, Arm, overlaps, traces
from killing import chosen_kills, die, forked
from tally import Tally

from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import Store
from gym_rated.runs.names import DATABASE, RATINGS

pytestmark = pytest.mark.faults

KILLS, HUMAN_KILLS = 11, 20  # of each arm; other arms die at events of other names
ARMS = [Arm(script, rater) for script in SCRIPTS for rater in RATERS]


@pytest.mark.parametrize("arm", ARMS, ids=str)
def test_a_killed_run_ends_as_the_same_run_left_alone(arm: Arm, folder: Path, tally: Tally) -> None:
    if arm.rater == "replayed file":
        arm = replace(arm, recorded=_recording(arm.script, folder))
    whole = folder / "whole" / "run"
    whole.parent.mkdir()
    told = forked(folder / "whole.txt", arm.train, whole)
    assert not told.error, (folder / "whole.txt").read_text()
    names, expected = told.value, traces(whole)
    assert json.loads((whole / "result.json").read_text())["num_ratings"] == NUM_ASKED
    _check_questions(whole)

    most = HUMAN_KILLS if "human" in arm.rater else KILLS
    for number in chosen_kills(names, most, seed=ARMS.index(replace(arm, recorded=None))):
        problem = _killed_and_resumed(arm, folder / f"{number}" / "run", number, expected)
        outcome = "lost" if problem else "kept"
        tally.record(f"kill: {arm}", outcome, f"{names[number]} ({number}): {problem}")
    lost = [text for text in tally.lost if text.startswith(f"kill: {arm}:")]
    assert not lost


def _killed_and_resumed(arm: Arm, folder: Path, number: int, expected: dict) -> str:
    """Return what is wrong with a run that was killed at an event, and then resumed; or ""."""
    folder.parent.mkdir()
    said = folder.with_name("said.txt")
    killed = forked(said, arm.train, folder, {number: die})
    if killed.signal != signal.SIGKILL:
        return f"it was not killed, but ended with {killed}"
    resumed = forked(said, arm.train, folder)
    if resumed.error or resumed.signal:
        return f"the resumed run ended with {resumed}"
    found = traces(folder)
    wrong = [name for name in expected if found.get(name) != expected[name]]
    return f"it differs in {', '.join(wrong)}" if wrong else ""


def _check_questions(folder: Path) -> None:
    """See that people are asked once about each of the segments, which do not overlap."""
    if not (folder / DATABASE).exists():
        return
    with Store(folder / DATABASE) as store:
        segments = [unpack_segment(blob) for _, blob in store.blobs(store.runs()[0].id)]
    assert len({segment.id for segment in segments}) == len(segments) == NUM_ASKED
    assert not overlaps(segments)


def _recording(script: str, folder: Path) -> Path:
    """Return the ratings of a run whose rater is a function."""
    run, said = folder / "recorded", folder / "recorded.txt"
    told = forked(said, Arm(script, "callable").train, run)
    assert not told.error, said.read_text()
    return run / RATINGS
