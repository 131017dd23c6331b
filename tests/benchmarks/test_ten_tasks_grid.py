"""benchmarks/ten_tasks.toml says what its protocol says, and its scripts take it."""

from pathlib import Path

import gymnasium as gym
import pytest
from ppo_continuous_action import Args

from gym_rated.assembly.arguments import parse_args
from gym_rated.bench import read_grid
from gym_rated.bench.unit import units_of

GRID = read_grid(Path(__file__).parents[2] / "benchmarks" / "ten_tasks.toml")
UNITS = [unit for unit in units_of(GRID.only(seeds=GRID.seeds[:1])) if unit.arm != "random"]
LEARNED = ("ours", "people", "wu2025", "rbrl", "regression", "r4", "pairs", "pebble", "rbrl-kl")
LEARNED += ("shuffled",)


def test_the_grid_has_ten_tasks_of_equally_long_episodes():
    lasting = {name: gym.spec(task.env_id).max_episode_steps for name, task in GRID.tasks.items()}
    assert len(lasting) == 10
    assert all(lasting.values())
    assert len(GRID.arms) == 15
    assert len(UNITS) == 10 * 15 * 2


@pytest.mark.parametrize("cell", [(arm, of) for arm in GRID.arms for of in GRID.settings], ids=str)
def test_every_cell_is_taken_by_its_script_and_is_of_its_setting(cell):
    arm, setting = cell
    task = list(GRID.tasks)[list(GRID.arms).index(arm) % 10]  # tasks differ in their length only
    unit = next(u for u in UNITS if (u.task, u.arm, u.setting) == (task, arm, setting))
    args = parse_args(Args, [*unit.words, "--run-dir", "runs/none"])
    assert (args.reward in ("rated", "model")) is (arm in LEARNED)
    assert args.shuffle_ratings is (arm == "shuffled")
    if arm not in LEARNED:
        assert not {"--num-ratings", "--mistake-rate"} & set(unit.words)
        return
    assert args.num_ratings == 200
    is_clean = setting == "sanity"
    assert (args.mistake_rate, args.slip_rate) == ((0, 0) if is_clean else (0.1, 0.1))
    assert args.regrade is is_clean
