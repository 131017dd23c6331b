"""Modules that are command lines of their own: none of them does nothing without a word."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import gym_rated
from gym_rated.cli import COMMANDS, usage
from gym_rated.human import watching

PACKAGE = Path(gym_rated.__file__).parent
COMMAND_LINES = ("gym_rated", "gym_rated.cli", "gym_rated.cli.cli")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent)


@pytest.mark.parametrize("module", COMMAND_LINES)
def test_the_command_line_runs_as_a_module(module: str) -> None:
    done = run(module, "ratte")
    assert done.returncode == 2
    # of gym_rated.cli.cli Python itself warns before, as its package imports it
    assert done.stderr.endswith(
        "gym-rated: there is no command `ratte`; did you mean `rate`?\n\n" + usage() + "\n"
    )


def test_every_module_that_has_a_command_line_also_runs_it() -> None:
    """Who defines a `main` calls it; by reading, as each process takes seconds."""
    of_commands = {command.function.partition(":")[0] for command in COMMANDS.values()}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__main__")
        has_main = re.search(r"^def main\((argv|\))", file.read_text(), re.MULTILINE)
        if has_main or module in of_commands:
            assert 'if __name__ == "__main__":\n' in file.read_text(), module
    for module in COMMAND_LINES[:2]:
        assert find_spec(f"{module}.__main__") is not None


def test_a_watcher_without_a_plan_says_who_makes_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["watching"])
    assert watching.main() == 2
    assert "one plan must be given, got 0 words; `gym-rated rate`" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["status", "minari"])
def test_a_command_runs_as_a_module_of_its_own(name: str) -> None:
    done = run(f"gym_rated.cli.commands.{name}", "--help")
    assert done.returncode == 0
    assert "usage: gym-rated" in done.stdout
