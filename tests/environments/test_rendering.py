import os
import sys
import types
from typing import Any

import pytest

from gym_rated.environments import rendering
from gym_rated.environments.rendering import ensure_rendering, prepare_capture


class Probe:
    """In the place of the process that tries to render: some backends work, others do not."""

    def __init__(self, *works: str) -> None:
        self.works = works
        self.tried: list[str] = []
        self.asked: list[str] = []

    def __call__(self, env_id: str, backend: str, kwargs: Any, *, timeout_s: float) -> str | None:
        self.tried.append(backend)
        self.asked.append(env_id)
        return None if backend in self.works else f"no {backend} for {env_id} in {timeout_s:g} s"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "restored after the test")
    monkeypatch.delenv("MUJOCO_GL")
    for name in ("moviepy", "pygame"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))


def replaced(monkeypatch: pytest.MonkeyPatch, *works: str) -> Probe:
    probe = Probe(*works)
    monkeypatch.setattr(rendering, "try_to_render", probe)
    return probe


@pytest.mark.parametrize(
    ("works", "chosen", "tried"),
    [
        (("egl", "osmesa"), "egl", ["egl"]),
        (("osmesa",), "osmesa", ["egl", "osmesa"]),
    ],
)
def test_the_first_backend_that_works_is_chosen(
    monkeypatch: pytest.MonkeyPatch, works: Any, chosen: str, tried: list[str]
) -> None:
    probe = replaced(monkeypatch, *works)
    ensure_rendering("Any-v0")
    assert os.environ["MUJOCO_GL"] == chosen
    assert probe.tried == tried


def test_what_the_user_chose_is_kept_and_nothing_else_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    probe = replaced(monkeypatch, "egl")
    with pytest.raises(RuntimeError, match="Tried: glfw: no glfw for Any-v0 in 120 s"):
        ensure_rendering("Any-v0")
    assert probe.tried == ["glfw"]
    assert os.environ["MUJOCO_GL"] == "glfw"


def test_where_nothing_works_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replaced(monkeypatch)
    with pytest.raises(RuntimeError) as caught:
        ensure_rendering("Any-v0", timeout_s=7)
    text = str(caught.value)
    assert text.startswith("gym_rated cannot render Any-v0: no offscreen OpenGL.")
    assert "apt-get install libegl1 libgl1 libgl1-mesa-dri (MUJOCO_GL=egl) or libosmesa6" in text
    assert "Tried: egl: no egl for Any-v0 in 7 s; osmesa: no osmesa for Any-v0 in 7 s." in text
    assert "MUJOCO_GL" not in os.environ


def test_a_real_cartpole_is_rendered() -> None:
    ensure_rendering("CartPole-v1")
    assert os.environ["MUJOCO_GL"] == "egl"


@pytest.mark.parametrize(
    ("env_id", "works", "tried"),
    [
        ("HalfCheetah-v5", ("osmesa",), ["egl", "osmesa"]),
        ("robots:Arm-v0", ("egl",), ["egl"]),  # a module that is not imported to find out
        ("robots:Arm-v0", (), ["egl", "osmesa"]),  # it may need no OpenGL
        ("CartPole-v1", ("egl",), []),
    ],
)
def test_what_is_drawn_while_training_goes_on_is_not_made_to_find_out(
    monkeypatch: pytest.MonkeyPatch, env_id: str, works: tuple[str, ...], tried: list[str]
) -> None:
    pytest.importorskip("mujoco")
    probe = replaced(monkeypatch, *works)
    prepare_capture(env_id)
    assert probe.tried == tried
    assert os.environ.get("MUJOCO_GL") == (works[0] if tried and works else None)
    assert set(probe.asked) <= {"InvertedPendulum-v5"}


def test_a_backend_that_is_set_is_not_tried_before_frames_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    probe = replaced(monkeypatch, "egl")
    prepare_capture("HalfCheetah-v5")
    assert (probe.tried, os.environ["MUJOCO_GL"]) == ([], "glfw")


SAYS_ITS_ARGUMENTS = "import os, sys; sys.exit(sys.argv[1] + ' ' + os.environ['MUJOCO_GL'])"


@pytest.mark.parametrize(
    ("probe", "timeout_s", "reason"),
    [
        ("raise SystemExit(3)", 60, "the process ended with code 3"),
        ("raise OSError('libEGL is missing')", 60, "OSError: libEGL is missing"),
        ("import time; time.sleep(60)", 0.2, "no frame within 0.2 s"),
        (SAYS_ITS_ARGUMENTS, 60, "Any-v0 egl"),
    ],
)
def test_the_reason_of_a_failure_is_the_end_of_its_error(
    monkeypatch: pytest.MonkeyPatch, probe: str, timeout_s: float, reason: str
) -> None:
    monkeypatch.setattr(rendering, "_PROBE", probe)
    assert rendering.try_to_render("Any-v0", "egl", timeout_s=timeout_s) == reason
