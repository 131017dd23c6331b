from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, scripted_vector, true_reward
from gymnasium.envs.registration import EnvSpec

from gym_rated import RatingFeedbackWrapper, SeededEpisodes
from gym_rated import vector as rated_vector
from gym_rated.environments.horizon import FixedHorizon


def play(env: gym.Env, num_steps: int) -> list[Any]:
    env.reset(seed=0)
    return [env.step(env.action_space.sample()) for _ in range(num_steps)]


@pytest.mark.parametrize("ending", ["terminated", "both"])
def test_a_terminal_state_is_held_to_the_end(ending: str) -> None:
    bare = ScriptedEnv([(3, ending)])
    steps = play(FixedHorizon(bare, 5), 5)
    # observation: env, episode, step, held; 3 is the terminal state
    assert [step[0].tolist() for step in steps] == [
        [0, 0, 1, 0],
        [0, 0, 2, 0],
        [0, 0, 3, 1],
        [0, 0, 3, 1],
        [0, 0, 3, 1],
    ]
    assert [step[1] for step in steps] == [*(true_reward(0, 0, k) for k in range(3)), 0.0, 0.0]
    assert [step[2] for step in steps] == [False] * 5
    assert [step[3] for step in steps] == [False] * 4 + [True]
    assert len(bare.log) == 3


def test_an_episode_that_goes_on_is_truncated() -> None:
    steps = play(FixedHorizon(ScriptedEnv([(100, "terminated")]), 4), 4)
    assert [step[3] for step in steps] == [False] * 3 + [True]
    assert [step[0][-1] for step in steps] == [0.0] * 4


@pytest.mark.parametrize("length", [4, 5])
def test_a_termination_in_or_after_the_last_step_is_a_truncation(length: int) -> None:
    last = play(FixedHorizon(ScriptedEnv([(length, "terminated")]), 4), 4)[-1]
    assert last[2:4] == (False, True)
    assert last[0][-1] == (length == 4)


def test_the_next_episode_begins_anew() -> None:
    env = FixedHorizon(ScriptedEnv([(2, "terminated")]), 4)
    play(env, 4)
    assert env.reset()[0].tolist() == [0, 1, 0, 0]
    assert env.step(np.zeros(2))[0].tolist() == [0, 1, 1, 0]


def test_the_default_is_the_time_limit() -> None:
    env = FixedHorizon(gym.make("CartPole-v1", max_episode_steps=30))
    assert [step[3] for step in play(env, 30)] == [False] * 29 + [True]


def test_observations_without_a_flag_are_untouched() -> None:
    env = FixedHorizon(gym.make("FrozenLake-v1", max_episode_steps=50), 50, flag=False)
    assert env.observation_space == gym.spaces.Discrete(16)
    assert all(obs in env.observation_space for obs, *_ in play(env, 50))


def test_what_is_handed_out_is_never_changed_from_outside() -> None:
    env = FixedHorizon(ScriptedEnv([(1, "terminated")]), 3)
    env.reset()
    env.step(np.zeros(2))[0][:] = 7
    assert env.step(np.zeros(2))[0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: FixedHorizon(ScriptedEnv()), ValueError, "`steps` must be given for "),
        (lambda: FixedHorizon(ScriptedEnv(), 0), ValueError, "`steps` must be at least 1, got 0"),
        (
            lambda: FixedHorizon(gym.make("CartPole-v1"), 501),
            ValueError,
            "limit of 500 steps, got 501; make the environment with max_episode_steps=501",
        ),
        (
            lambda: FixedHorizon(gym.make("FrozenLake-v1")),
            TypeError,
            r"`flag` needs observations in a Box of one dimension, got Discrete\(16\); .*=False",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@pytest.mark.filterwarnings("ignore:round")
@pytest.mark.parametrize("vector", [False, True])
def test_segments_are_full_and_of_one_episode(vector: bool) -> None:
    rater = KeepingRater()
    endings = [(3, "terminated"), (9, "terminated")]
    if vector:
        envs = scripted_vector([endings] * 2, kind=lambda *a: FixedHorizon(ScriptedEnv(*a), 8))
        env: Any = rated_vector.RatingFeedbackWrapper(envs, rater, segment_length=4)
    else:
        bare = FixedHorizon(ScriptedEnv(endings), 8)
        env = RatingFeedbackWrapper(gym.wrappers.Autoreset(bare), rater, segment_length=4)
    env.reset()
    for _ in range(36):
        env.step(env.action_space.sample())
    assert env.query(1000) == 8 * (2 if vector else 1)
    for segment in rater.segments:
        assert len(segment) == 4
        assert len(set(segment.obs[:, 1])) == 1


def test_an_episode_is_played_again_while_its_end_is_held() -> None:
    def make() -> SeededEpisodes:
        env = gym.make("CartPole-v1", max_episode_steps=40)
        return SeededEpisodes(FixedHorizon(env), seed=3)

    env = make()
    env.reset()
    for _ in range(30):
        env.step(1)  # it falls within 15 steps
    again = make()
    again.load_state_dict(env.state_dict())
    assert again.reset()[0][-1] == 1.0
    for left in range(10):
        ours, theirs = again.step(0), env.step(0)
        np.testing.assert_equal(ours, theirs)
        assert ours[3] == (left == 9)


def test_a_spec_makes_the_same_environment() -> None:
    env = FixedHorizon(gym.make("CartPole-v1"), 20)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    env.action_space.seed(0)
    again.action_space.seed(0)
    np.testing.assert_equal(play(env, 20), play(again, 20))
