"""What environments of other authors return is taken where it can only mean one thing."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, scripted_vector
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper

from gym_rated import (
    CallableRater,
    LearnedRewardWrapper,
    RatingFeedbackWrapper,
    SyntheticRater,
)
from gym_rated import vector as rated_vector
from gym_rated.raters import SeveralRaters, ShuffledRater, SwitchingRater


class Odd(gym.Wrapper):
    """Returns other things in some places of a step, and of a reset."""

    def __init__(self, env: gym.Env, reset: Any = None, **places: Any) -> None:
        super().__init__(env)
        self.of_reset = reset
        self.places = places

    def reset(self, **options: Any) -> Any:
        returned = self.env.reset(**options)
        return returned if self.of_reset is None else self.of_reset(*returned)

    def step(self, action: Any) -> Any:
        names = ("obs", "reward", "terminated", "truncated", "info")
        step = dict(zip(names, self.env.step(action), strict=True))
        return tuple((step | self.places).values())


class OddVector(VectorWrapper):
    def __init__(self, envs: Any, **places: Any) -> None:
        super().__init__(envs)
        self.places = places

    def step(self, actions: Any) -> Any:
        names = ("obs", "reward", "terminated", "truncated", "info")
        step = dict(zip(names, self.env.step(actions), strict=True))
        return tuple((step | self.places).values())


def one_step(env: gym.Env) -> tuple[Any, np.ndarray]:
    """Step once through the feedback wrapper; returns that, and the true reward it kept."""
    rater = KeepingRater()
    env = RatingFeedbackWrapper(env, rater, segment_length=1)
    env.reset()
    step = env.step(np.zeros(2))
    return step, env._feedback.buffer._rewards[0, 0]


class Tensorlike:
    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array([1.5], np.float32)


@pytest.mark.parametrize(
    "reward",
    [
        *(1.5, np.float16(1.5), np.float32(1.5), np.array(1.5), np.array([1.5]), [1.5]),
        *(Decimal("1.5"), Fraction(3, 2), np.array([[1.5]]), np.array([Decimal("1.5")])),
        Tensorlike(),
    ],
)
def test_a_reward_of_any_kind_of_number_is_kept(reward: Any) -> None:
    step, kept = one_step(Odd(ScriptedEnv(), reward=reward))
    assert kept == 1.5
    assert step[1] == 0.0


def test_no_reward_is_kept_as_nan_and_whole_numbers_as_such() -> None:
    assert np.isnan(one_step(Odd(ScriptedEnv(), reward=None))[1])
    assert one_step(Odd(ScriptedEnv(), reward=True))[1] == 1.0
    assert one_step(Odd(ScriptedEnv(), reward=np.int8(-3)))[1] == -3.0


TRUTH = SyntheticRater(name="of the truth")
BY_TRUTH = {
    "synthetic": TRUTH,
    "shuffled": ShuffledRater(TRUTH),
    "one of several": SeveralRaters([CallableRater(lambda s: 1, 5, name="ann"), TRUTH]),
    "one at times": SwitchingRater([CallableRater(lambda s: 1, 5), TRUTH], starts=(0, 100)),
}


@pytest.mark.parametrize("reward", [None, np.nan, -np.inf])
@pytest.mark.parametrize("rater", BY_TRUTH.values(), ids=BY_TRUTH)
def test_a_first_step_without_a_reward_is_refused_for_who_judges_by_it(
    rater: Any, reward: Any
) -> None:
    envs = OddVector(scripted_vector([[(5, "both")]] * 2), reward=[0.5, reward])
    for env in (
        RatingFeedbackWrapper(Odd(ScriptedEnv(), reward=reward), rater),
        rated_vector.RatingFeedbackWrapper(envs, rater),
    ):
        env.reset()
        with pytest.raises(ValueError, match=r"^`rewards` must be finite for .* at the first step"):
            env.step(env.action_space.sample())
        assert env._feedback.buffer.steps == 0


@pytest.mark.parametrize("by_people", [CallableRater(lambda s: 1, 5), KeepingRater()])
def test_who_does_not_judge_by_the_reward_needs_none(by_people: Any) -> None:
    env = RatingFeedbackWrapper(Odd(ScriptedEnv(), reward=None), ShuffledRater(by_people))
    env.reset()
    assert env.step(env.action_space.sample())[1] == 0


@pytest.mark.parametrize(
    ("reward", "error"),
    [
        *[(x, TypeError) for x in ("1.5", b"1", 1 + 2j, {"r": 1}, ..., np.array("1.5"))],
        *[(x, ValueError) for x in (np.zeros(2), [], [1.0, 2.0])],
    ],
)
def test_what_is_no_one_number_is_refused(reward: Any, error: type) -> None:
    with pytest.raises(error, match=r"`env.step` must return (a number as its|one `)"):
        one_step(Odd(ScriptedEnv(), reward=reward))


@pytest.mark.parametrize("name", ["terminated", "truncated"])
@pytest.mark.parametrize("true", [True, np.True_, 1, np.int64(1), 1.0, np.array(True), [True]])
def test_flags_may_be_what_is_true_or_false_and_nothing_else(name: str, true: Any) -> None:
    step, _ = one_step(Odd(ScriptedEnv(), **{name: true}))
    assert bool(step[2 if name == "terminated" else 3]) is True
    assert isinstance(step[2 if name == "terminated" else 3], bool | np.bool_)
    false = np.zeros_like(true).tolist()
    step, _ = one_step(Odd(ScriptedEnv(), **{name: false}))
    assert bool(step[2] or step[3]) is False
    for other in ("False", None, 2, np.nan, {}, np.array("no")):
        with pytest.raises(TypeError, match=f"`env.step` must return a bool as `{name}`, got"):
            one_step(Odd(ScriptedEnv(), **{name: other}))
    with pytest.raises(ValueError, match=f"must return one `{name}` for one environment"):
        one_step(Odd(ScriptedEnv(), **{name: np.array([True, False])}))


def test_an_info_may_be_missing_and_have_any_keys() -> None:
    assert one_step(Odd(ScriptedEnv(), info=None))[0][4] == {}
    assert one_step(Odd(ScriptedEnv(), info={3: 1, None: 2, ("a",): 3}))[0][4] == {}
    for info in ([], "text", [{}], 3):
        with pytest.raises(TypeError, match=r"`env.step` must return a dict as its info, got"):
            one_step(Odd(ScriptedEnv(), info=info))
    for wrap in (
        lambda env: RatingFeedbackWrapper(env, KeepingRater()),
        lambda env: LearnedRewardWrapper(env, lambda obs, actions: obs[:, 0]),
    ):
        with pytest.raises(
            TypeError, match=r"`env.reset` must return \(obs, info\), got a ndarray"
        ):
            wrap(Odd(ScriptedEnv(), lambda obs, info: obs)).reset()
        with pytest.raises(TypeError, match=r"`env.reset` must return a dict as its info"):
            wrap(Odd(ScriptedEnv(), lambda obs, info: (obs, [info]))).reset()
        assert wrap(Odd(ScriptedEnv(), lambda obs, info: (obs, None))).reset()[1] == {}


def test_a_step_of_the_old_gym_is_refused_with_the_remedy() -> None:
    class Old(ScriptedEnv):
        def step(self, action: Any) -> Any:
            obs, reward, terminated, _, info = super().step(action)
            return obs, reward, terminated, info

    with pytest.raises(
        TypeError, match=r"got a tuple of 4; an environment of the old Gym.* shimmy"
    ):
        one_step(Old())


@pytest.mark.parametrize(
    ("obs", "text"),
    [
        (["1", "2", "3"], "`obs` must be numbers, got"),
        ([1, 2], r"`obs` must have shape \(3,\) for Box.*, got \(2,\)"),
        ([[1], [2, 3]], "`obs` must be an array of shape"),
        (np.array([1, 2j, 3]), "`obs` must be numbers"),
        (None, "`obs` must be numbers"),
        ([1e300, 0, 0], "`obs` must be finite, got inf"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_an_observation_that_is_no_array_of_its_space_is_refused(obs: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        one_step(Odd(ScriptedEnv(), obs=obs))


def test_an_observation_may_be_a_list_or_of_another_type() -> None:
    for obs in ([1, 2, 3], (1.0, 2.0, 3.0), np.array([1, 2, 3], np.int8), np.float64([1, 2, 3])):
        env = RatingFeedbackWrapper(Odd(ScriptedEnv(), obs=obs), KeepingRater())
        env.reset()
        env.step(np.zeros(2))
        np.testing.assert_array_equal(env._feedback.buffer.newest_obs, [[1, 2, 3]])


# -- vectors --


def vector_step(**places: Any) -> tuple[Any, np.ndarray]:
    envs = OddVector(scripted_vector([[(5, "both")]] * 2), **places)
    envs = rated_vector.RatingFeedbackWrapper(envs, KeepingRater(), segment_length=1)
    envs.reset()
    return envs.step(np.zeros((2, 2), np.float32)), envs._feedback.buffer._rewards[0]


@pytest.mark.parametrize(
    "rewards",
    [
        [1.5, -2],
        np.array([[1.5], [-2]]),
        np.array([1.5, -2], object),
        (Decimal("1.5"), np.float32(-2)),
    ],
)
def test_rewards_of_several_environments_are_kept(rewards: Any) -> None:
    step, kept = vector_step(reward=rewards)
    assert kept.tolist() == [1.5, -2]
    assert step[1].tolist() == [0, 0]
    assert step[1].dtype == np.float64


def test_flags_of_several_environments_are_arrays_of_truths() -> None:
    step, _ = vector_step(terminated=[1, 0], truncated=np.array([[0], [1]]))
    assert (step[2].tolist(), step[3].tolist()) == ([True, False], [False, True])
    assert vector_step(reward=[None, 1])[1].tolist()[1] == 1
    for places, error in (
        ({"terminated": ["False", "True"]}, TypeError),
        ({"truncated": np.array([0, 2])}, TypeError),
        ({"truncated": [True]}, ValueError),
        ({"reward": np.zeros(3)}, ValueError),
        ({"reward": ["1", "2"]}, TypeError),
        ({"info": [{}, {}]}, TypeError),
    ):
        with pytest.raises(error, match=r"`envs?.step` must return"):
            vector_step(**places)


# -- what is paid in their place --

DTYPES = [np.int64, np.int8, np.bool_, np.float16, np.float32, np.float64, object]


class Typed(VectorWrapper):
    dtype: Any = np.int64

    def step(self, actions: Any) -> Any:
        obs, rewards, *rest = self.env.step(actions)
        return obs, np.zeros(len(rewards)).astype(self.dtype), *rest


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("has_feedback", [False, True])
def test_a_learned_reward_keeps_its_fraction_whatever_is_below(
    dtype: Any, has_feedback: bool
) -> None:
    envs: Any = Typed(scripted_vector([[(3, "both")]] * 2))
    envs.dtype = dtype
    if has_feedback:
        envs = rated_vector.RatingFeedbackWrapper(envs, KeepingRater(), segment_length=1)
    envs = rated_vector.LearnedRewardWrapper(envs, lambda obs, actions: obs[:, 0] * 1.8 - 0.9)
    envs.reset()
    rewards = envs.step(np.zeros((2, 2), np.float32))[1]
    np.testing.assert_allclose(rewards, [-0.9, 0.9], rtol=1e-6)
    assert rewards.dtype in (np.float32, np.float64)


@pytest.mark.parametrize("value", [1e39, -1e39, 1e300])
def test_a_reward_that_is_infinite_as_float32_is_refused_in_every_stack(value: float) -> None:
    def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.full(len(obs), value)

    envs = scripted_vector([[(3, "both")]], AutoresetMode.SAME_STEP)
    for env in (
        LearnedRewardWrapper(ScriptedEnv(), reward_fn),
        rated_vector.LearnedRewardWrapper(envs, reward_fn),
    ):
        env.reset()
        with pytest.raises(ValueError, match="must return rewards that are finite as float32"):
            env.step(np.zeros(env.action_space.shape))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.tolist(),
        lambda x: x.astype(np.float16),
        lambda x: x.astype(object),
        lambda x: np.array([Decimal(str(v)) for v in x.tolist()]),
        lambda x: x.astype(np.longdouble),
        lambda x: pytest.importorskip("torch").tensor(x),
    ],
)
def test_a_reward_function_may_return_any_numbers(make: Any) -> None:
    env = LearnedRewardWrapper(ScriptedEnv(), lambda obs, actions: make(obs[:, 2] + 0.5))
    env.reset()
    reward = env.step(np.zeros(2))[1]
    assert type(reward) is float
    assert reward == 0.5


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        (None, ValueError),
        ([None], ValueError),
        (["1"], TypeError),
        ([1j], TypeError),
        ([object()], TypeError),
        ([[1], [2, 3]], TypeError),
        (0.5, ValueError),
        ([[0.5]], ValueError),
    ],
)
def test_what_is_no_array_of_rewards_is_refused(returned: Any, error: type) -> None:
    env = LearnedRewardWrapper(ScriptedEnv(), lambda obs, actions: returned)
    env.reset()
    with pytest.raises(error, match="`reward_fn` must return"):
        env.step(np.zeros(2))


def test_a_reward_with_a_gradient_is_refused_in_our_words() -> None:
    torch = pytest.importorskip("torch")
    env = LearnedRewardWrapper(ScriptedEnv(), lambda o, a: torch.zeros(1, requires_grad=True))
    env.reset()
    with pytest.raises(
        TypeError, match=r"`reward_fn` must return an array .* got Tensor, of which"
    ):
        env.step(np.zeros(2))


# -- actions --


@pytest.mark.parametrize("action", [True, np.True_, 1, np.int64(1), np.array(1)])
def test_a_truth_is_an_action_where_one_is(action: Any) -> None:
    rater = KeepingRater()
    env = ScriptedEnv(action_space=gym.spaces.Discrete(2))
    env = RatingFeedbackWrapper(env, rater, segment_length=1)
    env.reset()
    env.step(action)
    assert env._feedback.buffer.newest_actions.tolist() == [[0, 1]]


def test_multibinary_actions_are_rated_single_and_in_vectors() -> None:
    space = gym.spaces.MultiBinary((2, 2))
    thunks = [lambda i=i: ScriptedEnv([(9, "both")], i, space) for i in range(2)]
    envs = rated_vector.RatingFeedbackWrapper(SyncVectorEnv(thunks), KeepingRater())
    envs = rated_vector.LearnedRewardWrapper(envs, lambda obs, actions: actions @ [1, 2, 4, 8])
    env = RatingFeedbackWrapper(ScriptedEnv([(9, "both")], action_space=space), KeepingRater())
    env = LearnedRewardWrapper(env, lambda obs, actions: actions @ [1, 2, 4, 8])
    envs.reset()
    env.reset()
    first, second = np.int8([[1, 0], [1, 1]]), np.int8([[0, 1], [0, 0]])
    assert envs.step(np.stack([first, second]))[1].tolist() == [13, 2]
    assert env.step(first)[1] == 13
    assert env.step(second.astype(bool))[1] == 2
    with pytest.raises(ValueError, match="`actions` must be zeros and ones, got"):
        env.step(first * 2)
    with pytest.raises(ValueError, match=r"`actions` must have shape \(2, 2\)"):
        env.step(np.int8([1, 0, 1, 1]))
