import warnings
from itertools import count
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, RewardFreeEnv, ScriptedEnv, SlowRater, rate_by_obs, true_reward
from gymnasium.utils.env_checker import check_env

from gym_rated import (
    CallableRater,
    LearnedRewardWrapper,
    RatingFeedbackWrapper,
    SeededEpisodes,
    SyntheticRater,
)

LONG = [(1000, "terminated")]


def step_plus_action(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """A reward that says exactly which observation and which encoded action it was asked about."""
    return obs[:, -1] + 0.25 * actions[:, 0]


def test_the_reward_becomes_a_plain_zero() -> None:
    env = RatingFeedbackWrapper(ScriptedEnv(), KeepingRater())
    env.reset()
    reward = env.step(np.zeros(2))[1]
    assert reward == 0.0
    assert type(reward) is float


def test_everything_else_passes_unchanged() -> None:
    bare, wrapped = (ScriptedEnv([(3, "terminated"), (2, "both")]) for _ in range(2))
    env = LearnedRewardWrapper(RatingFeedbackWrapper(wrapped, KeepingRater()), step_plus_action)
    for _ in range(2):
        expected, _ = bare.reset(seed=1)
        obs, _ = env.reset(seed=1)
        np.testing.assert_array_equal(obs, expected)
        done = False
        while not done:
            action = np.float32([0.5, -3.0])
            expected, _, terminated, truncated, _ = bare.step(action)
            obs, _, *flags, _ = env.step(action)
            np.testing.assert_array_equal(obs, expected)
            assert obs.dtype == expected.dtype
            assert flags == [terminated, truncated]
            done = terminated or truncated
    assert wrapped.log[0].action.tolist() == [0.5, -3.0]  # the environment sees it unclipped


def test_learned_rewards_are_of_the_observation_before_and_the_clipped_action() -> None:
    env = LearnedRewardWrapper(ScriptedEnv([(3, "terminated")]), step_plus_action)
    rewards = []
    for _ in range(2):
        env.reset()
        rewards += [env.step(np.float32([9.0, 0.0]))[1] for _ in range(3)]
    # steps 0, 1, 2 of each episode, and an action of 9 clipped to 1
    assert rewards == [0.25, 1.25, 2.25] * 2
    assert {type(r) for r in rewards} == {float}


def test_the_true_reward_has_no_part_in_the_learned_one() -> None:
    env = LearnedRewardWrapper(RewardFreeEnv(LONG), step_plus_action)
    env.reset()
    assert env.step(np.zeros(2))[1] == 0.0
    assert env.step(np.zeros(2))[1] == 1.0


def test_the_reset_step_of_an_autoreset_wrapper_is_not_rewarded() -> None:
    bare = gym.wrappers.Autoreset(ScriptedEnv([(2, "terminated")]))
    env = LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 2] + 7)
    env.reset()
    assert [env.step(np.zeros(2))[1] for _ in range(5)] == [7, 8, 0, 7, 8]


@pytest.mark.parametrize("steps", [0, 3, 4])
def test_a_restored_learned_wrapper_pays_what_the_saved_one_would(steps: int) -> None:
    def make() -> tuple[Any, LearnedRewardWrapper]:
        bare = gym.wrappers.Autoreset(ScriptedEnv([(4, "terminated")]))
        return bare, LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 2] + 7)

    (bare, env), (inner, again) = make(), make()
    env.reset()
    for _ in range(steps):
        env.step(np.zeros(2))
    state = env.state_dict()
    assert list(state) == ["obs", "is_over"]
    assert state["is_over"] == (steps == 4)
    inner.unwrapped.__dict__ |= bare.unwrapped.__dict__
    inner.autoreset = bare.autoreset
    again.load_state_dict(state)
    rewards = [again.step(np.zeros(2))[1] for _ in range(6)]
    assert rewards == [7, 8, 9, 10, 0, 7, 8, 9, 10, 0, 7][steps:][:6]


def test_what_a_reward_function_remembers_is_kept_with_the_wrapper() -> None:
    class Counting:
        calls = 0

        def __call__(self, obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
            self.calls += 1
            return np.full(len(obs), float(self.calls))

        def state_dict(self) -> dict[str, int]:
            return {"calls": self.calls}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.calls = state["calls"]

    env, again = (LearnedRewardWrapper(ScriptedEnv(LONG), Counting()) for _ in range(2))
    for made in (env, again):
        made.reset()
    assert [env.step(np.zeros(2))[1] for _ in range(3)] == [1, 2, 3]
    again.load_state_dict(env.state_dict())
    assert again.step(np.zeros(2))[1] == 4


def test_an_agent_may_write_into_what_it_got() -> None:
    rater = KeepingRater()
    env = RatingFeedbackWrapper(ScriptedEnv([(2, "terminated")]), rater, segment_length=2)
    env = LearnedRewardWrapper(env, step_plus_action)
    obs, _ = env.reset()
    obs[:] = 99
    for _ in range(2):
        action = np.zeros(2)
        obs, reward, *_ = env.step(action)
        assert reward in (0.0, 1.0)
        obs[:] = action[:] = 99
    with pytest.warns(UserWarning, match="round 0"):
        env.get_wrapper_attr("query")(1)
    assert rater.segments[0].obs.tolist() == [[0, 0, 0], [0, 0, 1]]
    assert rater.segments[0].actions.tolist() == [[0, 0], [0, 0]]


def test_a_rater_may_write_into_its_segments_without_changing_the_next_ones() -> None:
    class Scribbler(KeepingRater):
        def submit(self, segments: Any) -> None:
            for segment in segments:
                segment.obs[:] = segment.actions[:] = 99
            super().submit(segments)

    env = RatingFeedbackWrapper(ScriptedEnv(LONG), Scribbler(), segment_length=2)
    env.reset()
    for _ in range(8):
        env.step(np.zeros(2))
    env.query(2)
    assert env._feedback.buffer._obs.max() == 8


def test_an_environment_without_a_reward_is_rated_from_what_is_seen() -> None:
    rater = CallableRater(rate_by_obs, num_classes=3)
    env = RatingFeedbackWrapper(RewardFreeEnv(LONG), rater, segment_length=2)
    env.reset()
    for _ in range(20):
        assert env.step(np.zeros(2))[1] == 0.0
    assert env.query(6) == len(env.ratings) == 6


def test_a_synthetic_rater_refuses_a_reward_that_is_not_finite_and_nothing_is_kept() -> None:
    steps = count()
    fading = gym.wrappers.TransformReward(ScriptedEnv(LONG), lambda r: np.nan if next(steps) else r)
    env = RatingFeedbackWrapper(fading, SyntheticRater(3), segment_length=2)
    env.reset()
    for _ in range(20):
        env.step(np.zeros(2))
    with pytest.raises(ValueError, match=r"`true_rewards` must be finite .* CallableRater or a p"):
        env.query(2)
    assert env.ratings.num_segments == len(env.ratings) == 0


def test_ratings_carry_the_id_of_the_environment() -> None:
    env = RatingFeedbackWrapper(gym.make("tests/Scripted-v0"), KeepingRater())
    assert env.ratings.env_id == "tests/Scripted-v0"
    assert RatingFeedbackWrapper(ScriptedEnv(), KeepingRater()).ratings.env_id is None


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_environments_own_random_numbers_are_left_alone(wrapped: bool) -> None:
    env: Any = gym.make("Pendulum-v1")
    if wrapped:
        env = RatingFeedbackWrapper(
            env, SyntheticRater(3), segment_length=5, schedule={20: 2}, features=np.ravel
        )
        env = LearnedRewardWrapper(env, step_plus_action, features=np.ravel)
    env.action_space.seed(3)
    env.reset(seed=4)
    for _ in range(30):
        env.step(env.action_space.sample())
    obs, _ = env.reset()
    expected = gym.make("Pendulum-v1")
    expected.reset(seed=4)
    np.testing.assert_array_equal(obs, expected.reset()[0])
    assert env.np_random_seed == 4
    assert env.np_random is env.unwrapped.np_random


def complaints(env: gym.Env) -> set[str]:
    """Run Gymnasium's checker; returns its warnings, but for the one about any wrapper at all."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env, skip_render_check=True)
    return {str(w.message) for w in caught if "unwrapped version" not in str(w.message)}


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "Blackjack-v1"])
def test_gymnasiums_own_checker_finds_nothing_new(env_id: str) -> None:
    bare = gym.make(env_id)
    env = RatingFeedbackWrapper(bare, {"type": "gym_rated:SyntheticRater", "num_classes": 3})
    assert complaints(env) == complaints(bare)
    assert complaints(LearnedRewardWrapper(env, step_plus_action)) == complaints(bare)


def test_a_single_wrapper_in_a_worker_warns() -> None:
    def make() -> gym.Env:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            env = RatingFeedbackWrapper(ScriptedEnv(), SlowRater(), attr_allow=["texts"])
        env.unwrapped.texts = [str(w.message) for w in caught]
        return env

    assert make().get_wrapper_attr("texts") == []  # here is no worker
    envs = gym.vector.AsyncVectorEnv([make])
    try:
        (texts,) = envs.get_attr("texts")
    finally:
        envs.close()
    assert len(texts) == 1
    assert "keeps its ratings in the worker; put gym_rated.vector.RatingFeedback" in texts[0]


# -- replay --


def test_a_segment_of_halfcheetah_can_be_played_again_bit_for_bit() -> None:
    pytest.importorskip("mujoco")

    def make() -> Any:
        return SeededEpisodes(gym.make("HalfCheetah-v5", max_episode_steps=40), seed=5)

    rater = SlowRater()
    env = RatingFeedbackWrapper(make(), rater, segment_length=10, record_replay=True)
    rng = np.random.default_rng(0)
    for _ in range(3):
        env.reset()
        done = False
        while not done:
            action = rng.normal(scale=1.5, size=6)  # float64, and often outside the space
            _, _, _, done, _ = env.step(action)
    env.query(4)
    assert {s.origin.episode for s in rater.submitted} - {0}
    for segment in rater.submitted:
        actions = env.replay(segment)
        assert actions.dtype == np.float64
        assert np.abs(actions).max() > 1
        again = make()
        for _ in range(segment.origin.episode + 1):
            obs, _ = again.reset()
        seen, rewards = [], []
        for action in actions:
            seen.append(obs)
            obs, reward, *_ = again.step(action)
            rewards.append(reward)
        assert len(seen) == segment.origin.first_step + len(segment)
        np.testing.assert_array_equal(np.float32(seen[-len(segment) :]), segment.obs)
        np.testing.assert_array_equal(rewards[-len(segment) :], segment.true_rewards)


def recorded(num_steps: int, **options: Any) -> tuple[Any, SlowRater]:
    rater = SlowRater()
    env = RatingFeedbackWrapper(
        ScriptedEnv([(10, "terminated")], action_space=gym.spaces.Discrete(200)),
        rater,
        segment_length=5,
        **options,
    )
    env.reset()
    for step in range(num_steps):
        if env.step(step)[2]:
            env.reset()
    return env, rater


def test_replay_has_the_raw_actions_from_the_episodes_first_step() -> None:
    env, rater = recorded(33, record_replay=True)
    env.query(7)  # two windows in each of the three episodes, none in the 3 steps after them
    got = {(s.origin.episode, s.origin.first_step): env.replay(s).tolist() for s in rater.submitted}
    assert got == {
        (episode, first): list(range(10 * episode, 10 * episode + first + 5))
        for episode in range(3)
        for first in (0, 5)
    }
    assert [s.raw_actions.tolist() for s in rater.submitted] == [
        env.replay(s).tolist() for s in rater.submitted
    ]


def test_segments_have_no_raw_actions_where_replay_is_not_recorded() -> None:
    env, rater = recorded(10)
    env.query(2)
    assert [s.raw_actions for s in rater.submitted] == [None, None]


def test_replay_without_its_option_is_refused_with_the_remedy() -> None:
    env, rater = recorded(10)
    env.query(1)
    with pytest.raises(RuntimeError, match=r"`replay` needs the raw .* with record_replay=True"):
        env.replay(rater.submitted[0])


def test_replay_of_a_forgotten_episode_is_refused() -> None:
    env, rater = recorded(10, record_replay=True, capacity=10)
    env.query(2)
    for step in range(25):
        if env.step(step)[2]:
            env.reset()
    with pytest.raises(ValueError, match="`segment` must come from an episode that is still in th"):
        env.replay(rater.submitted[0])


def test_replay_survives_a_checkpoint_and_an_action_changed_in_place() -> None:
    class Vandal(ScriptedEnv):
        def step(self, action: Any) -> Any:
            action[:] *= 0
            return super().step(action)

    def make() -> tuple[Any, SlowRater]:
        rater = SlowRater()
        options = {"segment_length": 50, "record_replay": True}
        return RatingFeedbackWrapper(Vandal(LONG), rater, **options), rater

    env, rater = make()
    env.reset()
    for step in range(60):
        env.step(np.full(2, step / 100))
    env.query(1)
    segment = rater.submitted[0]
    expected = np.arange(segment.origin.first_step + 50)[:, None].repeat(2, 1) / 100
    np.testing.assert_array_equal(env.replay(segment), expected)
    np.testing.assert_allclose(segment.actions, expected[-50:], rtol=1e-6)
    again, _ = make()
    again.load_state_dict(env.state_dict())
    np.testing.assert_array_equal(again.replay(segment), expected)


def test_true_rewards_of_segments_are_the_environments() -> None:
    env, rater = recorded(20)
    assert env.query(4) == 4
    for segment in rater.submitted:
        first = segment.origin.first_step
        expected = [true_reward(0, segment.origin.episode, first + k) for k in range(5)]
        assert segment.true_rewards.tolist() == expected
