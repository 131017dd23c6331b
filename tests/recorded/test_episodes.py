"""Segments of Minari datasets."""

import numpy as np
import pytest
from recordings import record

from gym_rated import CallableRater, SyntheticRater
from gym_rated.recorded import cut_recorded, load_recorded, rate_recorded


@pytest.fixture(autouse=True)
def datasets_path(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


def test_segments_are_windows_of_the_recorded_episodes():
    recorded = record("CartPole-v1", num_episodes=5)
    with pytest.warns(UserWarning, match="segments were cut instead of 100"):
        segments = cut_recorded(recorded, 100, segment_length=10, seed=1)
    assert {len(segment) for segment in segments} > {10}  # every episode fell: some are short
    assert sum(len(segment) for segment in segments) == recorded.total_steps
    for segment in segments:
        (episode,) = recorded.iterate_episodes([segment.origin.episode])
        window = slice(segment.origin.first_step, segment.origin.first_step + len(segment))
        assert (segment.obs == episode.observations[:-1][window]).all()
        assert (segment.actions == np.eye(2)[episode.actions[window]]).all()
        assert (segment.true_rewards == episode.rewards[window]).all()
        assert segment.id == f"test/recorded-v0:{episode.id}-{window.start}"
        assert len(segment) == 10 or window.stop == len(episode)


def test_what_a_time_limit_cuts_short_is_no_segment():
    recorded = record("Pendulum-v1", num_episodes=2)  # 200 steps each, truncated
    with pytest.warns(UserWarning, match="2 segments were cut instead of 9"):
        segments = cut_recorded(recorded, 9, segment_length=150)
    assert [len(segment) for segment in segments] == [150, 150]


def test_episodes_that_are_cut_off_without_a_flag_did_not_terminate():
    recorded = record("CartPole-v1", num_episodes=4, max_steps=7)
    with pytest.warns(UserWarning, match="4 segments were cut instead of 9"):
        segments = cut_recorded(recorded, 9, segment_length=5)
    assert [len(segment) for segment in segments] == [5] * 4


def test_where_nothing_can_be_cut_it_says_why():
    recorded = record("Pendulum-v1", num_episodes=1)
    with pytest.raises(ValueError, match="`segment_length` must fit into an episode, got 300"):
        cut_recorded(recorded, 2, segment_length=300)


def test_no_more_steps_are_read_than_allowed():
    recorded = record("Pendulum-v1", num_episodes=4)
    with pytest.warns(UserWarning, match="2 episodes of 400 steps hold no more"):
        cut_recorded(recorded, 100, segment_length=100, max_steps=500)


def test_a_synthetic_rater_rates_by_the_recorded_rewards():
    recorded = record("Pendulum-v1")
    ratings = rate_recorded(recorded, SyntheticRater(2), 6, segment_length=50, seed=3)
    segments = cut_recorded(recorded, 6, segment_length=50, seed=3)
    returns = {segment.id: segment.true_rewards.sum() for segment in segments}
    middle = np.median(list(returns.values()))
    assert len(ratings) == 6
    assert ratings.env_id == "Pendulum-v1"
    assert all(r.rating == int(returns[r.segment_id] > middle) for r in ratings.ratings)


def test_features_map_what_was_recorded():
    recorded = record("Pendulum-v1")
    rater = CallableRater(lambda segment: int(segment.obs.mean() > 0), 2)
    ratings = rate_recorded(
        recorded, rater, 4, segment_length=20, features=lambda obs: obs[:1] ** 2
    )
    assert ratings.obs_dim == 1
    assert (ratings.batch().obs >= 0).all()


def test_a_dataset_that_is_not_here_is_named():
    with pytest.raises(FileNotFoundError, match=r"`dataset_id` must name .* got 'test/none-v0'"):
        load_recorded("test/none-v0")
