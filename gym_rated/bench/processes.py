"""Processes of runs: how one is begun, watched and stopped, here and on a node of a cluster.

It stands alone, importing nothing of the package: a node is sent these functions as they are, and
says by them what it has.
"""

import hashlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GRACE_S = 15.0
"""How long a script has to end after it was interrupted."""

_LEASH = Path(__file__).with_name("leash.py").read_text()
_POLL_S = 0.05
_LATE_S = 5.0  # that a file may be seen later in a folder over a network


def begin(
    words: Sequence[str], log: Path, environ: Mapping[str, str], folder: Path | None = None
) -> "subprocess.Popen[bytes]":
    """Begin a run, which ends when this process ends.

    Args:
        words: What Python is called with.
        log: File that output and errors are added to.
        environ: Variables of its process.
        folder: Where it works; where this process does by default.
    """
    command = [sys.executable, "-S", "-E", "-c", _LEASH, str(os.getpid()), *words]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=folder,
            start_new_session=True,  # a Ctrl-C on the terminal is for the driver alone
        )


def stop(processes: Collection["subprocess.Popen[bytes]"]) -> None:
    """Interrupt processes, with all that they have started, and kill those that do not end."""
    for process in processes:
        _signal(process, signal.SIGINT)
    deadline = time.monotonic() + GRACE_S
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            if process.poll() is None:
                _signal(process, signal.SIGKILL)
                process.wait()


def run_to_its_end(
    words: Sequence[str],
    log: Path,
    variables: Mapping[str, str],
    folder: Path,
    script: tuple[Path, str] | None,
) -> int | str:
    """Run a run on a node; an exception, as of who cancels it, stops it.

    Args:
        words: What Python is called with.
        log: File that output and errors are added to.
        variables: What its process has other than this one.
        folder: Where it works.
        script: File and SHA-256 of what is run; None for a module of the package.

    Returns:
        The exit code of its process, or why it was not begun.
    """
    if script is not None:
        path, sha256 = script
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            return f"the node {platform.node()} has not the same {path}"
    process = begin(words, log, os.environ | variables, folder)
    try:
        while process.poll() is None:
            time.sleep(_POLL_S)  # in which it can be interrupted
    finally:
        stop([process])
    return int(process.returncode)


def look(
    probe: Path, content: str, variables: Mapping[str, str], folder: Path
) -> dict[str, str | bool]:
    """Say what a node has.

    Args:
        probe: A file in the folder of all runs.
        content: What is in it.
        variables: As of `run_to_its_end`.
        folder: Where runs will work.

    Returns:
        Whether it sees the file and may write beside it ("dir"), whether there is such a folder to
        work in ("here"), and its versions.
    """
    deadline = time.monotonic() + _LATE_S
    while not (found := probe.is_file()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    asked = "import gym_rated; print(gym_rated.__version__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", asked],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        cwd=folder if folder.is_dir() else None,
    )
    return {
        "dir": found and probe.read_text() == content and os.access(probe.parent, os.W_OK),
        "here": folder.is_dir(),
        "Python": platform.python_version(),
        "gym_rated": done.stdout.strip() if done.returncode == 0 else "none",
    }


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
