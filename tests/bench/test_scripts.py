"""Scripts are found where a grid names them, and asked for what they would refuse."""

from pathlib import Path

import pytest
from grids import TINY

from gym_rated.bench.scripts import find_script, refused_flags

ROOT = Path(__file__).parents[2]


def test_a_name_is_one_of_scripts_and_a_path_is_beside_the_grid(tmp_path):
    (tmp_path / "own.py").write_text("")
    found = find_script("tasks.a.script", "ppo", tmp_path)
    assert found.path == ROOT / "scripts" / "ppo.py"
    assert (found.name, found.command) == ("ppo", (str(ROOT / "scripts" / "ppo.py"),))
    assert find_script("tasks.a.script", "own.py", tmp_path).path == tmp_path / "own.py"
    (tmp_path / "below").mkdir()
    below = find_script("tasks.a.script", "../own.py", tmp_path / "below")
    assert below.path.resolve() == tmp_path / "own.py"


def test_a_script_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`arms.a.script` must name a script of scripts/, .*'pp'"):
        find_script("arms.a.script", "pp", tmp_path)
    with pytest.raises(ValueError, match=r"got 'own.py': there is no .*own.py"):
        find_script("arms.a.script", "own.py", tmp_path)


def test_a_script_that_is_no_python_is_refused(tmp_path):
    (tmp_path / "own.py").write_text("def train(:\n")
    with pytest.raises(ValueError, match=r"`arms.a.script` must be Python, got .*own.py: "):
        find_script("arms.a.script", "own.py", tmp_path)


def test_our_scripts_say_which_flags_they_refuse(tmp_path):
    script = find_script("script", "ppo_continuous_action", tmp_path)
    same = ["--env-id", "Pendulum-v1", "--seed", "3"]
    taken, unknown, bad, apart = refused_flags(
        script,
        [
            [*same, "--preset", "ours", "--env-kwargs", "g", "9.8"],
            [*same, "--presett", "ours"],
            [*same, "--num-ratings", "many"],
            [*same, "--num-ratings", "1"],
        ],
    )
    assert taken is None
    assert "--presett" in unknown
    assert "--num-ratings" in bad
    assert apart.startswith("`--num-ratings` must be at least 2 to be compared, got 1")


def test_a_script_with_flags_of_its_own_says_so_too():
    script = find_script("script", "hill_climbing.py", ROOT / "docs" / "examples")
    taken, refused = refused_flags(
        script, [["--run-dir", "x", "--noise", "2"], ["--run-dir", "x", "--nose", "2"]]
    )
    assert taken is None
    assert "--nose" in refused


def test_a_script_that_would_run_when_imported_is_not_asked(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    assert refused_flags(find_script("script", "tiny.py", tmp_path), [["--nonsense"]]) == [None]


def test_a_script_that_cannot_be_read_so_far_is_refused(tmp_path):
    above = "import nothing\nclass Args:\n    pass\n"
    (tmp_path / "own.py").write_text(f"{above}if __name__ == '__main__':\n    pass\n")
    with pytest.raises(RuntimeError, match=r"`script` must be one that can be imported, got .*own"):
        refused_flags(find_script("script", "own.py", tmp_path), [[]])
