import copy
import inspect
import json
import pickle
import warnings
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, SlowRater, rate_by_obs
from gymnasium.envs.registration import EnvSpec

import gym_rated
from gym_rated import (
    CallableRater,
    LearnedRewardWrapper,
    RatingFeedbackWrapper,
    RewardEnsemble,
    SeededEpisodes,
    ShuffledRater,
    SyntheticRater,
)
from gym_rated import vector as rated_vector
from gym_rated.imports import load_attribute
from gym_rated.segments.encoding import resolve_features
from gym_rated.wrappers.reward_fn import predict_rewards, resolve_reward_fn
from gym_rated.wrappers.specs import resolve_rater

RATER = {"type": "gym_rated:SyntheticRater", "num_classes": 3, "mistake_rate": 0.25}


def step_number(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs[:, -1]


def last_two(obs: np.ndarray) -> np.ndarray:
    return obs[1:]


class Learner:
    """Something with a `fit` that must not be copied: it counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def fit(self, ratings: Any) -> None:
        self.calls += 1


@pytest.mark.parametrize("name", ["RatingFeedbackWrapper", "LearnedRewardWrapper"])
def test_a_wrapper_shows_the_arguments_of_its_twin_and_records_every_one(name: str) -> None:
    single, twin = getattr(gym_rated, name), getattr(rated_vector, name)
    arguments = inspect.signature(single).parameters
    assert arguments == inspect.signature(twin).parameters
    assert not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in arguments.values())
    assert [name for name in list(arguments)[1:] if f"{name}: " not in single.__doc__] == []
    first = KeepingRater() if name == "RatingFeedbackWrapper" else step_number
    recorded = single(gym.make("tests/Scripted-v0"), first).spec.additional_wrappers[0].kwargs
    assert list(recorded) == list(arguments)[1:]
    assert list(recorded.values())[1:] == [p.default for p in list(arguments.values())[2:]]


@pytest.mark.filterwarnings("ignore:round")
def test_a_spec_in_json_form_makes_the_same_environment() -> None:
    env: Any = gym.make("tests/Scripted-v0", endings=[[7, "terminated"]])
    env = RatingFeedbackWrapper(
        env,
        RATER,
        segment_length=2,
        schedule={8: 3, 20: 1},
        features=f"{__name__}:last_two",
        info_allow=("secret",),
        record_replay=True,
        capacity=500,
        seed=3,
    )
    env = LearnedRewardWrapper(
        env, f"{__name__}:step_number", features=f"{__name__}:last_two", info_allow=["secret"]
    )
    text = env.spec.to_json()
    again = gym.make(EnvSpec.from_json(text))
    assert json.loads(again.spec.to_json()) == json.loads(text)

    histories = []
    for made in (env, again):
        made.action_space.seed(0)
        history = [made.reset(seed=1)]
        for _ in range(30):
            history.append(made.step(made.action_space.sample()))
            if history[-1][2]:
                made.reset()
        histories.append(repr(history))
        assert len(made.get_wrapper_attr("ratings")) == 4
    assert histories[0] == histories[1]
    assert env.get_wrapper_attr("ratings").ratings == again.get_wrapper_attr("ratings").ratings


def test_a_specs_objects_are_shared_and_not_copied() -> None:
    rater, learner = KeepingRater(), Learner()
    features, select = partial(np.ravel), partial(min)
    env: Any = gym.make("tests/Scripted-v0")
    env = RatingFeedbackWrapper(
        env, rater, on_ratings=learner.fit, features=features, select=select
    )
    model = Learner()
    env = LearnedRewardWrapper(env, model.fit, features=features)
    env = gym.wrappers.TimeLimit(gym.wrappers.ClipReward(env, -1, 1), 100)
    feedback, learned, _ = env.spec.additional_wrappers
    assert resolve_rater(feedback.kwargs["rater"]) is rater
    assert feedback.kwargs["on_ratings"].__self__ is learner
    assert feedback.kwargs["features"] is features
    assert feedback.kwargs["select"] is select
    assert learned.kwargs["reward_fn"].__self__ is model
    assert gym.make(env.spec).env._learned.reward_fn.__self__ is model


def test_an_object_that_cannot_be_copied_does_not_cost_the_spec() -> None:
    class Uncopied(SlowRater):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("a database connection cannot be copied")

    rater = Uncopied()
    env = RatingFeedbackWrapper(gym.make("tests/Scripted-v0"), rater)
    outer = gym.wrappers.TimeLimit(env, 10)
    assert outer.spec is not None
    assert resolve_rater(outer.spec.additional_wrappers[0].kwargs["rater"]) is rater


def test_a_spec_with_objects_cannot_be_json_but_can_be_made() -> None:
    env = RatingFeedbackWrapper(gym.make("tests/Scripted-v0"), KeepingRater())
    with pytest.raises(TypeError):
        env.spec.to_json()
    assert isinstance(env.spec.make(), RatingFeedbackWrapper)


def test_seeded_episodes_have_a_spec() -> None:
    env = SeededEpisodes(gym.make("tests/Scripted-v0"), seed=3, env_index=2)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, SeededEpisodes)
    assert (again._seed, again._env_index) == (3, 2)


@pytest.mark.parametrize(
    "rater", [SyntheticRater(3), ShuffledRater(SyntheticRater(3)), CallableRater(len, 3)]
)
def test_raters_are_shared_by_deepcopy(rater: Any) -> None:
    assert copy.deepcopy(rater) is rater
    assert copy.deepcopy({"rater": rater})["rater"] is rater


@pytest.mark.parametrize("vector", [False, True])
def test_wrapped_environments_can_be_pickled(vector: bool) -> None:
    if vector:
        envs = gym.vector.SyncVectorEnv([partial(ScriptedEnv, [(7, "terminated")])] * 2)
        env: Any = rated_vector.RatingFeedbackWrapper(envs, SyntheticRater(3), segment_length=2)
        env = rated_vector.LearnedRewardWrapper(env, step_number)
    else:
        env = RatingFeedbackWrapper(ScriptedEnv([(7, "terminated")]), SyntheticRater(3))
        env = LearnedRewardWrapper(env, step_number)
    env.reset(seed=0)
    action = env.action_space.sample()
    for _ in range(3):
        env.step(action)
    again = pickle.loads(pickle.dumps(env))
    for _ in range(10):
        np.testing.assert_equal(again.step(action), env.step(action))
    assert again.env.ratings is not env.env.ratings


def test_a_json_rater_may_contain_a_rater() -> None:
    rater = resolve_rater({"type": "gym_rated:ShuffledRater", "rater": RATER, "seed": 3})
    assert isinstance(rater, ShuffledRater)
    assert rater.rater.mistakes.mistake_rate == 0.25
    assert rater.num_classes == 3


class NoSubmit:
    num_classes, pending = 3, 0

    def collect(self) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("rater", "error", "text"),
    [
        (NoSubmit(), TypeError, "`rater` must have .*`submit`.* without `submit`; wrap a function"),
        (lambda segment: 1, TypeError, "without `num_classes`; wrap a function in CallableRater"),
        (SyntheticRater, TypeError, "without `num_classes`"),
        (None, TypeError, "got None without `num_classes`"),
        ({"num_classes": 3}, ValueError, "`rater` must name its class under 'type', got"),
        ({"type": "SyntheticRater"}, ValueError, "form 'module:attr', got 'SyntheticRater'"),
        ({"type": "gym_rated:SyntheticRater", "num_classes": 1}, ValueError, "at least 2, got 1"),
        ({"type": "builtins:dict"}, TypeError, r"got \{\} without `num_classes`"),
        ({"type": "no_such_module:X"}, ModuleNotFoundError, "no_such_module"),
        ({"type": "gym_rated:NoSuchRater"}, AttributeError, "NoSuchRater"),
    ],
)
def test_what_is_no_rater_is_refused(rater: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        RatingFeedbackWrapper(ScriptedEnv(), rater)


@pytest.mark.parametrize(
    ("num_classes", "error", "text"),
    [
        (1, ValueError, "`num_classes` must be at least 2, got 1"),
        (0, ValueError, "got 0"),
        (-5, ValueError, "got -5"),
        (3.0, TypeError, "`num_classes` must be an int, got 3.0"),
        (True, TypeError, "got True"),
        ("3", TypeError, "got '3'"),
        (None, TypeError, "got None"),
    ],
)
def test_what_is_no_number_of_classes_is_refused(num_classes: Any, error: type, text: str) -> None:
    for make in (SyntheticRater, partial(CallableRater, len)):
        with pytest.raises(error, match=text):
            make(num_classes)
    rater = SlowRater()
    rater.num_classes = num_classes
    with pytest.raises(error, match=text):
        RatingFeedbackWrapper(ScriptedEnv(), rater)


def test_numpy_integers_are_numbers_of_classes() -> None:
    assert SyntheticRater(np.int64(3)).num_classes == 3


@pytest.mark.parametrize("name", ["", ":", "module", "module:", ":attr"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must have the form 'module:attr'"):
        load_attribute(name)


@pytest.mark.parametrize(
    ("reward_fn", "error", "text"),
    [
        (3, TypeError, r"`reward_fn` must be callable as .*, got 3"),
        (None, TypeError, "got None"),
        (
            "runs/none/reward_model",
            ValueError,
            "'runs/none/reward_model'; there is no such f",
        ),
        ("math:pi", TypeError, "got 3.14"),
    ],
)
def test_what_is_no_reward_function_is_refused(reward_fn: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        LearnedRewardWrapper(ScriptedEnv(), reward_fn)


def test_reward_functions_are_found_by_name() -> None:
    assert resolve_reward_fn(f"{__name__}:step_number").__name__ == "step_number"
    assert resolve_features(f"{__name__}:last_two").__name__ == "last_two"
    assert resolve_features(None) is None


def test_the_folder_of_a_saved_model_is_a_reward_function(tmp_path: Any) -> None:
    model = RewardEnsemble(3, 2, num_members=2, hidden_sizes=(4,), seed=1)
    model.set_scale(2.0)  # which makes it ready
    model.save(tmp_path / "model")
    obs, actions = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    loaded = resolve_reward_fn(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded(obs, actions), model.predict(obs, actions))


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (np.zeros((2, 1)), r"`reward_fn` must return shape \(2,\) for 2 steps, got \(2, 1\)"),
        (np.zeros(3), r"got \(3,\)"),
        (1.0, r"got \(\)"),
        ([0.0, np.nan], "`reward_fn` must .* as float32, got nan for step 1 of 2; one would"),
        ([np.inf, -np.inf], "got inf for step 0 of 2"),
    ],
)
def test_rewards_of_a_wrong_kind_are_refused(returned: Any, text: str) -> None:
    obs = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=text):
        predict_rewards(lambda obs, actions: returned, obs, obs)


def test_large_rewards_that_overflow_their_sum_pass() -> None:
    big = np.float32([3e38, 3e38])
    assert predict_rewards(lambda obs, actions: big, big[:, None], big).tolist() == big.tolist()


def reachable(root: Any) -> list[Any]:
    """Everything that attributes, items and cells lead to from a spec, but for classes."""
    waiting, seen = [root], {}
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type | str | bytes):
            continue
        seen[id(value)] = value
        waiting += list(getattr(value, "__dict__", {}).values())
        waiting += list(value.values()) if isinstance(value, dict) else []
        waiting += list(value) if isinstance(value, list | tuple | set) else []
    return list(seen.values())


def Passing(rater: Any) -> Any:
    """A rater whose JSON form has an object in it."""
    return rater


def wrap_in_vector(rater: Any) -> Any:
    return rated_vector.RatingFeedbackWrapper(gym.make_vec("tests/Scripted-v0", 2, "sync"), rater)


@pytest.mark.parametrize(
    "make",
    [
        lambda rater: RatingFeedbackWrapper(gym.make("tests/Scripted-v0"), rater),
        lambda rater: gym.wrappers.TimeLimit(
            LearnedRewardWrapper(
                RatingFeedbackWrapper(gym.make("tests/Scripted-v0"), rater), step_number
            ),
            9,
        ),
        lambda rater: gym.make("gym_rated/Rated-v0", env_id="tests/Scripted-v0", rater=rater),
        wrap_in_vector,
        lambda rater: RatingFeedbackWrapper(
            gym.make("tests/Scripted-v0"), {"type": f"{__name__}:Passing", "rater": rater}
        ),
    ],
)
def test_a_spec_does_not_lead_to_the_rater(make: Any, capsys: Any) -> None:
    class Judge(KeepingRater):
        def __repr__(self) -> str:
            return "secret 0.8125"

    rater = Judge()
    env = make(rater)
    spec = env.spec
    assert rater not in reachable(spec)
    print(spec, spec.pprint(disable_print=True))
    assert "0.8125" not in capsys.readouterr().out
    if isinstance(env, gym.Env):
        assert gym.make(spec).spec is not None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_of_a_wrapper_goes_on_and_has_no_true_reward(copied: Any) -> None:
    env = RatingFeedbackWrapper(
        ScriptedEnv([(7, "terminated")]), CallableRater(rate_by_obs, 3), segment_length=2
    )
    env.reset()
    for _ in range(6):
        env.step(np.zeros(2))
    again = copied(env)
    assert np.isnan(again._feedback.buffer._rewards).all()
    assert (env._feedback.buffer._rewards[:6, 0] != 0).all()
    with pytest.warns(UserWarning, match="found none at step 6"):
        assert again.query(3) == 0  # what it knows no reward of is not asked about
    for e in (env, again):
        e.step(np.zeros(2))
        e.reset()
        for _ in range(2):
            e.step(np.zeros(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert again.query(9) == 2  # the last step of the one episode, and two of the other
        assert env.query(9) == 5
