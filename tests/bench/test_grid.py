"""A grid is what its file says, and what no grid can be is refused before any work."""

import re

import pytest
from grids import SMALL, make_grid

from gym_rated.bench import read_grid
from gym_rated.bench.unit import units_of

WHOLE = """
[grid]
seeds = [101, 102]
baseline = "ours"
[tasks.pendulum]
env_id = "Pendulum-v1"
script = "ppo_continuous_action"
flags = ["--total-timesteps", "1000"]
env_kwargs = { g = 9.81 }
random = -1230
[tasks.pole]
env_id = "CartPole-v1"
script = "ppo"
[arms.true]
flags = ["--reward", "true"]
[arms.ours]
[arms.mine]
script = "mine.py"
[settings.few]
flags = ["--num-ratings", "200"]
"""


def test_a_grid_is_what_its_file_says(tmp_path):
    grid = make_grid(tmp_path, WHOLE)
    assert grid.seeds == (101, 102)
    assert list(grid.tasks) == ["pendulum", "pole"]
    pendulum, pole = grid.tasks.values()
    assert pendulum.env_id == "Pendulum-v1"
    assert pendulum.script == "ppo_continuous_action"
    assert pendulum.flags == ("--total-timesteps", "1000")
    assert dict(pendulum.env_kwargs) == {"g": 9.81}
    assert pendulum.random == -1230.0
    assert (pole.flags, dict(pole.env_kwargs), pole.random) == ((), {}, None)
    assert [(arm.flags, arm.script) for arm in grid.arms.values()] == [
        (("--reward", "true"), None),
        ((), None),
        ((), "mine.py"),
    ]
    assert grid.settings == {"few": ("--num-ratings", "200")}
    assert grid.baseline == "ours"


def test_without_settings_there_is_one_without_flags(tmp_path):
    assert make_grid(tmp_path).settings == {"default": ()}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[grid]", "[grid", "`grid` must be a TOML file, got .*small.toml: "),
        ("[grid]", "[grids]", "`grid` must have the key 'grid', got none"),
        ("[grid]", "[gridd]\n[grid]", "`grid` must have no key .* 'gridd'; did you mean 'grid'?"),
        ("seeds = [1, 2]", "", "`[grid]` must have the key 'seeds', got none; add it"),
        ("[1, 2]", "[1, 2, 1]", "`grid.seeds` must name each seed once, got 1 twice"),
        ("[1, 2]", "[]", "`grid.seeds` must be a list of at least one seed, got []"),
        ("[1, 2]", "[1, true]", "`grid.seeds` must be an int, got True"),
        ("[1, 2]", "[1]\ntuning_seeds = 3", "`grid.tuning_seeds` must be a list of at least one"),
        ("[1, 2]", "[1]\ntuning_seeds = [3, 3]", "`grid.tuning_seeds` must name each seed once"),
        ("[1, 2]", "[1]\ntuning_seeds = [2, 1]", "`grid.tuning_seeds` must not be reported, got 1"),
        ("[1, 2]", "[-1]", "`grid.seeds` must be at least 0, got -1"),
        ("[1, 2]", "[1]\nbaseline = 'x'", "`grid.baseline` must be one of the arms true, ours"),
        ("random = 0.0", "randm = 0.0", "`[tasks.walk]` must have no key .* did you mean 'random'"),
        ("random = 0.0", "random = nan", "`tasks.walk.random` must be finite, got nan"),
        ("random = 0.0", "env_kwargs = 3", "`tasks.walk.env_kwargs` must be a table, got 3"),
        ("random = 0.0", "env_kwargs = { a = [1] }", "`tasks.walk.env_kwargs.a` must be a number"),
        ('env_id = "CartPole-v1"', "", "`[tasks.walk]` must have the key 'env_id'"),
        ('env_id = "CartPole-v1"', "env_id = 3", "`tasks.walk.env_id` must be text, got 3"),
        ("[arms.ours]", "[arms.random]", "`arms` must not have 'random', got one"),
        ("[arms.ours]", "[arms.ours]\nrated = 0", "`arms.ours.rated` must be true or false, got 0"),
        ("[arms.ours]", '[arms."../x"]', "`arms` must have names of letters, digits"),
        ("[arms.ours]", "[settings.a]\nb = 3\n[arms.ours]", "`[settings.a]` must have no key"),
        ('["--level", "5"]', '["--level", 5]', "`arms.ours.flags` must be a list of text, got ['"),
        ('["--level", "5"]', '"--level 5"', "`arms.ours.flags` must be a list of text"),
        ('["--level", "5"]', '["--seed", "5"]', "`arms.ours.flags` must not set --seed, got '--s"),
        ('["--level", "5"]', '["--run_dir=x"]', "`arms.ours.flags` must not set --run-dir, got"),
    ],
)  # fmt: skip
def test_what_no_grid_can_be_is_refused(tmp_path, old, new, said):
    assert old in SMALL
    pattern = re.escape(said).replace(r"\.\*", ".*")
    with pytest.raises((ValueError, TypeError), match=pattern):
        make_grid(tmp_path, SMALL.replace(old, new))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing.toml` must be a file, got nothing there"):
        read_grid(tmp_path / "nothing.toml")


def test_a_part_of_a_grid_is_in_the_order_of_the_grid(tmp_path):
    grid = make_grid(tmp_path, WHOLE)
    part = grid.only(tasks=["pole"], arms=["mine", "true"], seeds=[102])
    assert (list(part.tasks), list(part.arms), part.seeds) == (["pole"], ["true", "mine"], (102,))
    assert list(part.settings) == ["few"]
    assert grid.only() == grid


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"tasks": ["run"]}, "`tasks` must be of the grid, which has pendulum, pole, got 'run'"),
        ({"arms": ["their"]}, "`arms` must be of the grid, which has true, ours, mine, got"),
        ({"settings": ["many"]}, "`settings` must be of the grid, which has few, got 'many'"),
        ({"seeds": [1]}, "`seeds` must be of the grid, which has 101, 102, got 1"),
    ],
)  # fmt: skip
def test_a_part_that_is_not_there_is_refused(tmp_path, wanted, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make_grid(tmp_path, WHOLE).only(**wanted)


def test_seeds_for_tuning_are_there_for_who_asks(tmp_path):
    grid = make_grid(tmp_path, SMALL.replace("[1, 2]", "[1, 2]\ntuning_seeds = [8, 9]"))
    assert grid.seeds == grid.only(arms=["ours"]).seeds == (1, 2)
    assert grid.only(seeds=[9, 1]).seeds == (1, 9)
    assert {unit.seed for unit in units_of(grid)} == {1, 2}
