"""A run of a script that is killed, beside the same run left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gym_rated.runs import read_metrics


def run_whole_and_killed(
    script: str, flags: Mapping[str, Any], whole: Path, killed: Path, kill_at: int
) -> None:
    """Run a script twice, and kill -9 the second run once it has logged the step `kill_at`."""
    command = [sys.executable, script, *as_words(flags)]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--run-dir", whole], env=environ, check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "--run-dir", killed, "--checkpoint-every-s", "0"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_step(killed, kill_at, process)
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


def _wait_for_step(folder: Path, step: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "metrics.jsonl").exists():
            steps = read_metrics(folder).get("charts/SPS", ([0],))[0]
            if len(steps) and steps[-1] >= step:
                return
        time.sleep(0.02)
    pytest.fail(f"the run did not reach step {step}; exit code {process.poll()}")
