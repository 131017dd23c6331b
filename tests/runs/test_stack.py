from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import MODES, scripted_vector, step_vector
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import NormalizeObservation, NormalizeReward, RecordEpisodeStatistics

from gym_rated import SeededEpisodes, ShuffledRater, SyntheticRater
from gym_rated import vector as rated_vector
from gym_rated.checkpoint import load_state, save_state
from gym_rated.runs.stack import load_stack_state, stack_state

pytestmark = pytest.mark.filterwarnings(
    "ignore:round", "ignore:a query for", "ignore:.*fork:DeprecationWarning"
)


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return np.tanh(obs.sum(1) + actions.sum(1))


def full_stack(
    env_id: str, limit: int, mode: AutoresetMode, num_envs: int = 3, kind: Any = SyncVectorEnv
) -> Any:
    """Everything that a script stacks, each layer with a state of its own."""

    def thunk(i: int) -> gym.Env:
        return SeededEpisodes(gym.make(env_id, max_episode_steps=limit), 11, i)

    thunks = [lambda i=i: thunk(i) for i in range(num_envs)]
    envs: Any = RecordEpisodeStatistics(kind(thunks, autoreset_mode=mode))
    rater = ShuffledRater(SyntheticRater(3, mistake_rate=0.2, seed=5), seed=6)
    envs = rated_vector.RatingFeedbackWrapper(
        envs, rater, segment_length=5, schedule={60: 4, 150: 3, 400: 5}, capacity=300, seed=7
    )
    envs = rated_vector.LearnedRewardWrapper(envs, reward_fn)
    envs = RecordEpisodeStatistics(envs, stats_key="seen")
    if mode == AutoresetMode.NEXT_STEP:  # vector NormalizeObservation refuses the others
        envs = NormalizeObservation(envs)
    return NormalizeReward(envs)


def layers(envs: Any) -> list[Any]:
    found = [envs]
    while hasattr(found[-1], "env"):
        found.append(found[-1].env)
    return found


def go_on(envs: Any, num_steps: int, first: int) -> list[Any]:
    """Step with actions that depend on the number of the step; returns all that came out."""
    history = []
    for number in range(first, first + num_steps):
        envs.action_space.seed(number)
        obs, rewards, terminated, truncated, infos = step_vector(envs, envs.action_space.sample())
        for key in ("episode", "seen"):
            infos.get(key, {}).pop("t", None)  # the clock
        history.append((obs, rewards, terminated, truncated, infos))
    return history


def flat(value: Any) -> Any:
    """Turn arrays of objects (`final_obs`), which numpy cannot compare, into lists."""
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.dtype == "O"):
        return [flat(item) for item in value]
    return value


def assert_same_state(a: Any, b: Any) -> None:
    for x, y in zip(stack_state(a), stack_state(b), strict=True):
        for state in (x, y):
            state.pop("time_queue", None)
        np.testing.assert_equal(flat(x), flat(y))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("env_id", "limit", "saved_at"),
    [
        ("CartPole-v1", 500, 100),
        ("CartPole-v1", 500, None),  # in the first step after 50 in which an environment is done
        ("Pendulum-v1", 10, 29),  # 29 steps: with next-step autoreset just before a common done
        ("Pendulum-v1", 10, 0),
    ],
)
def test_a_resumed_stack_equals_the_uninterrupted_one(
    env_id: str, limit: int, saved_at: int | None, mode: AutoresetMode, tmp_path: Path
) -> None:
    envs = full_stack(env_id, limit, mode)
    envs.reset()
    number = 0
    while number != saved_at:
        done = np.logical_or(*go_on(envs, 1, number)[0][2:4])
        number += 1
        if saved_at is None and number > 50 and done.any():
            break
    save_state(tmp_path, {"envs": stack_state(envs)})  # goes through the file of a checkpoint
    expected = go_on(envs, 300, number)

    again = full_stack(env_id, limit, mode)
    load_stack_state(again, load_state(tmp_path)["envs"])
    got = go_on(again, 300, number)
    for k, (a, b) in enumerate(zip(expected, got, strict=True)):
        np.testing.assert_equal(flat(b), flat(a), err_msg=f"step {k} after the checkpoint")
    assert_same_state(again, envs)
    feedback = next(x for x in layers(envs) if isinstance(x, rated_vector.RatingFeedbackWrapper))
    assert len(feedback.ratings) >= 7
    assert (
        sum(info.get("_episode", np.zeros(1)).sum() for *_, info in expected) == 0
    )  # it is hidden


def test_a_resumed_halfcheetah_equals_the_uninterrupted_one() -> None:
    pytest.importorskip("mujoco")
    envs = full_stack("HalfCheetah-v5", 40, AutoresetMode.NEXT_STEP, num_envs=2)
    envs.reset()
    go_on(envs, 40, 0)  # the environments are done: the next step is a reset
    states = stack_state(envs)
    expected = go_on(envs, 300, 40)
    again = full_stack("HalfCheetah-v5", 40, AutoresetMode.NEXT_STEP, num_envs=2)
    load_stack_state(again, states)
    np.testing.assert_equal(flat(go_on(again, 300, 40)), flat(expected))
    assert_same_state(again, envs)


def in_time(*args: Any, **kwargs: Any) -> Any:
    return rated_vector.StepTimeout(AsyncVectorEnv(*args, **kwargs), timeout_s=60)


@pytest.mark.parametrize(("before", "after"), [(in_time, in_time), (SyncVectorEnv, AsyncVectorEnv)])
def test_a_stack_goes_on_in_processes_of_its_own(before: Any, after: Any) -> None:
    mode = AutoresetMode.NEXT_STEP
    envs = full_stack("Pendulum-v1", 10, mode, 2, before)
    again = full_stack("Pendulum-v1", 10, mode, 2, after)
    try:
        envs.reset()
        go_on(envs, 29, 0)
        states = stack_state(envs)
        expected = go_on(envs, 60, 29)
        load_stack_state(again, states)
        np.testing.assert_equal(flat(go_on(again, 60, 29)), flat(expected))
        assert_same_state(again, envs)
    finally:
        envs.close()
        again.close()


def test_episode_statistics_go_on() -> None:
    envs = full_stack("Pendulum-v1", 10, AutoresetMode.NEXT_STEP)
    envs.reset()
    go_on(envs, 25, 0)
    again = full_stack("Pendulum-v1", 10, AutoresetMode.NEXT_STEP)
    load_stack_state(again, stack_state(envs))
    for stack in (envs, again):
        go_on(stack, 30, 25)
    true, true_again = layers(envs)[-2], layers(again)[-2]
    assert list(true.return_queue) == list(true_again.return_queue)
    assert len(true.return_queue) == 15  # 55 steps are 5 episodes of 11 rows in each of 3
    assert true.episode_count == true_again.episode_count == 15
    assert set(true.length_queue) == {10}
    assert true_again.return_queue.maxlen == true.return_queue.maxlen


def test_a_state_is_not_changed_by_going_on() -> None:
    envs = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    envs.reset()
    go_on(envs, 80, 0)
    states = stack_state(envs)
    expected = go_on(envs, 50, 80)
    again = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    load_stack_state(again, states)
    np.testing.assert_equal(flat(go_on(again, 50, 80)), flat(expected))
    third = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    load_stack_state(third, states)  # nor is it by being loaded
    np.testing.assert_equal(flat(go_on(third, 50, 80)), flat(expected))


def test_a_frozen_normaliser_stays_frozen() -> None:
    envs = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    envs.update_running_mean = envs.env.update_running_mean = False
    envs.reset()
    again = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    load_stack_state(again, stack_state(envs))
    assert not again.update_running_mean
    assert not again.env.update_running_mean


def test_another_stack_is_refused() -> None:
    envs = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    envs.reset()
    states = stack_state(envs)
    for other in (envs.env, full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP, num_envs=2)):
        with pytest.raises(ValueError, match="`states` must come from a stack of the same layers"):
            load_stack_state(other, states)


def test_another_environment_is_refused() -> None:
    envs = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    envs.reset()
    go_on(envs, 5, 0)
    states = stack_state(envs)
    states[-1]["episodes"][1]["obs"][0] += 1e-7
    again = full_stack("CartPole-v1", 500, AutoresetMode.NEXT_STEP)
    with pytest.raises(RuntimeError, match="did not repeat its episode"):
        load_stack_state(again, states)


def test_what_cannot_be_played_again_is_refused_with_the_remedy() -> None:
    text = "`envs` must be a stack around SyncVectorEnv or AsyncVectorEnv of environments in .*put"
    plain = scripted_vector([[(5, "terminated")]])
    above = SyncVectorEnv(
        [lambda: gym.wrappers.TimeLimit(SeededEpisodes(gym.make("CartPole-v1"), 1), 5)]
    )
    spawned = AsyncVectorEnv([lambda: gym.make("CartPole-v1")])
    try:
        for envs in (plain, above, spawned, rated_vector.LearnedRewardWrapper(above, reward_fn)):
            with pytest.raises(TypeError, match=text):
                stack_state(envs)
            with pytest.raises(TypeError, match=text):
                load_stack_state(envs, [{"layer": type(envs).__name__, "episodes": []}])
    finally:
        spawned.close()
