"""The camera that films."""

import gymnasium as gym
import pytest

from gym_rated.environments.camera import follow_agent

FREE = -1  # MuJoCo's number of a camera that stays where it is


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Ant-v5", "Swimmer-v5"])
def test_what_runs_away_is_followed_by_the_camera_of_its_model(env_id: str) -> None:
    env = gym.make(env_id, render_mode="rgb_array")
    assert env.unwrapped.mujoco_renderer.camera_id == FREE
    follow_agent(env)
    camera = env.unwrapped.mujoco_renderer.camera_id
    assert env.unwrapped.model.camera(camera).name == "track"
    env.close()


@pytest.mark.parametrize(
    "chosen", [{"camera_id": FREE}, {"default_camera_config": {"distance": 9}}]
)
def test_a_camera_that_was_chosen_stays(chosen: dict[str, object]) -> None:
    env = gym.make("HalfCheetah-v5", render_mode="rgb_array", **chosen)
    follow_agent(env)
    assert env.unwrapped.mujoco_renderer.camera_id == FREE
    env.close()


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Hopper-v5", "InvertedPendulum-v5"])
def test_what_is_filmed_well_or_has_no_such_camera_is_left_alone(env_id: str) -> None:
    env = gym.make(env_id, render_mode="rgb_array")
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    before = None if renderer is None else renderer.camera_id
    follow_agent(env)
    assert before == (None if renderer is None else renderer.camera_id)
    env.close()
