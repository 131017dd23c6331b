"""`gym_rated/Rated-v0`, as any library makes it: by id, with keyword arguments."""

import json
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import gym_rated

ID = "gym_rated/Rated-v0"
RATER = {"type": "gym_rated:SyntheticRater", "num_classes": 3}
PENDULUM = {"env_id": "Pendulum-v1", "rater": RATER, "segment_length": 10, "schedule": {60: 10}}


def height(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs[:, 0]


def rewards_of(env: Any, num_steps: int) -> list[float]:
    env.action_space.seed(0)
    env.reset(seed=0)
    rewards = []
    for _ in range(num_steps):
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert not info
        rewards.append(reward)
        if np.ndim(terminated) == 0 and (terminated or truncated):
            env.reset()
    return rewards


def test_a_reward_is_learned_as_ratings_come_in() -> None:
    env = gym.make(ID, **PENDULUM)
    rewards = rewards_of(env, 100)
    assert rewards[:59] == [0.0] * 59
    assert all(reward != 0.0 for reward in rewards[59:])
    assert len(env.unwrapped.ratings) == 6  # windows of 10 in 60 steps, 10 wanted
    assert env.unwrapped.ratings.env_id == "Pendulum-v1"


def test_the_innermost_environment_is_ours() -> None:
    env = gym.make(ID, **PENDULUM)
    assert env.unwrapped is env
    env.reset(seed=0)
    assert env.unwrapped.step(env.action_space.sample())[1] == 0.0


def test_a_spec_makes_the_same_environment() -> None:
    env = gym.make(ID, **PENDULUM, loss={"tasks": ["classification"]}, env_kwargs={"g": 5.0})
    text = env.spec.to_json()
    again = gym.make(EnvSpec.from_json(text))
    assert json.loads(text) == json.loads(again.spec.to_json())
    assert again.unwrapped.learner.loss.tasks == ("classification",)
    assert rewards_of(env, 80) == rewards_of(again, 80)


def test_a_given_reward_function_is_not_fitted() -> None:
    env = gym.make(ID, env_id="Pendulum-v1", rater=RATER, reward_fn=f"{__name__}:height")
    obs, _ = env.reset(seed=0)
    assert env.step(np.zeros(1))[1] == obs[0]
    assert env.unwrapped.learner is None


def test_a_saved_model_is_a_reward_function(tmp_path: Any) -> None:
    model = gym_rated.RewardEnsemble(3, 1, seed=4)
    model.set_scale(0.5)
    model.save(tmp_path)
    env = gym.make(ID, env_id="Pendulum-v1", rater=RATER, reward_fn=str(tmp_path))
    obs, _ = env.reset(seed=0)
    expected = model.predict(obs[None], np.zeros((1, 1), np.float32))[0]
    assert env.step(np.zeros(1))[1] == expected


def test_questions_can_be_asked_by_hand() -> None:
    env = gym.make(ID, **PENDULUM | {"schedule": None}, record_replay=True)
    rewards_of(env, 50)
    assert env.unwrapped.query(4) == 4
    assert env.unwrapped.collect() == 0
    assert len(env.unwrapped.ratings) == 4


@pytest.mark.parametrize("inner_mode", ["sync", "async"])
def test_a_vector_environment_has_one_dataset(inner_mode: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking, by the async workers
        envs = gym.make_vec(ID, 3, **PENDULUM, inner_mode=inner_mode)
        rewards = np.array(rewards_of(envs, 40))
    assert (rewards[:19] == 0).all()
    assert (rewards[19:] != 0).all()
    assert len(envs.env.ratings) == 6  # 3 * 2 windows of 10 in 60 steps
    assert json.loads(envs.spec.to_json())["kwargs"]["env_id"] == "Pendulum-v1"
    envs.close()


def test_single_environments_in_a_vector_have_datasets_of_their_own() -> None:
    envs = gym.make_vec(ID, 2, vectorization_mode="sync", **PENDULUM)
    rewards_of(envs, 70)
    assert [len(env.unwrapped.ratings) for env in envs.envs] == [6, 6]


@pytest.mark.filterwarnings("ignore:.*Box observation space.*infinity", "ignore:.*spec is None")
@pytest.mark.filterwarnings("ignore:.*For Box action spaces", "ignore:.*spec")
def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(gym.make(ID, **PENDULUM | {"schedule": None}), skip_render_check=True)


def test_images_get_a_model_for_images() -> None:
    gym.register("tests/Dot-v0", entry_point="envs:DotEnv", disable_env_checker=True)
    env = gym.make(ID, env_id="tests/Dot-v0", rater=RATER, segment_length=4, features="pixels")
    assert isinstance(env.unwrapped.learner.model, gym_rated.ConvRewardEnsemble)
    assert rewards_of(env, 20) == [0.0] * 20
    assert env.unwrapped.query(3) == 3


def test_a_loss_for_a_given_reward_function_is_refused() -> None:
    with pytest.raises(ValueError, match="`loss` must not be given beside `reward_fn`"):
        gym.make(ID, **PENDULUM, reward_fn=f"{__name__}:height", loss={"tasks": ["regression"]})


@pytest.mark.filterwarnings("ignore:.*You are using `torch.load`")
def test_stable_baselines_makes_one_by_id() -> None:
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    envs = env_util.make_vec_env(ID, 2, seed=1, env_kwargs=PENDULUM)
    envs.reset()
    for _ in range(70):
        rewards = envs.step(np.zeros((2, 1), np.float32))[1]
    assert (rewards != 0).all()
    assert [len(ratings) for ratings in envs.get_attr("ratings")] == [6, 6]
    envs.close()
