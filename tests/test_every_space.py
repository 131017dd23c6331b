"""The same spaces through every script and every wrapper: each trains, or is refused beforehand.

What is not refused trains on ratings, and the environment minds that each action is one of its own.
Who takes what stands in `TRAINED_ON` and `RATED`; there is no third way.
"""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action
import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from spaces import ACTIONS, ENV_ID, OBSERVATIONS

import gym_rated
import gym_rated.vector
from gym_rated.runs import read_result
from gym_rated.sb3 import SB3VecEnv

pytestmark = pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")

IMAGES = {"image", "gray_image", "image_of_one_channel"}  # which the agents of PPO see
NOT_VECTORS = {"dict_with_image", "sequence", "graph", "dict_with_sequence", "nothing"}
NOT_VECTORS |= IMAGES | {"image_of_frames_first"}
STRUCTURES = {"dict", "tuple", "text", "one_of", "nothing"}
CHOICES = {name for name in ACTIONS if name.startswith(("discrete", "multi_"))}
BOXES = {name for name in ACTIONS if name.startswith("box")}
TRAINED_ON = {  # script -> actions that it takes
    ppo: CHOICES,
    ppo_continuous_action: BOXES - {"box_far_from_0", "box_of_integers"},
    sac_continuous_action: BOXES
    - {"box_half_bounded", "box_unbounded", "box_of_all_floats", "box_fixed", "box_of_integers"},
}
RATED = set(ACTIONS) - STRUCTURES
SCRIPTS = pytest.mark.parametrize("script", TRAINED_ON, ids=lambda script: script.__name__)
ALL_ACTIONS = pytest.mark.parametrize("actions", ACTIONS)
SHORT = {
    "total_timesteps": 192,
    "num_envs": 2,
    "num_ratings": 10,
    "num_classes": 2,
    "segment_length": (4,),
    "first_steps": 3,
    "later_steps": 1,
    "num_members": 2,
    "hidden_sizes": (8,),
    "tensorboard": False,
}
SHORT_PPO = {"num_steps": 16, "update_epochs": 2, "num_minibatches": 2}
SHORT_SAC = {"learning_starts": 96, "batch_size": 8, "network_width": 8, "buffer_size": 200}


def train(
    script: ModuleType, folder: Path, observations: str, actions: str, **more: Any
) -> dict[str, Any]:
    """Train a script for a moment, on ratings that are asked for twice."""
    flags = SHORT | (SHORT_SAC if script is sac_continuous_action else SHORT_PPO) | more
    spaces = {"observations": observations, "actions": actions}
    args = script.Args(**flags, env_id=ENV_ID, env_kwargs=spaces, run_dir=folder)
    script.train(args)
    return read_result(folder)


@pytest.fixture(autouse=True)
def asked_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask in the first steps of a run, where scripts would wait for two thousand."""
    for script in TRAINED_ON:
        monkeypatch.setattr(script.parts, "make_schedule", lambda *args: {64: 6, 128: 4})


@SCRIPTS
@pytest.mark.parametrize("observations", OBSERVATIONS)
def test_a_script_trains_on_observations_or_refuses_them(
    script: ModuleType, observations: str, tmp_path: Path
) -> None:
    actions = "discrete" if script is ppo else "box"
    sees_images = script is not sac_continuous_action
    flags = {"features": "pixels"} if sees_images and observations in IMAGES else {}
    if observations in NOT_VECTORS and not flags:
        with pytest.raises(TypeError, match=r"`env_id` must have observations .*tests/Spaces-v0"):
            train(script, tmp_path / "run", observations, actions)
        assert not (tmp_path / "run").exists()
        return
    result = train(script, tmp_path / "run", observations, actions, **flags)
    assert result["num_ratings"] == 10
    assert math.isfinite(result["score"])


@SCRIPTS
@ALL_ACTIONS
def test_a_script_trains_on_actions_or_names_what_to_do(
    script: ModuleType, actions: str, tmp_path: Path
) -> None:
    others = [other.__name__ for other, taken in TRAINED_ON.items() if actions in taken]
    if script.__name__ in others:
        result = train(script, tmp_path / "run", "box", actions)
        assert result["num_ratings"] == 10
        assert math.isfinite(result["score"])
        return
    with pytest.raises(TypeError, match=r"`env_id` must have .* in tests/Spaces-v0; ") as refused:
        train(script, tmp_path / "run", "box", actions)
    remedy = str(refused.value).partition("tests/Spaces-v0; ")[2]
    assert all(f"scripts/{other}.py" in remedy for other in others)
    assert others or "in an action wrapper" in remedy
    assert not (tmp_path / "run").exists()


def single(observations: str, actions: str) -> Any:
    env = gym.make(ENV_ID, observations=observations, actions=actions)
    feedback = gym_rated.RatingFeedbackWrapper(env, rater(), segment_length=4, seed=0)
    return feedback, gym_rated.LearnedRewardWrapper(feedback, pay)


def vector(kind: type, observations: str, actions: str) -> Any:
    # by its module, which a worker that is no fork of this process then imports
    make = [lambda: gym.make(spaces.ENV_ID, observations=observations, actions=actions)] * 2
    envs = kind(make, autoreset_mode=AutoresetMode.SAME_STEP)
    feedback = gym_rated.vector.RatingFeedbackWrapper(envs, rater(), segment_length=4, seed=0)
    return feedback, gym_rated.vector.LearnedRewardWrapper(feedback, pay)


def sync(observations: str, actions: str) -> Any:
    return vector(SyncVectorEnv, observations, actions)


def asynchronous(observations: str, actions: str) -> Any:
    return vector(AsyncVectorEnv, observations, actions)


def sb3(observations: str, actions: str) -> Any:
    feedback, envs = vector(SyncVectorEnv, observations, actions)
    return feedback, SB3VecEnv(envs)


def by_id(observations: str, actions: str) -> Any:
    env = gym.make("gym_rated/Rated-v0", **of_id(observations, actions))
    return env.unwrapped, env


def vector_by_id(observations: str, actions: str) -> Any:
    envs = gym.make_vec("gym_rated/Rated-v0", num_envs=2, **of_id(observations, actions))
    return envs.env, envs


def of_id(observations: str, actions: str) -> dict[str, Any]:
    spaces = {"observations": observations, "actions": actions}
    return {"env_id": ENV_ID, "env_kwargs": spaces, "rater": rater(), "segment_length": 4}


def rater() -> gym_rated.SyntheticRater:
    return gym_rated.SyntheticRater(2, seed=0)


def pay(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs.mean(1) + np.tanh(actions).mean(1)


def step_and_rate(feedback: Any, env: Any) -> None:
    """Step with random actions, ask about segments, and fit a model to the answers."""
    is_single, is_sb3 = isinstance(env, gym.Env), isinstance(env, SB3VecEnv)
    env.action_space.seed(0)
    if is_sb3:
        env.seed(0)
        env.reset()
    else:
        env.reset(seed=0)
    for _ in range(60 if is_single else 30):
        if is_sb3:
            _, rewards, _, _ = env.step(np.stack([env.action_space.sample() for _ in range(2)]))
        else:
            _, rewards, _, truncated, _ = env.step(env.action_space.sample())
            if is_single and truncated:
                env.reset()
        assert np.isfinite(rewards).all()
    assert feedback.query(10) == 10
    model, report = gym_rated.fit(feedback.ratings, steps=2, progress_bar=False)
    assert report.num_ratings == 10
    assert report.ready
    batch = feedback.ratings.batch()
    assert np.isfinite(model.predict(batch.obs[batch.mask], batch.actions[batch.mask])).all()


STACKS = pytest.mark.parametrize(
    "make",
    [
        *(single, sync, sb3, by_id, vector_by_id),
        pytest.param(asynchronous, marks=pytest.mark.slow),  # starts processes for each
    ],
    ids=lambda make: make.__name__,
)


@STACKS
@pytest.mark.parametrize("observations", OBSERVATIONS)
def test_every_stack_rates_observations_or_says_what_it_needs(make: Any, observations: str) -> None:
    if make is asynchronous and observations in {"sequence", "graph", "dict_with_sequence"}:
        pytest.skip("Gymnasium itself has no shared memory for them")
    if observations in NOT_VECTORS:
        with pytest.raises((TypeError, ValueError), match=r"(?s)`(env.\w+|obs_dim)` must .*, got "):
            make(observations, "box")
        return
    feedback, env = make(observations, "box")
    step_and_rate(feedback, env)
    env.close()


@STACKS
@ALL_ACTIONS
def test_every_stack_rates_actions_or_says_what_it_needs(make: Any, actions: str) -> None:
    if actions not in RATED:
        with pytest.raises((TypeError, ValueError), match=r"(?s)`(env.\w+|action_dim)` must .*, g"):
            make("box", actions)
        return
    feedback, env = make("box", actions)
    step_and_rate(feedback, env)
    env.close()
