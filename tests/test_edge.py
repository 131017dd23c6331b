"""Where a command line ends: sentences for the user, tracebacks for bugs."""

import errno
from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest
import torch

from gym_rated import SyntheticRater
from gym_rated.edge import run_command
from gym_rated.imports import named_extras


def refuse() -> None:
    SyntheticRater(1)


def fill_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def lack_package() -> None:
    with named_extras():
        import stable_baselines4  # noqa: F401


def know_no_id() -> None:
    gym.spec("Nothing-v0")


def unpack_wrongly() -> None:
    _, _ = (1, 2, 3)  # type: ignore[misc]


def quote_in_torch() -> None:
    torch.zeros(2).reshape(torch.zeros(1))  # type: ignore[arg-type]


def fail_in_a_library() -> None:
    np.zeros(3).reshape(2, 2)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (refuse, "`num_classes` must be at least 2, got 1"),
        (fill_disk, "No space left on device"),
        (lack_package, "stable_baselines4"),
        (know_no_id, "Nothing"),
    ],
)
def test_what_was_refused_is_one_sentence_and_code_2(
    command: Callable[[], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("gym-rated try", command) == 2
    said = capsys.readouterr().err
    assert said.startswith("gym-rated try: ")
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", [unpack_wrongly, quote_in_torch, fail_in_a_library])
def test_a_bug_keeps_its_traceback(command: Callable[[], None]) -> None:
    with pytest.raises((ValueError, TypeError)):
        run_command("gym-rated try", command)


def test_an_interrupted_command_ends_with_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert run_command("demo", interrupt) == 130
    assert capsys.readouterr().err == "demo: interrupted\n"


def test_a_command_decides_about_its_code() -> None:
    assert [run_command("demo", lambda code=code: code) for code in (None, 0, 3)] == [0, 0, 3]  # type: ignore[misc]
