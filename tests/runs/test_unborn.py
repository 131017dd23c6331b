"""A start that came to nothing is moved aside, and a run is never taken for one."""

import json
from pathlib import Path

import pytest

from gym_rated.runs import RunWriter
from gym_rated.runs.unborn import is_unborn, set_aside


def begun(folder: Path, script: str | None = "ppo") -> Path:
    with RunWriter(folder, {"seed": 1}, script=script, tensorboard=False) as run:
        run.log(128, {"a": 1})
    return folder


def test_a_start_without_a_checkpoint_is_moved_aside_whole(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "skeleton-1.json").write_text("a first one, cut short")
    (folder / "notes.txt").write_text("mine")
    logged = (folder / "metrics.jsonl").read_bytes()
    assert is_unborn(folder, "ppo")
    assert str(folder / "begun-1") in set_aside(folder)
    assert (folder / "begun-1" / "metrics.jsonl").read_bytes() == logged
    assert json.loads((folder / "begun-1" / "config.json").read_text())["script"] == "ppo"
    assert not (folder / "checkpoint").exists()
    assert (folder / "notes.txt").exists()
    begun(folder)
    assert str(folder / "begun-2") in set_aside(folder)


@pytest.mark.parametrize(
    "made",
    ["result.json", "policy.safetensors", "ratings/ratings.npz", "checkpoint/manifest.json"],
)
def test_a_run_that_made_something_is_none(tmp_path: Path, made: str) -> None:
    path = begun(tmp_path) / made
    path.parent.mkdir(exist_ok=True)
    path.write_text("")  # even if it is damaged
    assert not is_unborn(tmp_path, "ppo")


@pytest.mark.parametrize("script", [None, "mine"])
def test_a_run_of_who_writes_no_checkpoints_is_none(tmp_path: Path, script: str | None) -> None:
    assert not is_unborn(begun(tmp_path, script), "ppo")
    assert not is_unborn(tmp_path / "nothing", "ppo")
