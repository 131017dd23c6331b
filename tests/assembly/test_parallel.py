"""Where the environments of a script run changes nothing that they return."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.parallel import make_envs
from gym_rated.vector import StepTimeout


def history(envs: Any, num_steps: int) -> list[Any]:
    envs.action_space.seed(0)
    shown = [envs.reset()[0]]
    for _ in range(num_steps):
        shown += envs.step(envs.action_space.sample())[:4]
    return shown


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
