"""Vector environments by what they do: served through an adapter, whatever their class."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from envs import MODES, KeepingRater, scripted_vector, step_vector
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv

import gym_rated
from gym_rated import vector as rated_vector
from gym_rated.vector import as_vector_env

SCRIPTS = [[(3, "terminated"), (5, "truncated")], [(4, "truncated"), (1, "both")]]


class Duck:
    """Steps several environments, and is of no class of Gymnasium's."""

    def __init__(self, envs: Any, metadata: dict[str, Any] | None = None) -> None:
        self.envs_inside = envs
        self.num_envs = envs.num_envs
        self.single_observation_space = envs.single_observation_space
        self.single_action_space = envs.single_action_space
        self.metadata = metadata or {}

    def reset(self, seed: Any = None, options: Any = None) -> Any:
        return self.envs_inside.reset(seed=seed, options=options)

    def step(self, actions: Any) -> Any:
        return self.envs_inside.step(actions)


class LikeIsaacLab(gym.Env):
    """Single by its class, many by what it does, of tensors; its info is of them all."""

    num_envs = 3
    single_observation_space = spaces.Dict({"policy": spaces.Box(-9, 9, (2,), np.float32)})
    single_action_space = spaces.Box(-1, 1, (1,), np.float32)
    observation_space = spaces.Dict({"policy": spaces.Box(-9, 9, (3, 2), np.float32)})
    action_space = spaces.Box(-1, 1, (3, 1), np.float32)
    steps = 0

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return {"policy": torch.zeros(3, 2)}, {}

    def step(self, actions: Any) -> Any:
        self.steps += 1
        over = torch.tensor([self.steps % 4 == 0] * 3)
        obs = {"policy": torch.full((3, 2), self.steps % 4).float()}
        return obs, torch.ones(3), over, torch.zeros_like(over), {"log": {"reward": 1.0}}


class LikeEnvPool(Duck, gym.Env, VectorEnv):  # type: ignore[misc]  # as EnvPool's are
    """Of both classes, with the spaces of one environment, and seeded where it is made."""

    def __init__(self, envs: Any) -> None:
        super().__init__(envs, {"autoreset_mode": AutoresetMode.NEXT_STEP})
        self.observation_space = envs.single_observation_space
        self.action_space = envs.single_action_space
        self.spec = object()  # without an id

    def __repr__(self) -> str:
        return "LikeEnvPool"

    def reset(self) -> Any:  # type: ignore[override]
        return self.envs_inside.reset()


def first(obs: Any, actions: Any) -> Any:
    return obs[:, 0]


@pytest.mark.parametrize("mode", MODES)
def test_what_follows_the_protocol_is_rated_as_a_vector_environment_is(mode: Any) -> None:
    raters = KeepingRater(), KeepingRater()
    stacks = (
        scripted_vector(SCRIPTS, mode),
        as_vector_env(Duck(scripted_vector(SCRIPTS, mode)), autoreset_mode=mode),
    )
    envs, adapted = (
        rated_vector.LearnedRewardWrapper(
            rated_vector.RatingFeedbackWrapper(stack, rater, segment_length=2), first
        )
        for stack, rater in zip(stacks, raters, strict=True)
    )
    envs.reset(seed=1)
    adapted.reset(seed=1)
    for _ in range(30):
        actions = np.zeros((2, 2), np.float32)
        np.testing.assert_equal(step_vector(adapted, actions)[:4], step_vector(envs, actions)[:4])
    assert envs.env.query(20) == adapted.env.query(20) > 5
    for x, y in zip(raters[0].segments, raters[1].segments, strict=True):
        np.testing.assert_equal(vars(x), vars(y))


def test_one_like_isaaclab_is_served_in_its_wrapper_of_gymnasium() -> None:
    bare = gym.wrappers.OrderEnforcing(LikeIsaacLab())
    envs: Any = as_vector_env(bare, autoreset_mode="SameStep")
    assert envs.observation_space["policy"].shape == (3, 2)
    model = gym_rated.RewardEnsemble.for_spaces(
        envs.single_observation_space, envs.single_action_space
    )
    rater = KeepingRater()
    feedback = rated_vector.RatingFeedbackWrapper(envs, rater, segment_length=4)
    envs = rated_vector.LearnedRewardWrapper(feedback, model.predict)
    envs.reset(seed=0)
    for _ in range(8):
        obs, rewards, *_, infos = envs.step(torch.zeros(3, 1))
    assert isinstance(obs["policy"], torch.Tensor)
    assert isinstance(rewards, torch.Tensor)
    assert infos == {}
    assert feedback.query(6) == 6
    assert [s.obs[:, 0].tolist() for s in rater.segments] == [[0, 1, 2, 3]] * 6


def test_one_like_envpool_gets_the_spaces_of_all() -> None:
    envs = as_vector_env(LikeEnvPool(scripted_vector(SCRIPTS)))
    assert envs.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert envs.observation_space.shape == (2, 3)
    assert envs.action_space.shape == (2, 2)
    assert envs.spec is None
    feedback = rated_vector.RatingFeedbackWrapper(envs, KeepingRater())
    feedback.reset()
    assert feedback.step(np.zeros((2, 2)))[1].tolist() == [0.0, 0.0]
    rated_vector.RatingFeedbackWrapper(envs.adapted, KeepingRater())  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"`seed` must be left out of `reset`, got 3: .*are made"):
        envs.reset(seed=3)


def test_what_is_one_already_stays_as_it_is() -> None:
    envs = scripted_vector(SCRIPTS)
    assert as_vector_env(envs) is envs
    assert as_vector_env(envs, autoreset_mode="NextStep") is envs


def test_a_vector_environment_that_names_no_mode_is_told_one() -> None:
    envs = scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP)
    del envs.metadata["autoreset_mode"]
    told = as_vector_env(envs, autoreset_mode=AutoresetMode.SAME_STEP)
    assert told.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    rated_vector.LearnedRewardWrapper(told, first)  # without a warning


def test_a_mode_is_asked_for_and_never_guessed() -> None:
    duck = Duck(scripted_vector(SCRIPTS))
    with pytest.raises(ValueError, match="must be given where the metadata do not say"):
        as_vector_env(duck)
    with pytest.raises(ValueError, match="one of NextStep, SameStep, Disabled, got 'Often'"):
        as_vector_env(duck, autoreset_mode="Often")
    duck.metadata = {"autoreset_mode": "SameStep"}
    assert as_vector_env(duck).metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    with pytest.raises(ValueError, match="must be that of the metadata, SameStep, got NextStep"):
        as_vector_env(duck, autoreset_mode="NextStep")


@pytest.mark.parametrize(
    "name", ["num_envs", "single_observation_space", "single_action_space", "reset", "step"]
)
def test_what_lacks_a_part_of_the_protocol_is_refused(name: str) -> None:
    duck = Duck(scripted_vector(SCRIPTS))
    setattr(duck, name, None)
    with pytest.raises(TypeError, match=f"`envs` must have .*got .* without `{name}`"):
        as_vector_env(duck, autoreset_mode="NextStep")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num_envs", 2.0, "`num_envs` must be an int, got 2.0"),
        ("single_action_space", "Box", "`single_action_space` must be a space of Gymnasium"),
    ],
)
def test_parts_of_another_kind_are_refused(name: str, value: Any, text: str) -> None:
    duck = Duck(scripted_vector(SCRIPTS))
    setattr(duck, name, value)
    with pytest.raises(TypeError, match=text):
        as_vector_env(duck, autoreset_mode="NextStep")


def test_the_wrappers_refuse_what_is_no_class_of_theirs_with_the_remedy() -> None:
    duck = Duck(scripted_vector(SCRIPTS))
    isaac = gym.wrappers.OrderEnforcing(LikeIsaacLab())
    for env in (duck, isaac):
        for kind in (gym_rated, rated_vector):
            text = r"`env` must be .*which steps [23] at once by another class; .*as_vector_env"
            with pytest.raises(TypeError, match=text):
                kind.RatingFeedbackWrapper(env, KeepingRater())  # type: ignore[attr-defined]
            with pytest.raises(TypeError, match=text):
                kind.LearnedRewardWrapper(env, first)  # type: ignore[attr-defined]
    pool = LikeEnvPool(scripted_vector(SCRIPTS))
    with pytest.raises(TypeError, match=r"`env` must be a gymnasium.Env for this .*gym_rated.vec"):
        gym_rated.RatingFeedbackWrapper(pool, KeepingRater())
