"""`make rate-demo`, after a person has rated: what is trained beside, and what is said of it."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import rate_demo

from gym_rated.checks import check_class_texts
from gym_rated.runs import RunWriter

SCORES = {"rated": 10.0, "constant": 10.0, "shuffled": 2.0}


class Finished:
    """A process that leaves a run of the arm that its command line names."""

    started: ClassVar[list[list[str]]] = []

    def __init__(self, command: list[str], **options: Any) -> None:
        self.started.append(command)
        self.pid = os.getpid()
        self.returncode = 0
        folder = Path(command[command.index("--run-dir") + 1])
        with RunWriter(folder, {"env_id": "Pendulum-v1"}, tensorboard=False) as writer:
            for step in range(60):
                writer.log(step, {"charts/episodic_return": SCORES[folder.name]})
            writer.write_result({"score": SCORES[folder.name]})

    def wait(self) -> int:
        return self.returncode

    def terminate(self) -> None:
        pass


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that the demo starts."""
    monkeypatch.setattr(Finished, "started", [])
    processes = SimpleNamespace(Popen=Finished, run=Finished, STDOUT=subprocess.STDOUT)
    monkeypatch.setattr(rate_demo, "subprocess", processes)
    monkeypatch.setattr(rate_demo, "step_back", lambda pid: None)
    monkeypatch.setattr(
        rate_demo, "film_of", lambda runs, path: f"{len(list(runs))} in {path.name}"
    )
    return Finished.started


def test_the_result_says_what_the_ratings_did_beyond_a_placebo(
    tmp_path: Path, commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    args = rate_demo.Args(env_id="Pendulum-v1", open_browser=False, run_dir=tmp_path)
    assert rate_demo.main(args) == 0
    printed = capsys.readouterr().out
    assert "a constant reward does as well here, 10.0 against 10.0" in printed
    assert "the ratings beat shuffled ratings by 8.0" in printed
    assert printed.endswith("3 in film.webp\n")
    assert (tmp_path / "Pendulum-v1-1" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert [command[1].rpartition("/")[2] for command in commands] == [
        "ppo_continuous_action.py"
    ] * 3


@pytest.mark.parametrize(
    ("instructions", "best", "constant"),
    [
        (None, "backwards and fast", "a constant reward does as well"),
        ("How well does it run?", "very good", "the ratings beat a constant reward by 7.0"),
    ],
)
def test_the_cheetah_is_to_run_against_its_reward_unless_asked_otherwise(
    tmp_path: Path,
    commands: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    instructions: str | None,
    best: str,
    constant: str,
) -> None:
    monkeypatch.setitem(SCORES, "constant", 3.0)
    args = rate_demo.Args(instructions=instructions, open_browser=False, run_dir=tmp_path)
    rate_demo.main(args)
    assert constant in capsys.readouterr().out
    words = commands[-1][commands[-1].index("--instructions") + 1 :]
    assert words[0] == (instructions or "How well does it run backwards, to the left?")
    assert words[6] == best  # behind `--class-names` and four others
    assert ("--class-texts" in words) is (instructions is None)


def test_all_arms_are_trained_equally_long_on_as_many_ratings(
    tmp_path: Path, commands: list[list[str]]
) -> None:
    rate_demo.main(rate_demo.Args(env_id="CartPole-v1", num_ratings=30, run_dir=tmp_path))
    flags = {Path(words[words.index("--run-dir") + 1]).name: words for words in commands}
    assert list(flags) == ["constant", "shuffled", "rated"]
    for words in flags.values():
        assert words[1].endswith("/ppo.py")
        assert words[words.index("--total-timesteps") + 1] == "60000"
        assert words[words.index("--extra-steps") + 1] == "12000"
    assert flags["constant"][-2:] == ["--reward", "constant"]
    assert "--shuffle-ratings" in flags["shuffled"]
    assert flags["rated"][flags["rated"].index("--rater") + 1] == "human"
    for arm in ("rated", "shuffled"):
        assert flags[arm][flags[arm].index("--num-ratings") + 1] == "30"
        assert flags[arm][flags[arm].index("--offset") + 1] == "worst"


def test_finished_arms_are_not_trained_again(tmp_path: Path, commands: list[list[str]]) -> None:
    args = rate_demo.Args(env_id="Pendulum-v1", run_dir=tmp_path)
    rate_demo.main(args)
    rated = tmp_path / "Pendulum-v1-1" / "rated"
    (rated / "result.json").unlink()  # as of a run that was stopped
    assert rate_demo.find_folder(args) == rated.parent
    commands.clear()
    with pytest.raises(FileExistsError):  # what stands for a script resumes nothing
        rate_demo.main(args)
    assert [Path(words[words.index("--run-dir") + 1]).name for words in commands] == ["rated"]


def test_without_comparison_nothing_else_is_trained(
    tmp_path: Path, commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    rate_demo.main(rate_demo.Args(env_id="Pendulum-v1", compare=False, run_dir=tmp_path))
    assert len(commands) == 1
    assert "does as well" not in capsys.readouterr().out


def test_an_unknown_environment_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"did you mean Pendulum-v1\?"):
        rate_demo.main(rate_demo.Args(env_id="Pendulm-v1", run_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_every_demo_task_is_asked_about_in_its_own_words() -> None:
    assert set(rate_demo.STEPS) == set(rate_demo.ASKED)
    for _, names, texts in rate_demo.ASKED.values():
        check_class_texts(texts, len(names))
    json.dumps(rate_demo.ASKED)
