"""Environments by id: of the user's own folder too, and each failure in one sentence."""

import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from gym_rated.environments.making import make_env

OWN = """
import gymnasium as gym
import numpy as np

class Thermostat(gym.Env):
    observation_space = gym.spaces.Box(-50, 50, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 0.0, False, False, {}

gym.register("tests/Thermostat-v0", entry_point=Thermostat, max_episode_steps=20)
"""


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Work in a folder that holds a module `thermostat`, as a script started there would."""
    (tmp_path / "thermostat.py").write_text(OWN)
    (tmp_path / "wants_more.py").write_text("import no_such_package")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".")])
    yield tmp_path
    sys.modules.pop("thermostat", None)
    gym.registry.pop("tests/Thermostat-v0", None)


@pytest.mark.usefixtures("own_folder")
def test_a_module_of_the_working_folder_registers_its_environment() -> None:
    env = make_env("thermostat:tests/Thermostat-v0")
    assert env.spec is not None
    assert env.spec.max_episode_steps == 20
    assert not hasattr(env.unwrapped, "render_mode") or env.render_mode is None


def test_a_module_of_the_working_folder_hides_none_that_is_installed(own_folder: Path) -> None:
    (own_folder / "numpy.py").write_text("raise SystemExit")
    make_env("thermostat:tests/Thermostat-v0")
    assert sys.path[-1] == str(own_folder)  # the last place to be searched


def test_an_id_without_a_module_leaves_the_path_alone(own_folder: Path) -> None:
    make_env("CartPole-v1")
    assert str(own_folder) not in sys.path


@pytest.mark.usefixtures("own_folder")
@pytest.mark.filterwarnings("ignore:.*Using the latest versioned", "ignore:.*render_mode='rgb_arr")
@pytest.mark.parametrize(
    ("env_id", "kwargs", "kind", "message"),
    [
        (
            "CartPol-v1",
            {},
            ValueError,
            r"`env_id` must .*; did you mean CartPole-v1\?",
        ),
        ("cartpole-v1", {}, ValueError, r"did you mean CartPole-v1\?"),
        ("CartPole", {}, None, ""),  # the newest version, as Gymnasium has it
        ("HalfCheeta", {}, ValueError, r"did you mean HalfCheetah-v5\?"),
        ("CartPole-v99", {}, ValueError, r"did you mean CartPole-v1\?"),
        ("dm_control/walker-walk-v0", {}, ValueError, r"is gym_rated/dm-walker-walk-v0 here"),
        (
            "CartPole-v1",
            {"max_episode_steps": 0},
            ValueError,
            r"`env_kwargs` must .*CartPole-v1",
        ),
        ("CartPole-v1", {"id": "other"}, TypeError, r"`env_kwargs` must not hold id, which"),
        ("dm-walker-walk-v0", {}, ValueError, r"did you mean gym_rated/dm-walker-walk-v0\?"),
        ("Nothing-like-it-v0", {}, ValueError, "one of your own is 'module:Id'"),
        ("ALE/Pong-v5", {}, ValueError, "`env_id` must name an environment that is registered"),
        (":My-v0", {}, ValueError, "must have the form Id or module:Id, got ':My-v0'"),
        ("a:b:c", {}, ValueError, "must have the form Id or module:Id"),
        ("no blanks", {}, ValueError, "`env_id` must name an environment"),
        ("", {}, ValueError, "`env_id` must name an environment"),
        ("no_such_module:My-v0", {}, ImportError, "no 'no_such_module' among what is installed"),
        ("thermostat.sub:My-v0", {}, ImportError, "no 'thermostat.sub' among what is installed"),
        ("wants_more:My-v0", {}, ImportError, "`env_id` wants_more:My-v0 needs the package 'no_s"),
        ("gym_rated/Rated-v0", {}, TypeError, "`env_kwargs` must .* got no 'env_id' and 'rater' f"),
        ("thermostat:My-v0", {}, ValueError, "`env_id` must name an environment"),
        ("CartPole-v1", {"gravity": 9}, TypeError, "`env_kwargs` must .* got 'gravity' for CartP"),
        (
            "thermostat:tests/Thermostat-v0",
            {"render_mode": "rgb_array"},
            TypeError,
            "`env_kwargs` must be what the environment takes, got 'arguments'",
        ),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(
    env_id: str,
    kwargs: dict[str, Any],
    kind: type[Exception] | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(gym.registry, "dm_control/walker-walk-v0", raising=False)  # of shimmy
    mode = kwargs.pop("render_mode", None)
    if kind is None:
        make_env(env_id, kwargs, render_mode=mode).close()
        return
    with pytest.raises(kind, match=message):
        make_env(env_id, kwargs, render_mode=mode)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    for name in [name for name in sys.modules if name.startswith("gymnasium.envs.mujoco")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'gym_rated\[mujoco\]'"):
        make_env("HalfCheetah-v5")


def test_a_bug_of_the_environment_keeps_its_own_words(own_folder: Path) -> None:
    (own_folder / "broken.py").write_text("import gymnasium\ngymnasium.registerr")
    with pytest.raises(AttributeError, match="registerr"):
        make_env("broken:My-v0")
    sys.modules.pop("broken", None)


def test_arguments_reach_the_environment() -> None:
    env = make_env("Pendulum-v1", {"g": 2.5}, render_mode="rgb_array")
    assert (env.unwrapped.g, env.render_mode) == (2.5, "rgb_array")  # type: ignore[attr-defined]
    env.reset(seed=0)
    assert np.asarray(env.render()).any()
    env.close()
