"""One rated segment, shown."""

import gymnasium as gym
import numpy as np
import pytest
from stores import RUN, deed, make_clip

from gym_rated import Comparison, Origin, Rating, RatingDataset, Score, Segment, SyntheticRater
from gym_rated.cli import main
from gym_rated.fitting import fit
from gym_rated.human.segment_blob import pack_segment
from gym_rated.human.store import Job, Store
from gym_rated.runs import RunWriter
from gym_rated.wrappers import RatingFeedbackWrapper


def segment(name, obs, actions):
    steps = len(obs)
    obs, actions = np.asarray(obs, np.float32), np.asarray(actions, np.float32)
    return Segment(name, obs, actions, np.zeros(steps), 2, Origin(0, 0, 0, 0))


def dataset(env_id=None):
    ratings = RatingDataset(2, 1, 4, env_id=env_id)
    ratings.add(
        [
            segment("a", [[0, 5], [1, 5], [2, 8]], [[-1], [0], [1]]),
            segment("b\x1b[31m", [[0, 0]], [[0]]),
        ]
    )
    ratings.update(
        [
            Rating("a", 3, "ann"),
            Score("a", 0.25, "bob"),
            Comparison("a", "b\x1b[31m", "eve\x1b[2J"),
        ]
    )
    return ratings


def test_a_segment_of_a_file_is_shown(tmp_path, capsys):
    dataset().save(tmp_path / "r.npz")
    assert main(["show", "segment", str(tmp_path / "r.npz"), "--id", "a"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "segment a: 3 steps, round 2",
        "observations (3, 2) of float32, actions (3, 1)",
        "ann rated 3 of 0 to 3",
        "bob scored 0.25 of 0 to 1",
        "'eve\\x1b[2J' found it better than 'b\\x1b[31m'",
        "                 min       mean        max",
        "obs[0]             0          1          2",
        "obs[1]             5          6          8",
        "action[0]         -1          0          1",
    ]
    assert main(["show", "segment", str(tmp_path / "r.npz"), "--id", "b\x1b[31m"]) == 0
    assert "segment 'b\\x1b[31m': 1 step, round 2" in capsys.readouterr().out


def test_a_module_that_a_file_names_is_not_imported(tmp_path, capsys):
    dataset("nowhere_at_all:Mine-v0").save(tmp_path / "r.npz")
    assert main(["show", "segment", str(tmp_path / "r.npz")]) == 0
    assert "obs[1]" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:round")
def test_a_segment_of_a_run_has_its_predicted_return(tmp_path, capsys):
    env = RatingFeedbackWrapper(gym.make("Pendulum-v1"), SyntheticRater(3), segment_length=10)
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(400):
        if any(env.step(env.action_space.sample())[2:4]):
            env.reset()
    env.query(20)
    model, _ = fit(env.ratings, steps=5, progress_bar=False)
    with RunWriter(tmp_path / "run", {"env_id": "Pendulum-v1"}, tensorboard=False):
        pass
    model.save(tmp_path / "run" / "reward_model")
    (tmp_path / "run" / "ratings").mkdir()
    env.ratings.save(tmp_path / "run" / "ratings" / "ratings.npz")
    assert main(["show", "segment", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    first = next(s for s in env.ratings.segments() if s.id == env.ratings.table().ids[0])
    predicted = model.predict(first.obs, first.actions)
    assert f"segment {first.id}: 10 steps, round 0" in shown
    assert f"predicted return {predicted.sum():.4g}, {predicted.mean():.4g} a step" in shown


def test_a_segment_of_a_database_has_the_clip_that_was_seen(tmp_path, capsys):
    with Store(tmp_path / "r.db") as store:
        store.open_run(RUN)
        store.add_jobs(RUN.id, [Job("a", pack_segment(segment("a", [[1, 2]], [[3]])), {})])
        query = store.finish_job(store.take_job("worker"), make_clip(7))
        leased = store.next_query("ann")
        store.record(deed(leased, "ann", rating=2))
        assert leased.id == query
    words = ["show", "segment", str(tmp_path / "r.db"), "--clip", str(tmp_path / "clip.mp4")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "ann rated 2 of 0 to 3" in shown
    assert (tmp_path / "clip.mp4").read_bytes() == make_clip(7).data
    assert main(words) == 2
    assert "`clip` must be a new file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r.npz", "--id", "c"], "`id` must be one of 2 segments such as a, 'b\\x1b[31m', got 'c'"),
        (["r.npz", "--env-id", "CartPole-v1"], "with 2 numbers in an observation, got CartPole-v1"),
        (["r.npz", "--clip", "c.mp4"], "`clip` must be given of a database only"),
        (["none.db"], "`source` must be a database of ratings, got"),
        (["none.npz"], "`source` must be a ratings file, got none.npz, which is not there"),
        (["."], "`source` must hold a run, got . without config.json"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    dataset().save("r.npz")
    assert main(["show", "segment", *words]) == 2
    assert said in capsys.readouterr().err
