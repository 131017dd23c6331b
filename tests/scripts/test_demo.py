"""`make demo`, with runs that are too short to learn anything."""

import json
import subprocess
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import demo
import pytest
from PIL import Image

from gym_rated.assembly.arguments import parse_args

ARGS = {"env_id": "Pendulum-v1", "total_timesteps": 4_096, "num_ratings": 40}


class InThisProcess:
    """A script that runs here, with the words of its command line: an arm of its own takes seconds.

    What has imported torch already need not do so once for each arm. That a command line starts a
    process that trains is seen in the test of an arm that fails.
    """

    def __class_getitem__(cls, kind: type) -> type:
        return cls

    def __init__(self, command: list[str], **options: Any) -> None:
        script = import_module(Path(command[1]).stem)
        script.train(parse_args(script.Args, [*command[2:], "--no-tensorboard"]))
        self.returncode = 0

    def poll(self) -> int:
        return self.returncode

    def wait(self) -> int:
        return self.returncode


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = SimpleNamespace(Popen=InThisProcess, STDOUT=subprocess.STDOUT, run=subprocess.run)
    monkeypatch.setattr(demo, "subprocess", processes)


@pytest.mark.long
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.filterwarnings("ignore:round .* has fewer than two", "ignore:a query for")
def test_demo_trains_all_arms_and_leaves_a_table_a_result_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FILM_SECONDS", 0.5)
    args = demo.Args(**ARGS, run_dir=tmp_path / "demo")
    demo.main(args)
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "demo" / "result.json").read_text())
    assert set(result["arms"]) == {"rated", "true", "shuffled", "constant"}
    for arm, row in result["arms"].items():
        assert row["global_step"] == 4_096
        assert f"{row['score']:.1f}" in printed
        assert ("num_ratings" in row) == (arm in ("rated", "shuffled"))
        assert 20 < row.get("num_ratings", 40) <= 40  # the later rounds are too short for all
        assert f"{arm:10} is trained: true return {row['score']:.1f}" in printed
    assert (tmp_path / "demo" / "report.png").read_bytes().startswith(b"\x89PNG")
    with Image.open(tmp_path / "demo" / "film.webp") as film:
        assert film.n_frames == 15  # half a second
        assert film.width == 5 * 240 + 4 * 4  # the arms, and random actions
    for control in ("a constant reward", "shuffled ratings"):  # each gets its verdict
        assert any(control in line and " against " in line for line in printed.splitlines())

    stale = tmp_path / "demo" / "true" / "result.json"
    stale.write_text("{}")
    demo.start_arm(args, "ppo_continuous_action", "true", 2_048)  # an earlier demo is replaced
    assert json.loads(stale.read_text())["global_step"] == 2_048


@pytest.mark.long
def test_failing_arm_ends_the_demo_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "ARMS", {"rated": demo.ARMS["rated"]})
    args = demo.Args(env_id="Pendulum-v1", total_timesteps=2_048, run_dir=tmp_path / "demo")
    with pytest.raises(SystemExit, match=r"(?s)arm failed with code 2.*train for longer"):
        demo.main(args)


@pytest.mark.usefixtures("in_this_process")
def test_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    precious = tmp_path / "demo" / "true" / "notes.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    args = demo.Args(**ARGS, run_dir=tmp_path / "demo")
    demo.start_arm(args, "ppo_continuous_action", "true", 2_048)
    assert precious.read_text() == "mine"
