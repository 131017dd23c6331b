import json
import subprocess
import sys

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec, registry

from gym_rated.environments.registration import SUITE_TASKS, register_ids, suite_id

OURS = sorted(env_id for env_id in registry if env_id.startswith("gym_rated/"))


def test_every_task_of_the_suite_has_an_id() -> None:
    suite = pytest.importorskip("dm_control.suite")
    pairs = {(domain, task) for domain, tasks in SUITE_TASKS.items() for task in tasks.split()}
    assert pairs == set(suite.ALL_TASKS)
    assert {suite_id(*pair) for pair in pairs} <= set(OURS)
    assert "gym_rated/dm-ball_in_cup-catch-v0" in OURS


@pytest.mark.parametrize("env_id", OURS)
def test_every_spec_can_be_written_down(env_id: str) -> None:
    text = gym.spec(env_id).to_json()
    assert EnvSpec.from_json(text) == gym.spec(env_id)
    assert json.loads(text)["entry_point"].startswith("gym_rated.")


def test_importing_the_package_registers_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, gym_rated, gymnasium\n"
        "print(len([i for i in gymnasium.registry if i.startswith('gym_rated/')]))\n"
        "print([m for m in ('torch', 'mujoco', 'dm_control', 'shimmy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == [str(len(OURS)), "[]"], done.stderr


def test_gymnasium_finds_the_ids_by_the_name_of_the_package() -> None:
    pytest.importorskip("dm_control")
    env = gym.make("gym_rated:gym_rated/dm-cheetah-run-v0")
    assert env.action_space.shape == (6,)


def test_registering_again_changes_nothing() -> None:
    before = dict(registry)
    register_ids()
    assert dict(registry) == before
