from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import MODES, KeepingRater, ScriptedEnv, scripted_vector, step_vector

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper
from gym_rated import vector as rated_vector
from gym_rated.wrappers.hiding import hide_info


def zeros(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return np.zeros(len(obs))


SINGLE = {
    "feedback": lambda env, **kw: RatingFeedbackWrapper(env, KeepingRater(), **kw),
    "learned": lambda env, **kw: LearnedRewardWrapper(env, zeros, **kw),
}
VECTOR = {
    "feedback": lambda env, **kw: rated_vector.RatingFeedbackWrapper(env, KeepingRater(), **kw),
    "learned": lambda env, **kw: rated_vector.LearnedRewardWrapper(env, zeros, **kw),
}
both_single = pytest.mark.parametrize("wrap", SINGLE.values(), ids=SINGLE)
both_vector = pytest.mark.parametrize("wrap", VECTOR.values(), ids=VECTOR)


@pytest.mark.parametrize(
    ("info", "allow", "kept"),
    [
        ({}, (), {}),
        ({"x_velocity": 1, "reward_ctrl": 2, "_x_velocity": 3}, (), {}),
        ({"final_obs": 1, "_final_obs": 2, "episode": 3}, (), {"final_obs": 1, "_final_obs": 2}),
        ({"a": 1, "_a": 2, "b": 3, "_b": 4}, ("a",), {"a": 1, "_a": 2}),
        ({"a": 1}, ("missing",), {}),
        (
            {"final_info": {"r": 1, "a": 2, "_a": 3, "_r": 4}, "_final_info": 5},
            ("a",),
            {"final_info": {"a": 2, "_a": 3}, "_final_info": 5},
        ),
        (
            {"final_info": {"final_info": {"r": 1}, "r": 2}, "_final_info": 5},
            (),
            {"final_info": {"final_info": {}}, "_final_info": 5},
        ),
        ({"final_info": [{"r": 1}], "_final_info": 5}, (), {}),
        ({"final_info": {"r": 1}}, ("final_info",), {"final_info": {"r": 1}}),
        ({"FINAL_OBS": 1, "final_observation": 2, "__final_obs": 3}, (), {}),
    ],
)
def test_info_passes_by_name_only(info: Any, allow: Any, kept: Any) -> None:
    before = repr(info)
    assert hide_info(info, frozenset(allow)) == kept
    assert repr(info) == before


@both_single
def test_info_of_reset_and_step_is_hidden(wrap: Any) -> None:
    env = wrap(ScriptedEnv())
    assert env.reset()[1] == {}
    assert env.step(env.action_space.sample())[4] == {}
    env = wrap(ScriptedEnv(), info_allow=["secret"])
    assert env.reset()[1] == {"secret": -0.875}  # true_reward(0, 0, -1)
    assert env.step(env.action_space.sample())[4] == {"secret": 0.125}


@pytest.mark.parametrize("mode", MODES)
@both_vector
def test_info_of_vector_environments_is_hidden(wrap: Any, mode: Any) -> None:
    envs = wrap(scripted_vector([[(2, "terminated")], [(3, "truncated")]], mode))
    assert envs.reset()[1] == {}
    keys = set()
    for _ in range(8):
        keys |= set(step_vector(envs, envs.action_space.sample())[4])
    same_step = {"final_obs", "_final_obs", "final_info", "_final_info"}
    assert keys == (same_step if mode.value == "SameStep" else set())


@pytest.mark.parametrize("argument", ["info_allow", "attr_allow"])
@pytest.mark.parametrize("value", ["secret", [1]])
def test_a_lone_name_is_refused_where_names_are_wanted(argument: str, value: Any) -> None:
    bare = scripted_vector([[(2, "terminated")]])
    wrappers = [(w, ScriptedEnv()) for w in SINGLE.values()] + [(w, bare) for w in VECTOR.values()]
    for wrap, env in wrappers:
        with pytest.raises(TypeError, match=f"`{argument}` must be a collection of names, got"):
            wrap(env, **{argument: value})


@both_single
def test_sealed_attributes_cannot_be_seen_read_or_set(wrap: Any) -> None:
    bare = ScriptedEnv()
    env = gym.wrappers.TimeLimit(wrap(gym.wrappers.RecordEpisodeStatistics(bare)), 10)
    for name in ("log", "episode_returns", "return_queue", "_feedback", "_reward_fn", "missing"):
        assert not env.has_wrapper_attr(name)
        with pytest.raises(AttributeError):
            env.env.get_wrapper_attr(name)
        assert not env.env.set_wrapper_attr(name, 1, force=False)
        with pytest.raises(AttributeError, match=f"`{name}` is sealed by .*`attr_allow`"):
            env.env.set_wrapper_attr(name, 1)
    with pytest.raises(AttributeError, match="log"):
        env.get_wrapper_attr("log")
    env.set_wrapper_attr("log", "mine")  # stays above: the environment's is not touched
    assert bare.log == []


@both_single
def test_allowed_attributes_pass(wrap: Any) -> None:
    bare = ScriptedEnv()
    bare.difficulty = 3
    env = gym.wrappers.TimeLimit(wrap(bare, attr_allow=("difficulty",)), 10)
    assert env.has_wrapper_attr("difficulty")
    assert env.get_wrapper_attr("difficulty") == 3
    assert env.set_wrapper_attr("difficulty", 4, force=False)
    assert bare.difficulty == 4
    assert env.get_wrapper_attr("np_random") is bare.np_random
    for name in ("spec", "render_mode", "metadata", "observation_space", "action_space"):
        assert env.has_wrapper_attr(name)


def test_what_a_feedback_wrapper_offers_is_reached_through_outer_wrappers() -> None:
    env = RatingFeedbackWrapper(ScriptedEnv([(9, "terminated")]), KeepingRater(), segment_length=2)
    outer = gym.wrappers.TimeLimit(LearnedRewardWrapper(env, zeros), 100)
    outer.reset()
    for _ in range(6):
        outer.step(outer.action_space.sample())
    assert outer.get_wrapper_attr("query")(2) == 2
    assert outer.get_wrapper_attr("collect")() == 0
    assert outer.get_wrapper_attr("ratings") is env.ratings


@pytest.mark.parametrize("name", ["ratings", "query", "collect", "replay"])
def test_an_environments_attribute_does_not_pass_by_the_name_of_ours(name: str) -> None:
    bare = ScriptedEnv()
    setattr(bare, name, "true rewards")
    env = LearnedRewardWrapper(bare, zeros)
    assert not env.has_wrapper_attr(name)
    with pytest.raises(AttributeError):
        env.get_wrapper_attr(name)


@both_vector
def test_vector_calls_follow_the_same_list(wrap: Any) -> None:
    bare = scripted_vector([[(2, "terminated")]] * 2)
    for sub_env in bare.envs:
        sub_env.difficulty = 3
    envs = wrap(gym.wrappers.vector.RecordEpisodeStatistics(bare), attr_allow=["difficulty"])
    assert envs.get_attr("difficulty") == (3, 3)
    envs.set_attr("difficulty", [4, 5])
    assert envs.call("difficulty") == (4, 5)
    assert envs.get_attr("render_mode") == (None, None)
    for name in ("log", "step", "reset", "unwrapped", "endings", "_obs"):
        for access in (envs.call, envs.get_attr, lambda name: envs.set_attr(name, 1)):
            with pytest.raises(AttributeError, match=f"`{name}` is sealed by"):
                access(name)
    assert bare.envs[0].log == []


def test_vector_calls_pass_through_both_wrappers() -> None:
    bare = scripted_vector([[(2, "terminated")]] * 2)
    inner = VECTOR["feedback"](bare, attr_allow=["difficulty"])
    outer = VECTOR["learned"](inner, attr_allow=["difficulty", "log"])
    outer.set_attr("difficulty", 1)
    assert outer.get_attr("difficulty") == (1, 1)
    with pytest.raises(AttributeError, match="`log` is sealed by RatingFeedbackWrapper"):
        outer.get_attr("log")
