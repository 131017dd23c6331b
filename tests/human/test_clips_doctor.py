"""The doctor: one line for each thing, ok or the remedy, and the exit code says which."""

import os
import platform
import shutil
import socket
from collections import namedtuple
from importlib.metadata import version

import pytest

from gym_rated.cli import main
from gym_rated.cli.commands import doctor
from gym_rated.cli.commands.doctor import DoctorArgs, Finding, examine
from gym_rated.human.store import Run, Store


@pytest.fixture(autouse=True)
def _backends(monkeypatch):
    """Nothing draws with glfw here; the others do."""
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    works(monkeypatch, "egl", "osmesa", "disabled")


def works(monkeypatch, *backends: str) -> None:
    def try_to_render(env_id, backend, env_kwargs):
        return None if backend in backends else f"no {backend} for {env_id}"

    monkeypatch.setattr(doctor, "try_to_render", try_to_render)


def findings(**args) -> dict[str, Finding]:
    return {found.name: found for found in examine(DoctorArgs(**args))}


def test_everything_in_order_is_one_line_each_and_exit_code_0(capsys):
    assert main(["doctor", "--env-id", "CartPole-v1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 6 + ["-", "ok"]
    assert "CartPole-v1, which needs no OpenGL" in lines[2]
    assert "h264" in lines[3]


def test_versions_are_named_for_a_report_of_what_went_wrong():
    text = findings(env_id="CartPole-v1")["versions"].text
    for name in ("gym_rated", "gymnasium", "numpy", "torch"):
        assert f"{name} {version(name)}" in text
    assert text.endswith(platform.platform())


def test_something_missing_is_exit_code_1(monkeypatch, capsys):
    works(monkeypatch)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--env-id", "CartPole-v1"])
    assert ended.value.code == 1
    assert "missing  drawing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("chosen", "backends", "states"),
    [
        (None, ("egl", "osmesa", "glfw"), "ok ok ok"),
        (None, ("egl",), "ok - -"),
        (None, ("osmesa",), "- ok -"),
        (None, ("glfw",), "missing missing ok"),
        ("glfw", ("egl", "osmesa"), "ok ok missing"),
        ("osmesa", ("egl", "osmesa"), "ok ok -"),
    ],
)
def test_each_backend_is_tried_and_one_that_is_used_must_work(
    monkeypatch, chosen, backends, states
):
    pytest.importorskip("mujoco")
    if chosen:
        monkeypatch.setenv("MUJOCO_GL", chosen)
    works(monkeypatch, *backends)
    found = findings()
    names = ("OpenGL egl", "OpenGL osmesa", "OpenGL glfw")
    assert " ".join(found[name].state for name in names) == states
    assert ("MUJOCO_GL" in found) == (chosen == "glfw")
    for name in names:
        if found[name].state != "ok":
            assert "no " in found[name].text
    if states.startswith("missing"):
        assert "apt-get install libegl1 libgl1 libgl1-mesa-dri" in found["OpenGL egl"].text
        assert "apt-get install libosmesa6" in found["OpenGL osmesa"].text


def test_an_unknown_environment_is_missing():
    assert findings(env_id="Nothing-v0")["drawing"].state == "missing"
    assert "Nothing" in findings(env_id="Nothing-v0")["drawing"].text


def test_missing_packages_are_named_with_their_extra(monkeypatch):
    find_spec = doctor.find_spec
    gone = ("av", "fastapi", "psycopg")
    monkeypatch.setattr(doctor, "find_spec", lambda n: None if n in gone else find_spec(n))
    found = findings(env_id="CartPole-v1")["packages"]
    assert found == ("missing", "packages", "av, fastapi: pip install 'gym_rated[human]'")
    found = findings(env_id="CartPole-v1", db="postgresql://nobody@127.0.0.1:1/none")
    assert "'gym_rated[human,postgres]'" in found["packages"].text
    assert found["database"].state == "missing"
    assert "start the database server" in found["database"].text


def test_without_pyav_clips_are_webp_and_the_remedy_is_said(monkeypatch):
    monkeypatch.setattr("gym_rated.human.clips.encode.find_spec", lambda name: None)
    found = findings(env_id="CartPole-v1")["codec"]
    assert found.state == "ok"
    assert found.text.startswith("clips are webp")
    assert "pip install 'gym_rated[human]'" in found.text


def test_a_disk_with_little_room_is_missing(monkeypatch, tmp_path):
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 123e6))
    found = findings(env_id="CartPole-v1", db=str(tmp_path / "new" / "r.db"))["disk"]
    assert (found.state, found.text[:30]) == ("missing", f"0.1 GB free in {tmp_path}"[:30])


def test_a_database_is_opened_and_counted(tmp_path):
    db = tmp_path / "ratings.db"
    with Store(db) as store:
        store.open_run(Run("r1", 2, ("bad", "good"), "Which?"))
    found = findings(env_id="CartPole-v1", db=str(db))["database"]
    assert found == ("ok", "database", f"{db}: 1 runs, 0 segments to rate")


def test_a_database_that_is_not_there_yet_is_not_made(tmp_path):
    db = tmp_path / "new" / "ratings.db"
    assert findings(env_id="CartPole-v1", db=str(db))["database"].state == "ok"
    assert not db.parent.exists()


def test_a_file_that_is_no_database_is_missing(tmp_path):
    db = tmp_path / "ratings.db"
    db.write_bytes(b"a letter to a friend" * 100)
    found = findings(env_id="CartPole-v1", db=str(db))["database"]
    assert found.state == "missing"
    assert "is no database of ratings" in found.text


def test_a_folder_that_cannot_be_written_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root always may
    found = findings(env_id="CartPole-v1", db=str(tmp_path / "ratings.db"))["database"]
    assert found.state == "missing"
    assert f"{tmp_path} cannot be written" in found.text


def test_a_port_in_use_is_missing():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = findings(env_id="CartPole-v1", port=port)["port"]
    assert found.state == "missing"
    assert f"127.0.0.1:{port}: Address already in use; choose another" in found.text
    assert findings(env_id="CartPole-v1", port=99_999)["port"].state == "missing"
