"""A resumed run of environments that cannot be played again begins new episodes."""

from typing import Any

import numpy as np
import pytest
from envs import KeepingRater, scripted_vector
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from gym_rated import vector as rated_vector
from gym_rated.environments.new_episodes import NewEpisodes
from gym_rated.runs.stack import load_stack_state, stack_state

SCRIPTS = [[(6, "terminated")], [(4, "truncated")]]
ACTIONS = np.zeros((2, 2), np.float32)


def full_stack(rater: KeepingRater) -> Any:
    envs: Any = RecordEpisodeStatistics(NewEpisodes(scripted_vector(SCRIPTS)))
    envs = rated_vector.RatingFeedbackWrapper(envs, rater, segment_length=2)
    return rated_vector.LearnedRewardWrapper(envs, lambda obs, actions: 100 + obs[:, 2])


def resumed(num_steps: int, rater: KeepingRater) -> Any:
    envs = full_stack(KeepingRater())
    envs.reset()
    for _ in range(num_steps):
        envs.step(ACTIONS)
    again = full_stack(rater)
    load_stack_state(again, stack_state(envs))
    return again


def test_what_was_under_way_is_truncated_and_what_was_over_begins() -> None:
    envs = resumed(4, KeepingRater())  # the second has just ended, the first is at its step 4
    obs, rewards, terminated, truncated, _ = envs.step(ACTIONS)
    assert obs[:, 1:].tolist() == [[0, 4], [0, 0]]  # episode and step
    assert rewards.tolist() == [104, 0]  # of the step that was cut short; a reset
    assert (terminated | truncated).tolist() == [True, False]
    obs, rewards, terminated, truncated, _ = envs.step(ACTIONS)
    assert obs[:, 1:].tolist() == [[0, 1], [0, 1]]
    assert rewards.tolist() == [0, 100]
    assert not (terminated | truncated).any()
    obs, rewards, *_ = envs.step(ACTIONS)
    assert rewards.tolist() == [101, 101]


def test_no_segment_spans_the_place_where_a_run_was_resumed() -> None:
    rater = KeepingRater()
    envs = resumed(3, rater)
    for _ in range(20):
        envs.step(ACTIONS)
    assert envs.env.query(30) > 5
    for segment in rater.segments:
        assert np.diff(segment.obs[:, 2]).tolist() == [1] * (len(segment) - 1)


def test_a_run_may_be_resumed_before_its_first_step_and_right_after() -> None:
    for num_steps in (0, 1, 4, 5):
        rater = KeepingRater()
        envs = resumed(num_steps, rater)
        for _ in range(2):
            again = full_stack(rater)
            load_stack_state(again, stack_state(envs))
            envs = again
            envs.step(ACTIONS)
        for _ in range(20):
            envs.step(ACTIONS)
        assert envs.env.query(30) > 5
        for segment in rater.segments:
            assert np.diff(segment.obs[:, 2]).tolist() == [1] * (len(segment) - 1)


def test_another_autoreset_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="`env` must be of next-step autoreset"):
        NewEpisodes(scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP))


def test_there_is_no_state_before_the_first_reset() -> None:
    with pytest.raises(ResetNeeded):
        NewEpisodes(scripted_vector(SCRIPTS)).state_dict()
