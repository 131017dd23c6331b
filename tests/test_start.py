"""Help and refusals come at once: what takes seconds to import is imported by those who use it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gym_rated.cli import COMMANDS
from gym_rated.runs import RunWriter

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
TRAINING = [name for name in SCRIPTS if "demo" not in name]
HEAVY = (
    *("torch", "scipy", "matplotlib", "mujoco", "dm_control", "pandas", "PIL", "tensorboard"),
    *("sqlalchemy", "fastapi", "av", "minari", "pyarrow", "stable_baselines3"),
)
# Runs each command line in one process, and says how it ended and what heavy was imported then.
RUNNER = """
import contextlib, io, json, runpy, sys
lines, heavy = json.loads(sys.argv[1])
found = []
for module, words in lines:
    sys.argv = [module, *words]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if module.endswith(".py"):
                runpy.run_path(module, run_name="__main__")
            else:
                runpy.run_module(module, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    found.append((code, sorted(set(heavy) & set(sys.modules))))
print(json.dumps(found))
"""


def script(name: str) -> str:
    return str(ROOT / "scripts" / f"{name}.py")


def run_all(lines: list[tuple[str, list[str]]], folder: Path) -> list[Any]:
    command = [sys.executable, "-c", RUNNER, json.dumps([lines, HEAVY])]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_imports_nothing_that_takes_seconds(tmp_path: Path) -> None:
    lines = [(script(name), ["--help"]) for name in SCRIPTS]
    lines += [("gym_rated", ["--help"])]
    lines += [("gym_rated", [name, "--help"]) for name in COMMANDS]
    found = dict(zip(map(str, lines), run_all(lines, tmp_path), strict=True))
    assert found == {str(line): [0, []] for line in lines}


def test_flags_are_refused_before_anything_that_takes_seconds_is_imported(tmp_path: Path) -> None:
    with RunWriter(tmp_path / "taken", {"env_id": "CartPole-v1"}, script="other"):
        pass
    wrong = {"--nonsense": 2, "--gamma 2": 2, "--num-ratings 1": 2, "--run-dir taken": 2}
    wrong |= {"--resume nowhere": 2, "--reward model --reward-model nowhere": 2}
    lines, codes = [(script("ppo"), words.split()) for words in wrong], list(wrong.values())
    lines += [(script(name), ["--gamma", "2"]) for name in TRAINING]
    lines += [("gym_rated", [name, "--nonsense"]) for name in COMMANDS]
    lines += [("gym_rated", ["nonsense"])]
    codes += [2] * (len(lines) - len(codes))
    found = dict(zip(map(str, lines), run_all(lines, tmp_path), strict=True))
    assert found == {str(line): [code, []] for line, code in zip(lines, codes, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_help_of_a_script_takes_about_as_long_as_the_parser(name: str) -> None:
    """In processor time, which others on the machine lengthen: so against its own imports."""

    def seconds(*words: str) -> float:
        before = os.times().children_user
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        return os.times().children_user - before

    ratios = [
        seconds(script(name), "--help") / seconds("-c", "import gymnasium, tyro") for _ in range(5)
    ]
    assert sorted(ratios)[2] < 4  # it is 2.2; with torch, which it must not import, 15
