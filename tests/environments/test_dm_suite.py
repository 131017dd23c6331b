"""The tasks of dm_control's suite; the ids are in test_registration.py."""

import os
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import gym_rated
from gym_rated.environments.dm_suite import SuiteEnv

pytest.importorskip("dm_control")
pytest.importorskip("shimmy")

CARTPOLE = "gym_rated/dm-cartpole-swingup-v0"


def walk(env: gym.Env, num_steps: int, seed: int | None = None) -> list[Any]:
    """Everything that a reset and some steps return; episodes follow one another."""
    env.action_space.seed(7)
    history = [env.reset(seed=seed)]
    for _ in range(num_steps):
        history.append(env.step(env.action_space.sample()))
        if history[-1][2] or history[-1][3]:
            history.append(env.reset())
    return history


@pytest.mark.parametrize(
    ("domain", "task", "obs_dim", "action_dim"),
    [
        ("cartpole", "swingup", 5, 1),
        ("cheetah", "run", 17, 6),
        ("walker", "walk", 24, 6),
        ("finger", "spin", 9, 2),
        ("reacher", "easy", 6, 2),
        ("ball_in_cup", "catch", 8, 2),
        ("manipulator", "bring_ball", 16 + 8 + 5 + 4 + 4 + 3 + 4, 5),
    ],
)
def test_observations_and_actions_are_float32_vectors(
    domain: str, task: str, obs_dim: int, action_dim: int
) -> None:
    env = gym.make(f"gym_rated/dm-{domain}-{task}-v0")
    assert env.observation_space == gym.spaces.Box(-np.inf, np.inf, (obs_dim,), np.float32)
    assert env.action_space == gym.spaces.Box(-1, 1, (action_dim,), np.float32)
    for obs, *_, info in walk(env, 5, seed=0):
        assert obs in env.observation_space
        assert info == {}


@pytest.mark.filterwarnings("ignore:.*Box observation space.*infinity", "ignore:.*minimum value")
@pytest.mark.filterwarnings("ignore:.*maximum value", "ignore:.*spec is None")
def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(SuiteEnv("pendulum", "swingup"), skip_render_check=True)


def test_an_episode_follows_from_the_seed_of_its_reset() -> None:
    first, second = (walk(gym.make(CARTPOLE), 40, seed=3) for _ in range(2))
    np.testing.assert_equal(first, second)
    other = walk(gym.make(CARTPOLE), 40, seed=4)
    assert (first[0][0] != other[0][0]).any()
    assert (walk(gym.make(CARTPOLE), 1)[0][0] != walk(gym.make(CARTPOLE), 1)[0][0]).any()


def test_the_time_limit_truncates() -> None:
    history = walk(gym.make(CARTPOLE, action_repeat=10), 100, seed=0)
    assert [step[3] for step in history[1:-1]] == [False] * 99 + [True]
    assert not any(step[2] for step in history[1:-1])


def test_a_task_that_terminates_says_so() -> None:
    env = gym.make("gym_rated/dm-lqr-lqr_2_1-v0")
    env.reset(seed=0)
    physics = env.unwrapped._env.unwrapped._env.physics
    physics.data.qpos[:] = physics.data.qvel[:] = 0.0  # at rest: the task is done
    physics.forward()
    assert env.step(np.zeros(1, np.float32))[2:4] == (True, False)


def test_a_repeated_action_sums_its_rewards() -> None:
    once, thrice = gym.make(CARTPOLE), gym.make(CARTPOLE, action_repeat=3)
    once.reset(seed=1)
    thrice.reset(seed=1)
    action = np.array([0.5], np.float32)
    steps = [once.step(action) for _ in range(3)]
    obs, reward, *_ = thrice.step(action)
    np.testing.assert_array_equal(obs, steps[-1][0])
    assert reward == pytest.approx(sum(step[1] for step in steps))
    assert (once.metadata["render_fps"], thrice.metadata["render_fps"]) == (100, 33)


def test_actions_are_clipped() -> None:
    histories = []
    for size in (1.0, 50.0):
        env = gym.make(CARTPOLE, disable_env_checker=True)
        env.reset(seed=1)
        histories.append([env.step(np.array([size], np.float32))[:2] for _ in range(5)])
    np.testing.assert_equal(*histories)


def test_a_run_is_resumed_exactly_in_the_middle_of_a_later_episode() -> None:
    def make() -> gym.Env:
        return gym_rated.SeededEpisodes(gym.make(CARTPOLE, action_repeat=20), seed=5)

    env = make()
    walk(env, 75)  # an episode has 50 steps
    moment = env.state_dict()
    again = make()
    again.load_state_dict(moment)
    obs, _ = again.reset()
    np.testing.assert_array_equal(obs, moment["obs"])
    action = np.array([0.25], np.float32)
    np.testing.assert_equal(again.step(action), env.step(action))


def test_a_spec_makes_the_same_environment() -> None:
    env = gym.make(CARTPOLE, action_repeat=4)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    np.testing.assert_equal(walk(env, 10, seed=2), walk(again, 10, seed=2))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"task": "fly"},
            r"`task` must be one of dm_control's suite, got cartpole-fly; cart.*bala",
        ),
        ({"action_repeat": 0}, "`action_repeat` must be at least 1, got 0"),
        ({"render_mode": "human"}, "`render_mode` must be 'rgb_array' or None, got 'human'"),
    ],
)
def test_bad_arguments_are_refused(arguments: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SuiteEnv(**{"domain": "cartpole", "task": "swingup", **arguments})


RENDER = f"""
import gymnasium as gym, gym_rated
env = gym.make("{CARTPOLE}", render_mode="rgb_array", width=64, height=48)
env.reset(seed=0)
frame = env.render()
assert frame.shape == (48, 64, 3) and frame.dtype == "uint8" and frame.std() > 1, frame
"""


def test_frames_are_drawn_without_a_display() -> None:
    unset = ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY")
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run([sys.executable, "-c", RENDER], env=environ, capture_output=True)
    error = done.stderr.decode()
    if "No OpenGL rendering backend" in error or "EGL" in error.splitlines()[-1:]:
        pytest.skip("no offscreen OpenGL here")
    assert done.returncode == 0, error
