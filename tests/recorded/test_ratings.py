"""Rated segments as Minari datasets, and back."""

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from recordings import record

from gym_rated import SKIPPED, Comparison, Rating, RatingDataset, SyntheticRater
from gym_rated.recorded import load_recorded, rate_recorded
from gym_rated.recorded.ratings import read_minari_ratings, write_minari
from gym_rated.segments import Origin, Segment
from gym_rated.segments.encoding import encode_actions


@pytest.fixture(autouse=True)
def datasets_path(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


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
    written = load_recorded("test/rated-v0")
    assert written.total_episodes == 5
    for episode in written.iterate_episodes():
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
    recorded = record("CartPole-v1")
    with pytest.raises(ValueError, match="must hold ratings, got test/recorded-v0 without"):
        read_minari_ratings(recorded)
    with pytest.raises(ValueError, match="must hold at least one segment"):
        write_minari(RatingDataset(4, 2, 5), "test/rated-v0")
    ratings = rate_recorded(recorded, SyntheticRater(2), 2, segment_length=5)
    with pytest.raises(ValueError, match="with 2 numbers in an action, got Pendulum-v1 with 1"):
        write_minari(ratings, "test/rated-v0", env_id="Pendulum-v1")
    with pytest.raises(ValueError, match="`dataset_id` must be a new name"):
        write_minari(ratings, "test/recorded-v0")


def written():
    ratings = rate_recorded(record("CartPole-v1"), SyntheticRater(3), 5, segment_length=8)
    write_minari(ratings, "test/rated-v0")
    return load_recorded("test/rated-v0")


def swap(file, name):
    """Exchange an array of the first two episodes."""
    first, second = file[f"episode_0/{name}"][()], file[f"episode_1/{name}"][()]
    for episode, value in ((0, second), (1, first)):
        del file[f"episode_{episode}/{name}"]
        file[f"episode_{episode}/{name}"] = value


def shorten(file, name):
    value = file[f"episode_0/{name}"][:-1]
    del file[f"episode_0/{name}"]
    file[f"episode_0/{name}"] = value


def shorten_all(file, name):
    for each in ("observations", "actions", "rewards", "terminations", "truncations"):
        shorten(file, each)
    file["episode_0/truncations"][-1] = True
    file["episode_0"].attrs["total_steps"] = 7


def rename(file, name):
    file.move("episode_0", "spare")
    file.move("episode_1", "episode_0")
    file.move("spare", "episode_1")


def set_nan(file, name):
    file["episode_0/observations"][0] = np.nan


def forget_digests(recorded):
    """Make a dataset what an earlier version wrote."""
    path = recorded.storage.data_path / "metadata.json"
    metadata = json.loads(path.read_bytes())
    del metadata["gym_rated_digests"]
    path.write_text(json.dumps(metadata))


@pytest.mark.parametrize("change", [swap, shorten, shorten_all, rename, set_nan])
def test_steps_of_another_episode_never_reach_a_rating(change):
    import h5py

    recorded = written()
    with h5py.File(recorded.storage.data_path / "main_data.hdf5", "a") as file:
        change(file, "observations")
    with pytest.raises(ValueError, match=r"test/rated-v0"):
        read_minari_ratings(load_recorded("test/rated-v0"))


def test_a_dataset_without_digests_is_read_with_a_warning():
    recorded = written()
    ratings = read_minari_ratings(recorded)
    forget_digests(recorded)
    with pytest.warns(UserWarning, match=r"test/rated-v0 has no digests of its episodes"):
        found = read_minari_ratings(load_recorded("test/rated-v0"))
    assert found.state_dict()["meta"] == ratings.state_dict()["meta"]


@pytest.mark.filterwarnings("ignore:.*has no digests")
@pytest.mark.parametrize("change", [shorten, shorten_all, rename, set_nan])
def test_even_without_digests_an_episode_has_the_length_and_name_of_its_segment(change):
    import h5py

    recorded = written()
    forget_digests(recorded)
    with h5py.File(recorded.storage.data_path / "main_data.hdf5", "a") as file:
        change(file, "observations")
    with pytest.raises(ValueError, match=r"test/rated-v0"):
        read_minari_ratings(load_recorded("test/rated-v0"))


def test_images_come_back_as_bytes():
    ratings = RatingDataset(12, 1, 2)
    obs = np.arange(36, dtype=np.uint8).reshape(3, 12)
    nothing = np.zeros(3)
    ratings.add([Segment("a", obs, np.ones((3, 1), np.float32), nothing, 0, Origin(0, 0, 0, 0))])
    write_minari(ratings, "test/images-v0")
    (found,) = read_minari_ratings(load_recorded("test/images-v0")).segments()
    assert found.obs.dtype == np.uint8
    assert (found.obs == obs).all()


def test_features_that_are_as_many_as_the_numbers_of_a_space_come_back():
    ratings = RatingDataset(16, 4, 2, env_id="FrozenLake-v1")  # its states are one of 16
    obs = np.linspace(0, 1, 48, dtype=np.float32).reshape(3, 16)
    actions = np.eye(4, dtype=np.float32)[:3]
    ratings.add([Segment("a", obs, actions, np.zeros(3), 0, Origin(0, 0, 0, 0))])
    write_minari(ratings, "test/features-v0")
    (found,) = read_minari_ratings(load_recorded("test/features-v0")).segments()
    assert (found.obs == obs).all()
