"""A worker that hangs ends the run with an error that says which one it was."""

import os
import time
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, scripted_vector
from gymnasium.vector import AsyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from gym_rated import vector

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class Frozen(ScriptedEnv):
    """Hangs in a step, or in the second reset."""

    def __init__(self, where: str) -> None:
        super().__init__([(9, "both")])
        self.where = where

    def step(self, action: Any) -> Any:
        if self.where == "step" and self.step_number == 2:
            time.sleep(1_000)
        return super().step(action)

    def reset(self, **options: Any) -> Any:
        if self.where == "reset" and self.episode == 0:
            time.sleep(1_000)
        return super().reset(**options)


@pytest.mark.parametrize("where", ["step", "reset"])
def test_a_frozen_worker_is_named_and_ended(where: str) -> None:
    thunks = [lambda: ScriptedEnv([(9, "both")]), partial(Frozen, where)]
    workers = AsyncVectorEnv(thunks)
    envs = RecordEpisodeStatistics(vector.StepTimeout(workers, timeout_s=0.5))
    envs = vector.RatingFeedbackWrapper(envs, KeepingRater())
    envs.reset()
    begin = time.perf_counter()
    text = f"`{where}` must take less than `timeout_s` = 0.5 s, got no answer "
    text += "from environments .1., whose workers have been ended; give StepTimeout more time"
    actions = np.zeros((2, 2), np.float32)
    for _ in range(2):
        envs.step(actions)
    with pytest.raises(TimeoutError, match=text):
        envs.reset() if where == "reset" else envs.step(actions)
    assert time.perf_counter() - begin < 30
    assert not any(process.is_alive() for process in workers.processes)


class Killed(ScriptedEnv):
    """Ends its process in a step, or in the second reset."""

    def __init__(self, where: str) -> None:
        super().__init__([(9, "both")])
        self.where = where

    def step(self, action: Any) -> Any:
        if self.where == "step":
            os._exit(7)
        return super().step(action)

    def reset(self, **options: Any) -> Any:
        if self.where == "reset" and self.episode == 0:
            os._exit(7)
        return super().reset(**options)


@pytest.mark.parametrize("where", ["step", "reset"])
def test_a_worker_that_died_is_named(where: str) -> None:
    workers = AsyncVectorEnv([lambda: ScriptedEnv([(9, "both")]), partial(Killed, where)])
    envs = vector.StepTimeout(workers, timeout_s=20)
    envs.reset()
    text = r"`envs` must have all .* environments \[1\] whose process ended \(exit codes \[7\]"
    with pytest.raises(RuntimeError, match=text):
        envs.reset() if where == "reset" else envs.step(np.zeros((2, 2), np.float32))
    assert not any(process.is_alive() for process in workers.processes)


def test_workers_in_time_are_those_of_gymnasium() -> None:
    make = [lambda i=i: ScriptedEnv([(2, "both")], i) for i in range(2)]
    plain, timed = AsyncVectorEnv(make), vector.StepTimeout(AsyncVectorEnv(make))
    try:
        np.testing.assert_equal(timed.reset(seed=3), plain.reset(seed=3))
        for _ in range(4):
            actions = np.zeros((2, 2), np.float32)
            np.testing.assert_equal(timed.step(actions), plain.step(actions))
    finally:
        plain.close()
        timed.close()


def test_only_workers_can_be_waited_for() -> None:
    with pytest.raises(TypeError, match="`envs` must be an AsyncVectorEnv, got"):
        vector.StepTimeout(scripted_vector([[(2, "both")]]))
    workers = AsyncVectorEnv([partial(ScriptedEnv)])
    try:
        for timeout_s, error in ((0, ValueError), (-1, ValueError), ("5", TypeError)):
            with pytest.raises(error, match="`timeout_s` must"):
                vector.StepTimeout(workers, timeout_s=timeout_s)
    finally:
        workers.close()


def test_made_by_id_workers_are_not_waited_for_for_ever() -> None:
    from gym_rated.assembly.rated import make_rated_vec

    envs = make_rated_vec(
        1, "CartPole-v1", KeepingRater(), lambda o, a: o[:, 0], inner_mode="async"
    )
    try:
        assert isinstance(envs.env.env, vector.StepTimeout)
        assert isinstance(envs.unwrapped, gym.vector.AsyncVectorEnv)
    finally:
        envs.close()
