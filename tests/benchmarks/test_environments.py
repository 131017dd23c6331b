"""The benchmark of environments: a fast part of it, and what it would notice."""

import json
from typing import Any

import gymnasium as gym
import pytest
from envs import ScriptedEnv

from benchmarks import environments, summarize
from benchmarks.environments import Args, row

# torch and Box2D: their imports warn of their own matters
pytestmark = pytest.mark.filterwarnings("ignore:.*[Ss]wig", "ignore:round")

SOME = ("MountainCarContinuous-v0", "FrozenLake-v1", "Blackjack-v1")


@pytest.mark.parametrize("env_id", [*SOME, "gym_rated/dm-pendulum-swingup-v0"])
def test_a_few_environments_run_single_and_vector(env_id: str) -> None:
    if "dm-" in env_id:
        pytest.importorskip("shimmy")
    found = row(env_id, Args(steps=200, num_ratings=15))
    assert found["single"]["steps"] == 200
    assert found["vector"]["steps"] == 400
    assert 8 <= found["single"]["ratings"] <= 15  # 100 steps hold at least 9 windows of 10
    assert 8 <= found["vector"]["ratings"] <= 15


def test_ids_are_the_latest_and_tasks_one_a_domain() -> None:
    ids = environments.gymnasium_ids()
    assert {"CartPole-v1", "HalfCheetah-v5", "LunarLander-v3", "Taxi-v4"} <= set(ids)
    assert "HalfCheetah-v4" not in ids
    assert len(environments.suite_ids(every_task=False)) == 19
    assert len(environments.suite_ids(every_task=True)) == 51


class Broken(ScriptedEnv):
    """Fails in its tenth step."""

    def step(self, action: Any) -> Any:
        if self.step_number == 9:
            raise ZeroDivisionError("the reward of nothing\nand more")
        return super().step(action)


def test_what_fails_is_a_row_with_its_reason(tmp_path: Any, monkeypatch: Any) -> None:
    gym.register("tests/Broken-v0", entry_point=Broken, kwargs={"endings": [(20, "truncated")]})
    found = row("tests/Broken-v0", Args(steps=40))
    assert found["single"] == {"failed": "ZeroDivisionError: the reward of nothing"}
    good = row("CartPole-v1", Args(steps=200, num_ratings=7))
    (tmp_path / "environments.json").write_text(json.dumps({"rows": [found, good]}))
    monkeypatch.setattr(summarize, "RESULTS", tmp_path)
    table = summarize.environments_table()
    assert "* `tests/Broken-v0`: ZeroDivisionError: the reward of nothing" in table
    assert "| `CartPole-v1` | Box(4,) float32 | Discrete(2) | 7 + 7 |" in table
    assert "1 of 2 ids ran." in table
