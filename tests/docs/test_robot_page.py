"""The robot of docs/robot.md is an environment that can be rated, and its commands can be typed."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import sac_continuous_action
from gymnasium.utils.env_checker import check_env

from gym_rated.assembly.arguments import parse_args
from gym_rated.checkpoint.state import MANIFEST
from gym_rated.cli.cli import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "robot.md").read_text(encoding="utf-8")
FOLDER = DOCS / "examples" / "robot"
COMMANDS_OF_PAGE = [
    shlex.split(line)
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arm() -> Iterator[gym.Env]:
    load("arm")
    yield gym.make("Arm-v0", render_mode="rgb_array").unwrapped
    del gym.registry["Arm-v0"]


def test_every_file_of_the_folder_is_shown() -> None:
    shown = re.findall(r"literalinclude\} examples/robot/(\w+\.py)", PAGE)
    assert sorted(shown) == sorted(path.name for path in FOLDER.glob("*.py"))


def test_the_arm_is_an_environment_and_can_be_seen(arm: gym.Env) -> None:
    check_env(arm)
    arm.reset(seed=1)
    image = arm.render()
    assert (image.dtype, image.shape) == (np.uint8, (160, 160, 3))
    red = (image == (220, 40, 40)).all(-1).sum()
    assert 60 < red < 125  # a disc of radius 6, a part of which the arm may hide


def test_the_arm_pays_nothing_and_moves_as_its_motors_say(arm: gym.Env) -> None:
    arm.reset(seed=1)
    arm.angles = np.zeros(2)
    np.testing.assert_allclose(arm.joints(), [[0, 0], [1, 0], [1.8, 0]])
    obs, reward, *_ = arm.step(np.array([1, -1], np.float32))
    assert reward == 0.0
    np.testing.assert_allclose(arm.angles, [0.2, -0.2])
    hand = np.array([np.cos(0.2) + 0.8, np.sin(0.2)])  # the forearm still points to the right
    np.testing.assert_allclose(obs["way"], arm.point - hand, rtol=1e-6)


def test_the_rule_calls_near_good_and_far_bad() -> None:
    rule = load("rule").rule
    for distance, rating in ((2.5, 0), (1.5, 1), (1.0, 2), (0.5, 3), (0.1, 4)):
        obs = np.zeros((10, 6), np.float32)
        obs[:, 5] = distance
        assert rule(SimpleNamespace(obs=obs)) == rating


def test_every_command_of_the_page_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for saved in ("reward", "runs/mine/reward_model"):  # by commands before
        (tmp_path / saved).mkdir(parents=True)
        (tmp_path / saved / MANIFEST).touch()
    kinds = [words[1] if words[0] == "python" else words[0] for words in COMMANDS_OF_PAGE]
    assert set(kinds) == {"rule.py", "judge.py", "sac_continuous_action.py", "gym-rated"}
    for kind, words in zip(kinds, COMMANDS_OF_PAGE, strict=True):
        if kind == "sac_continuous_action.py":
            args = parse_args(sac_continuous_action.Args, words[2:])
            assert args.env_id == "arm:Arm-v0"
        if kind == "gym-rated":
            assert words[1] in COMMANDS
