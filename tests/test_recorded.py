"""Minari datasets in and out, in a temporary folder and without a network."""

import json
import warnings

import gymnasium as gym
import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer

from gym_rated import SKIPPED, CallableRater, Comparison, Rating, RatingDataset, SyntheticRater
from gym_rated.encoding import encode_actions
from gym_rated.recorded import (
    cut_recorded,
    load_recorded,
    rate_recorded,
    read_minari_ratings,
    write_minari,
)
from gym_rated.segments import Origin, Segment


@pytest.fixture(autouse=True)
def datasets_path(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path / "minari"


def record(env_id, num_episodes=3, dataset_id="test/recorded-v0", max_steps=10_000, **spaces):
    """Record random episodes of an environment."""
    env = gym.make(env_id)
    env.action_space.seed(0)
    buffers = []
    for seed in range(num_episodes):
        obs, actions, rewards, terminations, truncations = [env.reset(seed=seed)[0]], [], [], [], []
        done = False
        while not done and len(actions) < max_steps:
            actions.append(env.action_space.sample())
            step = env.step(actions[-1])
            obs.append(step[0])
            rewards.append(float(step[1]))
            terminations.append(step[2])
            truncations.append(step[3])
            done = step[2] or step[3]
        buffers.append(
            EpisodeBuffer(
                observations=np.array(obs),
                actions=np.array(actions),
                rewards=rewards,
                terminations=terminations,
                truncations=truncations,
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return minari.create_dataset_from_buffers(dataset_id, buffers, env=env_id)


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


def test_ratings_come_back_as_they_were_written():
    recorded = record("CartPole-v1")
    ratings = rate_recorded(recorded, SyntheticRater(3), 5, segment_length=8)
    first, second = (r.segment_id for r in ratings.ratings[:2])
    ratings.update([Rating(first, 2, "ada"), Comparison(first, second, "ada")])
    ratings.update([Rating(second, SKIPPED, "ada")])
    write_minari(ratings, "test/rated-v0")
    found = read_minari_ratings(load_recorded("test/rated-v0"))
    for name in ("obs", "actions", "mask", "ratings", "groups", "comparisons"):
        assert (getattr(found.batch(), name) == getattr(ratings.batch(), name)).all(), name
    assert found.ratings == ratings.ratings
    assert found.state_dict()["meta"] == ratings.state_dict()["meta"]


def test_a_written_dataset_is_an_ordinary_one_without_a_true_reward():
    recorded = record("CartPole-v1")
    ratings = rate_recorded(recorded, SyntheticRater(3), 5, segment_length=8)
    ratings.update([Rating(ratings.ratings[0].segment_id, 1, "ada")])
    write_minari(ratings, "test/rated-v0")
    written = load_recorded("test/rated-v0")
    assert (written.total_episodes, written.total_steps) == (
        5,
        int(ratings.batch(range(5)).mask.sum()),
    )
    assert written.observation_space == gym.spec("CartPole-v1").make().observation_space
    for episode, rating in zip(written.iterate_episodes(), ratings.ratings, strict=False):
        assert np.isnan(episode.rewards).all()
        assert set(np.unique(episode.actions)) <= {0, 1}
        assert (episode.observations[-1] == episode.observations[-2]).all()
        assert episode.truncations.tolist() == [False] * (len(episode) - 1) + [True]
        assert not episode.terminations.any()
        (metadata,) = written.storage.get_episode_metadata([episode.id])
        assert metadata["segment_id"] == rating.segment_id
        given = json.loads(metadata["ratings"])
        assert given["synthetic"] == rating.rating
    (metadata,) = written.storage.get_episode_metadata([0])
    assert json.loads(metadata["ratings"]).keys() == {"synthetic", "ada"}


def test_the_rewards_of_a_model_can_be_written():
    ratings = rate_recorded(record("CartPole-v1"), SyntheticRater(3), 5, segment_length=8)
    write_minari(ratings, "test/rated-v0", reward_fn=lambda obs, actions: 2 * actions[:, 1])
    for episode in load_recorded("test/rated-v0").iterate_episodes():
        assert (episode.rewards == 2 * episode.actions).all()


def test_without_an_environment_vectors_are_written():
    ratings = RatingDataset(2, 3, 2)
    segment = Segment(
        "a",
        np.ones((4, 2), np.float32),
        np.ones((4, 3), np.float32),
        np.full(4, 9.0),
        0,
        Origin(0, 0, 0, 0),
    )
    ratings.add([segment])
    ratings.update([Rating("a", 1, "ada")])
    written = write_minari(ratings, "test/rated-v0")
    assert written.observation_space == spaces.Box(-np.inf, np.inf, (2,), np.float32)
    assert (read_minari_ratings(written).batch().actions == 1).all()


class Mixed(gym.Env):
    """A dict observation and a MultiDiscrete action."""

    observation_space = spaces.Dict(
        {"speed": spaces.Box(-1, 1, (2,), np.float64), "gear": spaces.Discrete(3)}
    )
    action_space = spaces.MultiDiscrete([2, 3])


def test_structured_spaces_are_written_as_they_are():
    gym.register("test/Mixed-v0", f"{__name__}:Mixed")
    try:
        ratings = RatingDataset(5, 5, 2, env_id="test/Mixed-v0")
        obs = np.array([[0, 1, 0, 0.5, -0.5], [0, 0, 1, 0.25, 1]], np.float32)
        actions = encode_actions(Mixed.action_space, np.array([[1, 2], [0, 1]]))
        ratings.add([Segment("a", obs, actions, np.zeros(2), 0, Origin(0, 0, 0, 0))])
        ratings.update([Rating("a", 1, "ada")])
        written = write_minari(ratings, "test/rated-v0")
        (episode,) = written.iterate_episodes()
        assert episode.observations["gear"].tolist() == [1, 2, 2]
        assert episode.observations["speed"].tolist() == [[0.5, -0.5], [0.25, 1], [0.25, 1]]
        assert episode.actions.tolist() == [[1, 2], [0, 1]]
        assert (read_minari_ratings(written).batch().obs == obs).all()
    finally:
        del gym.registry["test/Mixed-v0"]


def test_errors_name_what_is_wrong():
    with pytest.raises(FileNotFoundError, match=r"`dataset_id` must name .* got 'test/none-v0'"):
        load_recorded("test/none-v0")
    with pytest.raises(ValueError, match="must hold ratings, got test/recorded-v0 without"):
        read_minari_ratings(record("CartPole-v1"))
    with pytest.raises(ValueError, match="must hold at least one segment"):
        write_minari(RatingDataset(4, 2, 5), "test/rated-v0")
    ratings = rate_recorded(
        load_recorded("test/recorded-v0"), SyntheticRater(2), 2, segment_length=5
    )
    with pytest.raises(ValueError, match="with 2 numbers in an action, got Pendulum-v1 with 1"):
        write_minari(ratings, "test/rated-v0", env_id="Pendulum-v1")
