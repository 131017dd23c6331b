"""Where the environments of a script run changes nothing that they return."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.checking import check_args
from gym_rated.assembly.parallel import make_envs
from gym_rated.segments.frames import FRAME
from gym_rated.vector import StepTimeout

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def history(envs: Any, num_steps: int) -> list[Any]:
    envs.action_space.seed(0)
    shown = [envs.reset()[0]]
    for _ in range(num_steps):
        shown += envs.step(envs.action_space.sample())[:4]
    return shown


@pytest.mark.long
def test_environments_in_processes_of_their_own_have_the_same_episodes(tmp_path: Path) -> None:
    args = RunArgs(env_id="CartPole-v1", num_envs=2, seed=7)
    here = make_envs(args, tmp_path, "ppo")
    assert isinstance(here, SyncVectorEnv)
    args.vectorization = "async"
    elsewhere = make_envs(args, tmp_path, "ppo")
    try:
        assert isinstance(elsewhere, StepTimeout)  # one that hangs holds no run
        np.testing.assert_equal(history(elsewhere, 60), history(here, 60))
    finally:
        elsewhere.close()


@pytest.mark.slow
def test_episodes_are_filmed_in_processes_of_their_own_too(tmp_path: Path) -> None:
    args = RunArgs(num_envs=2, rater="human", clips="capture", segment_length=(5,), num_ratings=500)
    frames = []
    for args.vectorization in ("sync", "async"):
        envs = make_envs(args, tmp_path, "ppo")
        try:
            envs.action_space.seed(0)
            envs.reset()
            infos = [envs.step(envs.action_space.sample())[4] for _ in range(20)]
            frames.append([info[FRAME].tolist() for info in infos])
        finally:
            envs.close()
    assert frames[0] == frames[1]
    assert any(isinstance(frame, bytes) for row in frames[0] for frame in row)


@pytest.mark.long
@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_the_spec_of_one_environment_is_known(vectorization: Any, tmp_path: Path) -> None:
    limit: dict[str, Any] = {"max_episode_steps": 30}
    args = RunArgs(num_envs=2, vectorization=vectorization, env_kwargs=limit)
    envs = make_envs(args, tmp_path, "ppo")
    envs.close()
    assert envs.spec is not None
    assert (envs.spec.id, envs.spec.max_episode_steps) == ("CartPole-v1", 30)


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_spaces_that_a_script_cannot_train_on_are_refused(
    vectorization: Any, tmp_path: Path
) -> None:
    args = RunArgs(env_id="CartPole-v1", vectorization=vectorization)
    with pytest.raises(TypeError, match=r"`env_id` must have .*got Discrete"):
        make_envs(args, tmp_path, "sac_continuous_action")


def test_an_environment_that_is_missing_is_refused_before_a_process_begins(tmp_path: Path) -> None:
    args = RunArgs(env_id="CartPol-v1", vectorization="async")
    with pytest.raises(ValueError, match=r"`env_id` must name .*did you mean CartPole-v1"):
        make_envs(args, tmp_path, "ppo")


def made_by_a_pool(env_id: str, *, env_type: str, num_envs: int, seed: int) -> Any:
    """Return environments as EnvPool's: with the spaces of one, and a configuration."""
    assert (env_type, seed) == ("gymnasium", 7)
    envs = SyncVectorEnv([lambda: gym.make(env_id)] * num_envs)
    envs.observation_space = envs.single_observation_space
    envs.config = {"max_episode_steps": 500}  # type: ignore[attr-defined]  # as theirs
    return envs


@pytest.fixture
def _pool(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = SimpleNamespace(list_all_envs=lambda: ["CartPole-v1"], make=made_by_a_pool)
    monkeypatch.setitem(sys.modules, "envpool", pool)


@pytest.mark.usefixtures("_pool")
def test_environments_of_a_pool_are_adapted(tmp_path: Path) -> None:
    args = RunArgs(num_envs=3, vectorization="envpool", seed=7)
    envs = make_envs(args, tmp_path, "ppo")
    assert envs.observation_space.shape == (3, 4)
    assert envs.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert (envs.spec.id, envs.spec.max_episode_steps) == ("CartPole-v1", 500)
    assert len(history(envs, 20)) == 81


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize(
    ("flags", "error", "text"),
    [
        ({"env_id": "Mine-v0"}, ValueError, "`env_id` must be one of EnvPool's .*got Mine-v0"),
        ({"env_kwargs": {"x": 1}}, TypeError, "`env_kwargs` must be what EnvPool takes, got"),
    ],
)
def test_what_a_pool_has_not_is_refused(flags: Any, error: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=text):
        make_envs(RunArgs(vectorization="envpool", **flags), tmp_path, "ppo")


def test_a_pool_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "envpool", None)
    with pytest.raises(ImportError, match=r"`envpool` is not installed; .*gym_rated\[envpool\]"):
        make_envs(RunArgs(vectorization="envpool"), tmp_path, "ppo")


@pytest.mark.parametrize("flags", [{"rater": "human"}, {"capture_video": True}])
def test_a_pool_is_refused_where_episodes_are_filmed_or_played_again(flags: Any) -> None:
    with pytest.raises(ValueError, match=r"`vectorization` must be sync .*, got envpool"):
        check_args(RunArgs(vectorization="envpool", **flags))
