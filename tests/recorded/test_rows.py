"""Ratings of recorded episodes out of tables."""

import gymnasium as gym
import numpy as np
import pytest
from answer_tables import FORMATS, write_table
from recordings import record

from gym_rated import Rating, Score
from gym_rated.recorded import Episode, MinariEpisodes, rate_by_rows

RNG = np.random.default_rng(0)
EPISODES = {
    name: Episode(RNG.normal(size=(21, 3)), RNG.normal(size=(20, 1))) for name in ("001", "002")
}


def said(ratings):
    return {(r.segment_id, r.rater): r.rating for r in ratings.ratings}


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_rates_the_steps_that_it_names_in_every_format(tmp_path, name):
    rows = [
        {"episode": "1", "start": "0", "stop": "5", "rating": "1", "rater": "ann"},
        {"episode": "002", "start": "5", "stop": "20", "rating": "3", "rater": "bob"},
        {"episode": "2", "start": "", "stop": "", "rating": "2", "rater": "ann"},
    ]
    ratings = rate_by_rows(EPISODES, write_table(tmp_path, name, rows))
    assert ratings.num_classes == 3  # 1 to 3, as the table has them
    assert said(ratings) == {
        ("001:0-5", "ann"): 0,
        ("002:5-20", "bob"): 2,
        ("002:0-20", "ann"): 1,
    }
    segments = {segment.id: segment for segment in ratings.segments()}
    assert (segments["002:5-20"].obs == EPISODES["002"].observations[5:20].astype("f4")).all()
    assert (segments["002:5-20"].actions == EPISODES["002"].actions[5:20].astype("f4")).all()


def test_ratings_of_each_round_are_a_scale_of_their_own():
    rows = [
        {"episode": "001", "stop": 5, "rating": 0},
        {"episode": "001", "stop": 5, "rating": 1, "round": "2"},  # the same steps, another day
        {"episode": "002", "stop": 5, "rating": 0, "round": 2.0},
        {"episode": "002", "rating": 1, "rater": "bob", "round": ""},
    ]
    ratings = rate_by_rows(EPISODES, rows)
    assert said(ratings) == {
        ("001:0-5", "recorded"): 0,
        ("001:0-5 in round 2", "recorded"): 1,
        ("002:0-5 in round 2", "recorded"): 0,
        ("002:0-20", "bob"): 1,
    }
    assert ratings.batch().groups.tolist() == [0, 1, 1, 2]
    with pytest.raises(ValueError, match=r"row 1: `round` must be at least 0, got -1"):
        rate_by_rows(EPISODES, [{"episode": "001", "rating": 0, "round": -1}])
    with pytest.raises(ValueError, match=r"row 1: `round` must be a whole number"):
        rate_by_rows(EPISODES, [{"episode": "001", "rating": 0, "round": "monday"}])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("text", ["episode,score|1,0.75|2,1", "Episode ;Score|1;0,75|2;1,0"])
def test_what_spreadsheets_write_is_read(tmp_path, encoding, newline, text):
    path = tmp_path / "ratings.csv"
    path.write_bytes((text.replace("|", newline) + newline).encode(encoding))
    ratings = rate_by_rows(EPISODES, path)
    assert ratings.scores == (
        Score("001:0-20", 0.75, "recorded"),
        Score("002:0-20", 1.0, "recorded"),
    )


def test_words_are_classes_in_the_order_that_is_said():
    rows = [{"episode": "001", "rating": "Good "}, {"episode": "002", "rating": "bad"}]
    ratings = rate_by_rows(EPISODES, rows, class_names=("bad", "fair", "good"))
    assert [r.rating for r in ratings.ratings] == [2, 0]
    assert ratings.num_classes == 3
    with pytest.raises(ValueError, match=r"`class_names` must say .* words 'Good' 'bad'"):
        rate_by_rows(EPISODES, rows)


@pytest.mark.parametrize(
    ("values", "num_classes", "classes", "found"),
    [
        ((0, 2), None, [0, 2], 3),
        ((1, 5), None, [0, 4], 5),
        ((1, 5), 5, [0, 4], 5),
        ((1, 4), 5, [1, 4], 5),
        ((2, 4), None, [1, 3], 4),
    ],
)
def test_numbers_are_classes_from_0_or_from_1(values, num_classes, classes, found):
    rows = [
        {"episode": name, "rating": value} for name, value in zip(EPISODES, values, strict=True)
    ]
    ratings = rate_by_rows(EPISODES, rows, num_classes=num_classes)
    assert [r.rating for r in ratings.ratings] == classes
    assert ratings.num_classes == found


def test_rows_that_say_nothing_are_counted():
    rows = [
        {"episode": "001", "rating": 1, "note": "x"},
        {"episode": "001", "rating": 1},
        {"episode": "002", "rating": ""},
        {"episode": "002", "rating": "can't tell"},
        {"episode": "", "rating": None},
    ]
    notes: list[str] = []
    ratings = rate_by_rows(EPISODES, rows, say=notes.append)
    assert said(ratings) == {("001:0-20", "recorded"): 0}
    assert notes[0] == (
        "1 answers about 2 stretches of 2 episodes; 2 classes, worst 1, best 2; 1 empty rows (row "
        "5), 1 not rated (row 3), 1 said twice (row 2), unread columns 'note'"
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"episode": "003", "rating": 1}, "`episode` must be one of '001', '002', got '003'; did"),
        ({"episode": "001", "rating": 9}, "`rating` must be 0 to 2, got 9; if other numbers"),
        ({"episode": "001", "rating": "1.5"}, "`rating` must be a whole number, got '1.5'"),
        (
            {"episode": "001", "stop": 21, "rating": 1},
            "which has 20 (0 <= start < stop <= 20), got",
        ),
        ({"episode": "001", "start": 5, "stop": 5, "rating": 1}, "got 5 and 5"),
        ({"episode": "001", "start": "-1", "rating": 1}, "got -1 and 20"),
        ({"episode": "001", "start": "1.000", "rating": 1}, "which may be 1 or 1000; write it"),
        ({"episode": "001", "rating": 1, "score": 0.5}, "must hold the one answer, got both"),
        ({"episode": "001", "score": "75"}, "`score` must be a number from 0 to 1, got '75'"),
        ({"rating": 1}, "`episode` must say which episode was rated, got nothing"),
        (
            {"episode": "002", "rating": 0},
            "`rating` must be one of each rater and stretch, got ano",
        ),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_its_place(row, reason):
    rows = [{"episode": "002", "rating": 2}, row]
    with pytest.raises(ValueError, match="`ratings` must hold an answer in every row") as error:
        rate_by_rows(EPISODES, rows, num_classes=3)
    assert "row 2: " in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"epsode": "001", "rating": 1}], "got rows with 'epsode'; call it 'episode'"),
        (
            [{"segment_id": "001", "rating": 1}],
            "must have the columns episode, and rating or score",
        ),
        ([], "must have the columns episode"),
        ([{"episode": "001", "rating": 87}], "whole numbers below 20, got 87; divide"),
        ([{"episode": "001", "rating": ""}], "at least one answer that stands"),
    ],
)
def test_a_table_without_ratings_is_refused(rows, reason):
    with pytest.raises(ValueError, match=reason):
        rate_by_rows(EPISODES, rows)


def test_observations_and_actions_become_what_the_wrappers_record():
    env = gym.make("CartPole-v1")
    obs, actions = np.zeros((5, 4), np.float32), np.array([0, 1, 1, 0])
    for shape in ((4,), (4, 1)):  # Stable-Baselines3 stores the latter
        episodes = {"a": Episode(obs, actions.reshape(shape))}
        ratings = rate_by_rows(episodes, [{"episode": "a", "rating": 1}], env_id="CartPole-v1")
        (segment,) = ratings.segments()
        assert segment.actions.tolist() == np.eye(2)[actions].tolist()
        assert (ratings.env_id, ratings.obs_dim) == ("CartPole-v1", 4)
    env.close()


@pytest.mark.parametrize(
    ("episode", "env_id", "reason"),
    [
        (Episode(np.zeros((5, 4)), np.zeros(4, int)), None, "may be choices or amounts; name the"),
        (Episode({"a": np.zeros((5, 4))}, np.zeros((4, 1))), None, "got several parts; name the"),
        (Episode(np.zeros((5, 8), np.uint8), np.zeros((4, 1))), None, "of uint8; name the"),
        (
            Episode(np.zeros((5, 8, 8), np.uint8), np.zeros((4, 1))),
            None,
            "pass `features`, a funct",
        ),
        (Episode(np.zeros((5, 3)), np.zeros(4, int)), "CartPole-v1", "`obs` must have shape"),
        (Episode(np.zeros((5, 4)), np.full(4, 2)), "CartPole-v1", "episode 'a'"),
    ],
)
def test_an_episode_that_is_not_of_the_spaces_is_refused(episode, env_id, reason):
    with pytest.raises(ValueError, match="`episodes` must be of ") as error:
        rate_by_rows({"a": episode}, [{"episode": "a", "rating": 1}], env_id=env_id)
    assert reason in str(error.value)


def test_only_episodes_that_were_rated_are_read():
    class Recording(dict):
        def __missing__(self, name):
            raise AssertionError(name)

        def __iter__(self):
            return iter(["001", "002"])

    episodes = Recording({"002": EPISODES["002"]})
    assert len(rate_by_rows(episodes, [{"episode": "002", "rating": 1}])) == 1


def test_episodes_of_a_minari_dataset_are_called_by_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    recorded = record("CartPole-v1", num_episodes=2)
    rows = [{"episode": 0, "rating": 0}, {"episode": "1", "stop": 3, "rating": 1}]
    ratings = rate_by_rows(MinariEpisodes(recorded), rows)
    assert ratings.env_id == "CartPole-v1"
    lengths = {segment.id: len(segment) for segment in ratings.segments()}
    assert lengths == {f"0:0-{len(recorded[0])}": len(recorded[0]), "1:0-3": 3}
    assert ratings.ratings[1] == Rating("1:0-3", 1, "recorded")
