"""Each observation is encoded once, and both wrappers see it through the same `features`."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import MODES, KeepingRater, ScriptedEnv, SlowRater, scripted_vector, step_vector
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper
from gym_rated import vector as rated_vector

SCRIPTS = [[(3, "terminated"), (2, "truncated")], [(2, "both")]]


class Counting:
    """The features of an observation, and how often they were asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.append(obs[1:], 7.0)

    def bound(self, obs: np.ndarray) -> np.ndarray:
        return self(obs)


def step_number(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return 10 * obs[:, 0] + obs[:, 1]


def last(obs: np.ndarray) -> np.ndarray:
    return obs[2:]


def ten_steps(env: gym.Env) -> gym.Env:
    return gym.wrappers.TimeLimit(env, 10)


def both(env: Any, below: Any = None, above: Any = None, between: Any = None) -> Any:
    """Put both wrappers around `env`, with these `features` below and above."""
    is_vector = isinstance(env, gym.vector.VectorEnv)
    feedback: Any = rated_vector.RatingFeedbackWrapper if is_vector else RatingFeedbackWrapper
    learned: Any = rated_vector.LearnedRewardWrapper if is_vector else LearnedRewardWrapper
    env = feedback(env, KeepingRater(), segment_length=2, features=below)
    env = between(env) if between else env
    return learned(env, step_number, features=above)


def test_a_single_stack_encodes_each_observation_once() -> None:
    features = Counting()
    env = both(ScriptedEnv(SCRIPTS[0]), features)
    made = features.calls  # how long is a vector?
    env.reset()
    assert features.calls == made + 1
    for step in range(1, 4):
        env.step(np.zeros(2))
        assert features.calls == made + 1 + step
    env.reset()
    assert features.calls == made + 5


@pytest.mark.parametrize("mode", MODES)
def test_a_vector_stack_encodes_each_observation_once(mode: AutoresetMode) -> None:
    features = Counting()
    envs = both(scripted_vector(SCRIPTS, mode), features, between=RecordEpisodeStatistics)
    made = features.calls
    envs.reset()
    assert features.calls == made + 2
    for step in range(1, 5):
        before = features.calls
        envs.step(np.zeros((2, 2)))
        assert features.calls == before + 2, step
        if mode == AutoresetMode.DISABLED and step in (2, 3):  # one episode is over, then another
            envs.reset(options={"reset_mask": np.array([step == 3, step == 2])})
            assert features.calls == before + 4  # a reset returns the observations of both


@pytest.mark.parametrize("mode", MODES)
def test_rated_sub_environments_below_a_vector_wrapper_encode_once(mode: AutoresetMode) -> None:
    def rewards(envs: Any) -> list[list[float]]:
        envs.reset()
        return [step_vector(envs, np.zeros((2, 2)))[1].tolist() for _ in range(9)]

    features = Counting()
    thunks = [
        lambda i=i: RatingFeedbackWrapper(
            ScriptedEnv(SCRIPTS[i], i), KeepingRater(), segment_length=2, features=features
        )
        for i in range(2)
    ]
    inside = SyncVectorEnv(thunks, autoreset_mode=mode)
    envs = rated_vector.LearnedRewardWrapper(inside, step_number)
    made = features.calls
    paid = rewards(envs)
    seen = sum(len(env.unwrapped.log) + env.unwrapped.episode + 1 for env in inside.envs)
    assert features.calls == made + seen  # one for each step and each reset of an environment
    assert paid == rewards(both(scripted_vector(SCRIPTS, mode), Counting()))
    assert len({reward for row in paid for reward in row}) > 4


def test_a_reset_of_some_rated_sub_environments_keeps_the_others() -> None:
    thunks = [
        lambda i=i: RatingFeedbackWrapper(ScriptedEnv([(9, "both")], i), KeepingRater())
        for i in range(2)
    ]
    inside = SyncVectorEnv(thunks, autoreset_mode=AutoresetMode.DISABLED)
    envs = rated_vector.LearnedRewardWrapper(inside, lambda obs, actions: obs[:, 2])
    envs.reset()
    for _ in range(2):
        envs.step(np.zeros((2, 2)))
    envs.reset(options={"reset_mask": np.array([True, False])})
    assert envs.step(np.zeros((2, 2)))[1].tolist() == [0, 2]


def test_where_only_some_sub_environments_are_rated_the_vector_wrapper_encodes_itself() -> None:
    features = Counting()
    rated = RatingFeedbackWrapper(ScriptedEnv(SCRIPTS[0]), KeepingRater(), features=features)
    envs = SyncVectorEnv([lambda: rated, lambda: ScriptedEnv(SCRIPTS[1], 1)])
    learned = rated_vector.LearnedRewardWrapper(envs, step_number)
    learned.reset()
    assert [learned.step(np.zeros((2, 2)))[1].tolist() for _ in range(2)] == [[0, 0], [1, 1]]


@pytest.mark.parametrize("vector", [False, True])
def test_features_given_below_are_those_above_too(vector: bool) -> None:
    env: Any = scripted_vector(SCRIPTS) if vector else ScriptedEnv(SCRIPTS[0])
    features = Counting()
    stack = both(env, features)
    assert stack.features is stack.env.features is features
    stack.reset()
    # features of (env, episode, step) are (episode, step, 7)
    rewards = [stack.step(np.zeros((2, 2) if vector else 2))[1] for _ in range(2)]
    assert np.array(rewards).tolist() == ([[0, 0], [1, 1]] if vector else [0, 1])


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize(
    ("below", "above"),
    [(Counting(), Counting()), (None, last), (last, Counting().bound), (last, "math:sqrt")],
)
def test_other_features_above_than_below_are_refused(below: Any, above: Any, vector: bool) -> None:
    env: Any = scripted_vector(SCRIPTS) if vector else ScriptedEnv(SCRIPTS[0])
    text = r"`features` must be the same for all .*; give it to RatingFeedbackWrapper alone"
    with pytest.raises(ValueError, match=text):
        both(env, below, above)
    with pytest.raises(ValueError, match=text):  # not only right below
        both(env, below, above, RecordEpisodeStatistics if vector else ten_steps)


def test_other_features_above_than_in_sub_environments_are_refused() -> None:
    def thunk(features: Any) -> Any:
        return lambda: RatingFeedbackWrapper(ScriptedEnv(), SlowRater(), features=features)

    with pytest.raises(ValueError, match="`features` must be the same for all"):
        rated_vector.LearnedRewardWrapper(SyncVectorEnv([thunk(last)]), step_number, features=abs)
    unlike = SyncVectorEnv([thunk(last), thunk(Counting())])
    with pytest.raises(ValueError, match="`features` must be the same for all"):
        rated_vector.LearnedRewardWrapper(unlike, step_number)


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (last, last),
        ("numpy:ravel", "numpy:ravel"),
        ("numpy:ravel", np.ravel),
        ("pixels", "pixels"),
    ],
)
def test_the_same_features_may_be_given_twice(below: Any, above: Any) -> None:
    space = gym.spaces.Box(0, 255, (4, 4), np.uint8) if below == "pixels" else None
    env: Any = ScriptedEnv()
    if space is not None:
        env = gym.wrappers.TransformObservation(env, lambda obs: space.sample(), space)
    assert both(env, below, above).features is not None
    method = Counting()
    both(ScriptedEnv(), method.bound, method.bound)  # another object each time it is read


def test_a_learned_wrapper_alone_has_features_of_its_own() -> None:
    features = Counting()
    env = LearnedRewardWrapper(ScriptedEnv([(5, "both")]), step_number, features=features)
    made = features.calls
    env.reset()
    assert [env.step(np.zeros(2))[1] for _ in range(2)] == [0, 1]
    assert features.calls == made + 3


def test_the_model_predicts_on_what_was_recorded_whatever_a_wrapper_between_does() -> None:
    class Scribbler(gym.Wrapper):
        """Changes observations, but not while it is tried."""

        begins = False

        def step(self, action: Any) -> Any:
            obs, *rest = self.env.step(action)
            return (obs * 0 + 99 if self.begins else obs), *rest

    asked = []

    def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        asked.append(obs[0].tolist())
        return obs[:, 2]

    rater = KeepingRater()
    env = RatingFeedbackWrapper(ScriptedEnv([(2, "terminated")]), rater, segment_length=2)
    env = LearnedRewardWrapper(Scribbler(env), reward_fn)
    Scribbler.begins = True
    env.reset()
    for _ in range(2):
        obs = env.step(np.zeros(2))[0]
    assert obs.tolist() == [99, 99, 99]
    with pytest.warns(UserWarning, match="round 0"):
        env.get_wrapper_attr("query")(1)
    assert asked == rater.segments[0].obs.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_what_the_feedback_wrapper_refuses_leaves_the_learned_one_waiting_for_a_reset() -> None:
    calls = []

    def fail_once(ratings: Any) -> None:
        calls.append(len(ratings))
        if len(calls) == 1:
            raise RuntimeError("no fit")

    env: Any = RatingFeedbackWrapper(
        ScriptedEnv([(9, "both")]), KeepingRater(), segment_length=1, schedule={3: 3},
        on_ratings=fail_once, collect_every=1, min_new=1,
    )  # fmt: skip
    env = LearnedRewardWrapper(env, lambda obs, actions: obs[:, 2])
    env.reset()
    assert [env.step(np.zeros(2))[1] for _ in range(2)] == [0, 1]
    with pytest.raises(RuntimeError, match="no fit"):
        env.step(np.zeros(2))
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(2))
    env.reset()
    assert [env.step(np.zeros(2))[1] for _ in range(2)] == [0, 1]


def last_number(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs[:, 2]


class Reusing(ScriptedEnv):
    """Returns the same array each time, with the new numbers in it."""

    def _obs(self) -> np.ndarray:
        if not hasattr(self, "array"):
            self.array = np.zeros(3, np.float32)
        self.array[:] = super()._obs()
        return self.array


@pytest.mark.parametrize("has_feedback", [False, True])
def test_a_reward_is_of_the_observation_before_where_the_environment_reuses_its_array(
    has_feedback: bool,
) -> None:
    envs: Any = SyncVectorEnv([lambda: ScriptedEnv([(9, "both")])] * 2, copy=False)
    env: Any = Reusing([(9, "both")])
    if has_feedback:
        envs = rated_vector.RatingFeedbackWrapper(envs, KeepingRater(), segment_length=1)
        env = RatingFeedbackWrapper(env, KeepingRater(), segment_length=1)
    envs = rated_vector.LearnedRewardWrapper(envs, last_number)
    env = LearnedRewardWrapper(env, last_number)
    envs.reset()
    env.reset()
    assert [envs.step(np.zeros((2, 2)))[1].tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]
    assert [env.step(np.zeros(2))[1] for _ in range(3)] == [0, 1, 2]
