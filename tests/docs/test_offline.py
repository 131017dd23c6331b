"""The commands of the page about ratings files run, on what its Python examples left."""

import re
import shlex
from pathlib import Path

import pytest
from code_blocks import python_blocks

from gym_rated.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "offline.md"


def commands(page):
    """Return the command lines of a page's shell blocks, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


def test_the_offline_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    exec(compile(python_blocks(PAGE), str(PAGE), "exec"), {"__name__": "__main__"})
    of_ours = [words[1:] for words in commands(PAGE) if words[0] == "gym-rated"]
    assert [words[0] for words in of_ours] == ["fit", "rate-minari", "export-minari"]
    for words in of_ours:
        if "mujoco/halfcheetah/medium-v0" in words:  # would need a download
            words[words.index("mujoco/halfcheetah/medium-v0")] = "pendulum/rated-v0"
            words += ["--segment-length", "10"]
            assert main([*words, "--num-ratings", "9"]) == 2  # it has no rewards to rate by
            assert "must be finite for a synthetic rater" in capsys.readouterr().err
        else:
            quick = ["--steps", "20", "--format", "svg"] if words[0] == "fit" else []
            assert main([*words, *quick]) == 0
    assert {path.name for path in (tmp_path / "reward").glob("report.*")} == {
        *("report.html", "report.md", "report.json", "report.png", "report.svg")
    }


@pytest.mark.slow
def test_the_exported_model_can_be_trained_on(tmp_path, monkeypatch):
    import ppo_continuous_action

    from gym_rated.assembly.arguments import parse_args

    monkeypatch.chdir(tmp_path)
    exec(compile(python_blocks(PAGE), str(PAGE), "exec"), {"__name__": "__main__"})
    (words,) = (w[2:] for w in commands(PAGE) if w[0] == "python")
    words = ["my_reward" if word == "reward" else word for word in words]
    args = parse_args(ppo_continuous_action.Args, [*words, "--total-timesteps", "4096"])
    assert ppo_continuous_action.train(args)["global_step"] == 4_096
