"""What MuJoCo warns of from C is told once, and other handlers are left as they were."""

import mujoco
import pytest

from gym_rated.environments import mujoco_warnings
from gym_rated.environments.making import make_env


@pytest.fixture
def told(monkeypatch, tmp_path):
    monkeypatch.setattr(mujoco_warnings, "_told", set())
    monkeypatch.chdir(tmp_path)
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(None)
    yield tmp_path
    mujoco.set_mju_user_warning(before)


def test_each_warning_is_told_once_and_no_file_is_left(told, capfd):
    for _ in range(3):
        make_env("HalfCheetah-v5").close()
    said = capfd.readouterr().err
    assert said.count("settotalmass") == 1
    assert said.startswith("MuJoCo warns, once for all environments: ")
    assert not list(told.iterdir())


def test_the_handler_of_a_user_is_left(told, capfd):
    heard = []

    def mine(message):
        heard.append(message)

    mujoco.set_mju_user_warning(mine)
    make_env("HalfCheetah-v5").close()
    assert mujoco.get_mju_user_warning() is mine
    assert heard == []
    mujoco.set_mju_user_warning(None)
    make_env("Hopper-v5").close()
    assert mujoco.get_mju_user_warning() is None


def test_the_handler_is_left_where_nothing_could_be_made(told):
    with pytest.raises(TypeError, match="`env_kwargs`"):
        make_env("HalfCheetah-v5", {"no_such": 1})
    assert mujoco.get_mju_user_warning() is None
