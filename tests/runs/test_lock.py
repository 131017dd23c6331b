"""One process at a time writes a run's folder, and a killed one lets go of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gym_rated.runs import RunWriter
from gym_rated.runs.lock import hold_folder, lock_folder

HOLD = (
    "import sys, time; from gym_rated.runs import RunWriter\n"
    "run = RunWriter(sys.argv[1], {}, tensorboard=False)\n"
    "print('held', flush=True); time.sleep(600)"
)


def holder(folder: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_run_that_another_process_writes_is_refused_until_that_is_killed(tmp_path: Path) -> None:
    process = holder(tmp_path)
    config = (tmp_path / "config.json").read_bytes()
    said = rf"`run_dir` must not be in use, got .*, which process {process.pid} on \S+ \(since"
    with pytest.raises(RuntimeError, match=said):
        RunWriter(tmp_path, {}, resume=True, resume_step=0, tensorboard=False)
    assert (tmp_path / "config.json").read_bytes() == config  # no resumption was noted
    process.send_signal(signal.SIGKILL)
    process.communicate()
    RunWriter(tmp_path, {}, resume=True, resume_step=0, tensorboard=False).close()


def test_two_writers_of_one_process_do_not_share_a_run_either(tmp_path: Path) -> None:
    with (
        RunWriter(tmp_path, {}, tensorboard=False),
        pytest.raises(RuntimeError, match=f"which process {os.getpid()} on"),
    ):
        RunWriter(tmp_path, {}, resume=True, resume_step=0, tensorboard=False)
    RunWriter(tmp_path, {}, resume=True, resume_step=0, tensorboard=False).close()


def test_a_writer_that_could_not_begin_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"args": {}}')
    (tmp_path / "metrics.jsonl").write_text("damaged\nlines\n")
    with pytest.raises(ValueError, match="undamaged metrics"):
        RunWriter(tmp_path, {}, resume=True, resume_step=0, tensorboard=False)
    lock_folder(tmp_path).release()


def test_a_folder_that_was_made_for_nothing_is_gone(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "run"):
        owner = json.loads((tmp_path / "run" / "run.lock.json").read_text())
    assert owner["pid"] == os.getpid()
    assert not (tmp_path / "run").exists()
    with hold_folder(tmp_path / "lab" / "one"):
        (tmp_path / "lab" / "two").mkdir()
    assert [path.name for path in (tmp_path / "lab").iterdir()] == ["two"]
    with hold_folder(tmp_path / "new" / "run"):
        pass
    assert not (tmp_path / "new").exists()
    with hold_folder(tmp_path / "run"):
        (tmp_path / "run" / "made").write_text("")
    assert (tmp_path / "run" / "made").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(NotADirectoryError, match="`run_dir` must be a folder, got the file"):
        lock_folder(tmp_path / "file")
    with pytest.raises(OSError, match=r"file/run` could not be written: Not a directory"):
        lock_folder(tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "precious"
