"""The table of scripts and spaces; what it says of each is tried in `tests/test_every_space.py`."""

import gymnasium as gym
import pytest
from gymnasium import spaces
from spaces import ACTIONS, SpacesEnv

from gym_rated.assembly.spaces import script_for, scripts_for


@pytest.mark.parametrize(
    ("env_id", "script"), [("CartPole-v1", "ppo"), ("Pendulum-v1", "ppo_continuous_action")]
)
def test_the_demos_take_the_script_for_the_actions(env_id: str, script: str) -> None:
    assert script_for(env_id) == script


def test_an_environment_for_no_script_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = "tests/IntegerActions-v0"
    spec = gym.envs.registration.EnvSpec(
        entry, SpacesEnv, kwargs={"actions": "box_of_integers"}, disable_env_checker=True
    )
    monkeypatch.setitem(gym.registry, entry, spec)
    with pytest.raises(ValueError, match="did you mean CartPole-v1"):
        script_for("CartPole-v2")
    with pytest.raises(TypeError, match="`env_id` must have actions that a script takes, got Box"):
        script_for(entry)


def test_every_floating_box_has_a_script() -> None:
    for name, space in ACTIONS.items():
        if isinstance(space, spaces.Box) and name not in ("box_of_integers", "nothing"):
            assert scripts_for(space), name
