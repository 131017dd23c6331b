"""The walk from recorded episodes to a policy runs as it stands in the page, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recorded.md").read_text(encoding="utf-8")
STEPS = "agent.learn(20_000)"


def walk(folder: Path, *, short: bool) -> list[str]:
    """Write the files of the page and run its commands one after another; return what they say."""
    files = re.findall(r"```\{code-block\} python\n:caption: (\S+)\n\n(.*?)```", PAGE, re.DOTALL)
    assert [name for name, _ in files] == ["cart.py", "record.py", "rate.py", "train.py"]
    for name, code in files:
        (folder / name).write_text(code.replace(STEPS, "agent.learn(1)" if short else STEPS))
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    said = []
    for command in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        python = f'"{sys.executable}" '
        line = re.sub(r"^python ", python, command)
        line = re.sub(r"^gym-rated ", f"{python}-m gym_rated.cli ", line)
        line = line.replace("--out reward", "--out reward --steps 10") if short else line
        done = subprocess.run(line, shell=True, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    return said


@pytest.mark.long
def test_the_walk_runs_in_an_empty_folder(tmp_path: Path) -> None:
    assert STEPS in PAGE
    said = walk(tmp_path, short=True)
    assert len(said) == 4
    shown = re.search(r"```text\n(episode,.*?)```", PAGE, re.DOTALL)
    table = (tmp_path / "ratings.csv").read_text()
    assert shown is not None
    assert table.startswith(shown[1])
    assert "200 answers about 200 stretches of 40 episodes; 3 classes, worst bad, best" in said[2]
    assert re.search(r"from the middle: 3\.\d\d at random, \d\.\d\d as learned", said[3])
    assert (tmp_path / "reward" / "report.html").is_file()


@pytest.mark.slow
def test_the_walk_ends_with_a_policy_that_does_what_was_rated_good(tmp_path: Path) -> None:
    random, learned = re.findall(r"\d\.\d\d", walk(tmp_path, short=False)[3])
    assert float(random) > 3
    assert float(learned) < 0.7  # what was rated good
