"""A run of a script that is killed, beside the same run left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import IO, Any

import pytest

from gym_rated.runs import read_metrics


def run_whole_and_killed(
    script: ModuleType, flags: Mapping[str, Any], whole: Path, killed: Path, kill_at: int
) -> None:
    """Run a script here, and once more in a process killed once it has logged step `kill_at`."""
    script.train(script.Args(**flags, run_dir=whole))
    command = [sys.executable, script.__file__, *as_words(flags)]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    command += ["--run-dir", killed, "--checkpoint-every-s", "0"]
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=environ, stdout=said, stderr=said)
        try:
            wait_for(lambda: _last_step(killed) >= kill_at, process, said)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def as_words(flags: Mapping[str, Any]) -> list[str]:
    """Turn fields of a script's Args into words of its command line."""
    words = []
    for field, value in flags.items():
        name = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, tuple):
            words += [f"--{name}", *map(str, value)]
        else:
            words += [f"--{name}", str(value)]
    return words


def rows(folder: Path) -> list[dict[str, float]]:
    """Read the metrics of a run without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timed = ("time_s", "charts/SPS", "rated/duration_s")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


def wait_for(
    is_so: Callable[[], bool], process: subprocess.Popen[bytes], said: IO[str], timeout_s: int = 600
) -> None:
    """Wait for what a process does; fail with its own words if it ends, or takes very long."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        code = process.poll()
        if code is not None or time.monotonic() > deadline:
            said.seek(0)
            state = f"within {timeout_s} s" if code is None else f"but ended with code {code}"
            pytest.fail(f"{process.args} did not do it {state}; it said:\n{said.read()}")
        time.sleep(0.02)


def _last_step(folder: Path) -> int:
    if not (folder / "metrics.jsonl").exists():
        return 0
    steps = read_metrics(folder).get("charts/SPS", ([],))[0]
    return int(steps[-1]) if len(steps) else 0
