"""A unit is known by the hash of all that its numbers depend on, and of nothing else."""

import hashlib

import pytest
from grids import SMALL, TINY, make_grid, unit_of

import gym_rated
from gym_rated.bench.unit import canonical, units_of

MEASURED = SMALL.replace("random = 0.0", "env_kwargs = { b = 1, a = true }")


def test_the_key_is_the_hash_of_the_configuration_as_canonical_json(tmp_path):
    unit = unit_of(make_grid(tmp_path, MEASURED), "walk/ours/default/2")
    digest = hashlib.sha256(TINY.encode()).hexdigest()
    text = (
        '{"env_id":"CartPole-v1","env_kwargs":{"a":true,"b":1},"flags":["--level","5"],'
        f'"gym_rated":"{gym_rated.__version__}","script":"tiny","script_sha256":"{digest}","seed":2}}'
    )
    assert canonical(unit.config).decode() == text
    assert unit.key == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_the_words_are_those_of_task_setting_and_arm_in_this_order(tmp_path):
    text = MEASURED + '[settings.few]\nflags = ["--level", "7"]\n'
    text = text.replace('script = "tiny.py"', 'script = "tiny.py"\nflags = ["--checkpoints"]')
    unit = unit_of(make_grid(tmp_path, text), "walk/ours/few/1")
    assert " ".join(unit.words) == (
        "--env-id CartPole-v1 --seed 1 --env-kwargs b 1 a True --checkpoints --level 7 --level 5"
    )
    assert unit.script.command == (str(tmp_path / "tiny.py"),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CartPole-v1", "Acrobot-v1"),
        ('"5"', '"6"'),
        ('script = "tiny.py"', 'script = "tiny.py"\nflags = ["--checkpoints"]'),
        ('script = "tiny.py"', 'script = "tiny.py"\nenv_kwargs = { g = 1 }'),
        ("[arms.true]", '[settings.default]\nflags = ["--fails"]\n[arms.true]'),
    ],
)
def test_what_changes_the_numbers_changes_the_key(tmp_path, old, new):
    before = unit_of(make_grid(tmp_path), "walk/ours/default/1").key
    assert (
        unit_of(make_grid(tmp_path, SMALL.replace(old, new)), "walk/ours/default/1").key != before
    )


def test_an_edited_script_and_another_version_change_the_key(tmp_path, monkeypatch):
    grid = make_grid(tmp_path)
    before = unit_of(grid, "walk/ours/default/1").key
    (tmp_path / "tiny.py").write_text(TINY + "# edited\n")
    edited = unit_of(grid, "walk/ours/default/1").key
    monkeypatch.setattr(gym_rated, "__version__", "99.0.0")
    assert len({before, edited, unit_of(grid, "walk/ours/default/1").key}) == 3


def test_names_places_and_other_cells_do_not_change_the_key(tmp_path):
    keys = {unit_of(make_grid(tmp_path / "one"), "walk/ours/default/1").key}
    renamed = SMALL.replace("walk", "trot").replace("ours", "mine").replace("[1, 2]", "[3, 1]")
    keys.add(unit_of(make_grid(tmp_path / "two", renamed), "trot/mine/default/1").key)
    assert len(keys) == 1


def test_units_are_every_cell_once_all_of_one_seed_first(tmp_path):
    assert [str(unit) for unit in units_of(make_grid(tmp_path))] == [
        "walk/true/default/1",
        "walk/ours/default/1",
        "walk/true/default/2",
        "walk/ours/default/2",
    ]


def test_random_actions_are_a_unit_of_their_own_for_each_task_and_seed(tmp_path):
    text = MEASURED + "[settings.few]\n[settings.many]\n"
    units = [unit for unit in units_of(make_grid(tmp_path, text)) if unit.arm == "random"]
    assert [str(unit) for unit in units] == ["walk/random/1", "walk/random/2"]
    assert " ".join(units[1].words) == (
        "--env-id CartPole-v1 --seed 2 --env-kwargs b 1 a True --episodes 100"
    )
    assert units[1].script.command == ("-P", "-m", "gym_rated.bench.random_actions")


def test_runs_of_an_arm_that_is_not_rated_are_the_same_in_all_settings(tmp_path):
    text = SMALL.replace("[arms.true]", "[arms.true]\nrated = false")
    text += '[settings.few]\nflags = ["--checkpoints"]\n[settings.many]\n'
    grid = make_grid(tmp_path, text)
    few, many = (unit_of(grid, f"walk/true/{setting}/1") for setting in ("few", "many"))
    assert few.key == many.key
    assert "--checkpoints" not in few.words
    rated = {unit_of(grid, f"walk/ours/{setting}/1").key for setting in ("few", "many")}
    assert len(rated) == 2


def test_the_setup_is_the_same_for_another_version_and_for_no_other_flags(tmp_path, monkeypatch):
    grid = make_grid(tmp_path)
    first = unit_of(grid, "walk/ours/default/1")
    (tmp_path / "tiny.py").write_text(TINY + "# edited\n")
    monkeypatch.setattr(gym_rated, "__version__", "99.0.0")
    again = unit_of(grid, "walk/ours/default/1")
    assert again.setup == first.setup
    assert again.key != first.key
    assert len({unit.setup for unit in units_of(grid)}) == 4
