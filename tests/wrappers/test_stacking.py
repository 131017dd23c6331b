from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, scripted_vector
from gymnasium import wrappers
from gymnasium.wrappers import vector as vector_wrappers

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper
from gym_rated import vector as rated_vector


def first(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs[:, 0]


def rated(env: Any) -> Any:
    return RatingFeedbackWrapper(env, KeepingRater())


def rated_vec(envs: Any) -> Any:
    return rated_vector.RatingFeedbackWrapper(envs, KeepingRater())


class Doubled(gym.Wrapper):
    """Changes the observation space without being an ObservationWrapper."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (6,))


def identity_obs(env: gym.Env) -> gym.Env:
    return wrappers.TransformObservation(env, lambda obs: obs, env.observation_space)


@pytest.mark.parametrize(
    "transform",
    [
        wrappers.NormalizeObservation,
        identity_obs,
        Doubled,
        lambda env: wrappers.RescaleAction(env, np.float32(0), np.float32(1)),
        lambda env: wrappers.StickyAction(env, 0.5),
        lambda env: wrappers.FrameStackObservation(env, 2),
        lambda env: wrappers.TimeAwareObservation(wrappers.TimeLimit(env, 9)),
    ],
)
def test_a_transform_between_the_wrappers_is_refused_by_name(transform: Any) -> None:
    changed = transform(rated(ScriptedEnv()))
    text = f"`env` must not transform .*, got {type(changed).__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        LearnedRewardWrapper(changed, first)
    with pytest.raises(ValueError, match=text):  # not only right below
        LearnedRewardWrapper(wrappers.TimeLimit(changed, 10), first)


@pytest.mark.parametrize(
    "transform",
    [
        vector_wrappers.NormalizeObservation,
        lambda envs: vector_wrappers.TransformObservation(envs, lambda obs: obs),
        lambda envs: vector_wrappers.TransformAction(envs, lambda actions: actions),
        lambda envs: vector_wrappers.RescaleAction(envs, np.float32(0), np.float32(1)),
    ],
)
def test_a_vector_transform_between_the_wrappers_is_refused_by_name(transform: Any) -> None:
    changed = transform(rated_vec(scripted_vector([[(5, "terminated")]])))
    text = f"`env` must not transform .*, got {type(changed).__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated_vector.LearnedRewardWrapper(changed, first)


@pytest.mark.parametrize(
    "vector_layer", [lambda envs: envs, vector_wrappers.RecordEpisodeStatistics]
)
def test_a_transform_inside_the_sub_environments_is_refused_by_name(vector_layer: Any) -> None:
    inside = gym.vector.SyncVectorEnv(
        [lambda: rated(ScriptedEnv()), lambda: identity_obs(rated(ScriptedEnv()))]
    )
    with pytest.raises(ValueError, match=r"must not transform .*, got TransformObservation"):
        rated_vector.LearnedRewardWrapper(vector_layer(inside), first)


def test_a_vector_transform_above_rated_sub_environments_is_refused_by_name() -> None:
    inside = gym.vector.SyncVectorEnv([lambda: rated(ScriptedEnv())] * 2)
    rated_vector.LearnedRewardWrapper(inside, first).reset()
    changed = vector_wrappers.NormalizeObservation(inside)
    with pytest.raises(ValueError, match=r"must not transform .*, got NormalizeObservation"):
        rated_vector.LearnedRewardWrapper(changed, first)


def test_transforms_elsewhere_and_harmless_wrappers_between_are_fine() -> None:
    below = wrappers.RescaleAction(identity_obs(ScriptedEnv()), np.float32(0), np.float32(1))
    between = wrappers.TimeLimit(wrappers.ClipReward(rated(below), -1, 1), 10)
    above = wrappers.NormalizeObservation(LearnedRewardWrapper(between, first))
    above.reset()
    assert above.step(np.full(2, 0.5, np.float32))[1] == 0.0
    alone = LearnedRewardWrapper(identity_obs(ScriptedEnv()), first)  # no feedback wrapper below
    alone.reset()

    envs = vector_wrappers.RecordEpisodeStatistics(rated_vec(scripted_vector([[(5, "both")]])))
    envs = vector_wrappers.NormalizeReward(rated_vector.LearnedRewardWrapper(envs, first))
    vector_wrappers.NormalizeObservation(envs).reset()


@pytest.mark.parametrize("normalizer", [wrappers.NormalizeObservation, wrappers.NormalizeReward])
def test_a_normaliser_below_is_refused_by_name(normalizer: Any) -> None:
    text = f"`env` must not be normalised below .*, got {normalizer.__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated(wrappers.TimeLimit(normalizer(ScriptedEnv()), 10))
    inside = gym.vector.SyncVectorEnv([lambda: normalizer(ScriptedEnv())] * 2)
    with pytest.raises(ValueError, match=text):
        rated_vec(vector_wrappers.RecordEpisodeStatistics(inside))


@pytest.mark.parametrize(
    "normalizer", [vector_wrappers.NormalizeObservation, vector_wrappers.NormalizeReward]
)
def test_a_vector_normaliser_below_is_refused_by_name(normalizer: Any) -> None:
    text = f"`env` must not be normalised below .*, got {normalizer.__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated_vec(normalizer(scripted_vector([[(5, "terminated")]])))
