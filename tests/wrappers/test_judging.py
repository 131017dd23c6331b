"""What the feedback wrappers say of a reward, without saying what the true one is."""

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import MODES, KeepingRater, RewardFreeEnv, ScriptedEnv, SpaceEnv, step_vector
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper, RewardEnsemble, SyntheticRater
from gym_rated import vector as rated_vector
from gym_rated.metrics import agreement_with_truth, spearman

pytestmark = pytest.mark.filterwarnings("ignore:round", "ignore:a query for")
ENDINGS = [(7, "terminated"), (9, "truncated")]


def by_obs(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """The true reward of `ScriptedEnv`, bent."""
    return np.sqrt(obs @ [1e6, 1e3, 1.0] + 0.125) + actions[:, 0]


def single(env: gym.Env, num_steps: int, **options: Any) -> RatingFeedbackWrapper:
    """Step a wrapped environment, with actions of a seed of its own."""
    feedback = RatingFeedbackWrapper(env, KeepingRater(), segment_length=3, **options)
    feedback.action_space.seed(5)
    feedback.reset(seed=0)
    for _ in range(num_steps):
        _, _, terminated, truncated, _ = feedback.step(feedback.action_space.sample())
        if terminated or truncated:
            feedback.reset()
    return feedback


def several(mode: Any, num_rows: int, kind: Any = ScriptedEnv) -> Any:
    thunks = [lambda i=i: kind(ENDINGS, i) for i in range(2)]
    bare = SyncVectorEnv(thunks, autoreset_mode=mode)
    envs = rated_vector.RatingFeedbackWrapper(bare, KeepingRater(), segment_length=3)
    envs.action_space.seed(5)
    envs.reset(seed=0)
    for _ in range(num_rows):
        step_vector(envs, envs.action_space.sample())
    return envs


def test_a_reward_is_judged_by_the_steps_that_were_taken() -> None:
    env = ScriptedEnv(ENDINGS)
    truth = single(env, 40).judge(by_obs)
    obs = np.array([[0, step.episode, step.number] for step in env.log], float)
    learned = by_obs(obs, np.array([step.action for step in env.log]))
    true = np.array([step.reward for step in env.log])
    assert truth.num_steps == 40
    assert truth.step == pytest.approx(np.corrcoef(learned, true)[0, 1])
    episodes = obs[:, 1]
    starts = np.flatnonzero(episodes[:-2] == episodes[2:])
    sums = [x[starts] + x[starts + 1] + x[starts + 2] for x in (learned, true)]
    assert truth.spearman == pytest.approx(spearman(*sums))


@pytest.mark.parametrize("mode", MODES)
def test_resets_are_no_steps_and_environments_are_not_mixed(mode: AutoresetMode) -> None:
    envs = several(mode, 40)
    logs = [(i, step) for i, env in enumerate(envs.unwrapped.envs) for step in env.log]
    obs = np.array([[i, step.episode, step.number] for i, step in logs], np.float32)
    actions = np.array([step.action for _, step in logs])
    true = [step.reward for _, step in logs]
    expected = agreement_with_truth(
        by_obs, obs, actions, true, obs[:, 0] * 100 + obs[:, 1], segment_length=3
    )
    assert (len(logs) < 80) == (mode == AutoresetMode.NEXT_STEP)
    assert repr(envs.judge(by_obs)) == repr(expected)  # NaN is not equal to itself
    assert np.isfinite([expected.step, expected.spearman]).all()


def test_only_the_newest_steps_count() -> None:
    def late(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        assert obs[:, 2].min() >= 5_000 - 4_096
        return obs[:, 2]

    truth = single(ScriptedEnv([(10_000, "terminated")]), 5_000).judge(late)
    assert truth.num_steps == 4_096
    assert truth.step == pytest.approx(1)


def test_wide_observations_are_judged_on_fewer_steps() -> None:
    space = gym.spaces.Box(-1, 1, (2**16,), np.float32)
    env = SpaceEnv(space, gym.spaces.Box(-1, 1, (2,), np.float32))
    feedback = single(env, 70, capacity=100)
    assert feedback.judge(lambda obs, actions: obs[:, 0]).num_steps == 64


def test_judging_changes_nothing() -> None:
    env = ScriptedEnv(ENDINGS)
    feedback = single(env, 40)
    model = RewardEnsemble.for_spaces(env.observation_space, env.action_space)
    model.set_scale(2.0)
    before = copy.deepcopy((feedback.state_dict(), model.state_dict()))
    random = np.random.get_state()[1].tolist()  # noqa: NPY002 (that nobody uses it is the point)
    assert np.isfinite(feedback.judge(model.predict).step)

    def spoil(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        obs[:] = actions[:] = 7
        return np.arange(len(obs))

    feedback.judge(spoil)
    assert repr((feedback.state_dict(), model.state_dict())) == repr(before)
    assert np.random.get_state()[1].tolist() == random  # noqa: NPY002


@pytest.mark.parametrize("mode", [None, *MODES])
def test_without_a_true_reward_nothing_is_known(mode: Any) -> None:
    feedback = (
        single(RewardFreeEnv(ENDINGS), 40) if mode is None else several(mode, 40, RewardFreeEnv)
    )
    truth = feedback.judge(by_obs)
    assert truth.num_steps >= 40
    assert truth.as_dict() == {}


def test_before_the_first_step_nothing_is_known() -> None:
    feedback = RatingFeedbackWrapper(ScriptedEnv(ENDINGS), SyntheticRater(3))
    assert feedback.judge(by_obs).num_steps == 0
    feedback.reset()
    assert feedback.judge(by_obs).as_dict() == {}


def test_a_restored_wrapper_judges_the_same() -> None:
    feedback, fresh = single(ScriptedEnv(ENDINGS), 40), single(ScriptedEnv(ENDINGS), 3)
    fresh.load_state_dict(copy.deepcopy(feedback.state_dict()))
    assert repr(fresh.judge(by_obs)) == repr(feedback.judge(by_obs))


def test_no_wrapper_above_can_have_a_reward_judged() -> None:
    env = gym.wrappers.TimeLimit(LearnedRewardWrapper(single(ScriptedEnv(ENDINGS), 9), by_obs), 100)
    assert not env.has_wrapper_attr("judge")
    with pytest.raises(AttributeError, match="judge"):
        env.get_wrapper_attr("judge")
    with pytest.raises(AttributeError, match="`judge` is sealed by LearnedRewardWrapper"):
        env.env.get_wrapper_attr("judge")


def test_what_is_no_reward_function_is_refused() -> None:
    feedback = single(ScriptedEnv(ENDINGS), 9)
    with pytest.raises(TypeError, match="`reward_fn` must be callable"):
        feedback.judge(3)
    with pytest.raises(ValueError, match=r"`reward_fn` must return shape \(9,\) for 9 steps"):
        feedback.judge(lambda obs, actions: actions)
