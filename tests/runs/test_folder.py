"""Runs are read as far as they got."""

import json
import math

import numpy as np
import pytest

from gym_rated import RatingDataset, RewardEnsemble
from gym_rated.checkpoint import load_state, save_state
from gym_rated.ratings.predictions import RatingPredictions
from gym_rated.runs import RunWriter
from gym_rated.runs.folder import read_run


def write_run(folder, finish=True, products=True, script=None, **args):
    args = {"env_id": "Pendulum-v1", "reward": "rated", "seed": 1} | args
    with RunWriter(folder, args, script=script, tensorboard=False) as run:
        for step in range(1, 61):
            run.log(10 * step, {"charts/episodic_return": step})
        run.log(700, {"rated/num_ratings": 5, "rated/held_out/spearman": math.nan})
        if products:
            model = RewardEnsemble(3, 1)
            model.set_scale(1.0)
            model.save(folder / "reward_model")
            (folder / "ratings").mkdir()
            RatingDataset(3, 1, 5).save(folder / "ratings" / "ratings.npz")
        if finish:
            run.write_result({"score": 1.0})
    return read_run(folder)


def test_a_finished_run_misses_nothing(tmp_path):
    run = write_run(tmp_path / "run")
    assert run.missing == ()
    assert run.result["score"] == 1.0
    assert (run.name, run.env_id, run.arm, run.agent) == ("run", "Pendulum-v1", "rated", "PPO")
    assert run.last_step == 700
    assert run.score == np.mean(range(11, 61))  # the last 50 episodes
    assert run.last("rated/num_ratings") == 5
    assert math.isnan(run.last("rated/held_out/spearman"))


def test_a_killed_run_says_what_it_misses(tmp_path):
    run = write_run(tmp_path / "run", finish=False, products=False)
    assert run.missing == (
        "no result.json, so it has not finished",
        "no reward model",
        "no ratings",
    )
    assert (run.result, run.model, run.ratings) == (None, None, None)
    assert run.score == np.mean(range(11, 61))


def test_a_run_killed_before_its_first_row_can_be_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"args": {"reward": "true"}}))
    run = read_run(tmp_path)
    assert run.missing == ("no metrics", "no result.json, so it has not finished")
    assert run.last_step == 0
    assert math.isnan(run.score)
    assert run.env_id == "an unknown environment"


def test_what_was_changed_since_is_named(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "run" / "ratings" / "ratings.npz").write_bytes(b"damaged")
    run = read_run(tmp_path / "run")
    assert run.ratings is None
    assert any("result.json sealed" in text for text in run.missing)
    assert any("no ratings: `path` must be a dataset" in text for text in run.missing)


@pytest.mark.parametrize(
    ("args", "arm"),
    [
        ({"reward": "true"}, "true"),
        ({"preset": "ours"}, "rated"),
        ({"preset": "pairs"}, "pairs"),
        ({"preset": "pairs", "shuffle_ratings": True}, "shuffled"),
        ({"reward": "rnd"}, "rnd"),
    ],
)
def test_an_arm_is_what_the_agent_was_paid(tmp_path, args, arm):
    assert write_run(tmp_path / "run", **args).arm == arm


@pytest.mark.parametrize(
    ("script", "args", "agent"),
    [
        ("ppo", {"tau": 0.95}, "PPO"),  # tau is no secret of SAC's
        ("sac_continuous_action", {}, "SAC"),
        ("td3", {"tau": 0.005}, "TD3"),
        ("ppo_continuous_action", {}, "PPO"),
        ("ppo_copy", {}, "PPO COPY"),  # another agent, which a report must not take for PPO
        (None, {"tau": 0.005}, "SAC"),  # as config.json was written before it named the script
        (None, {}, "PPO"),
    ],
)
def test_an_agent_is_named_by_its_script(tmp_path, script, args, agent):
    run = write_run(tmp_path / "run", script=script, **args)
    assert (run.script, run.agent) == (script, agent)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="must hold a run, got"):
        read_run(tmp_path)


def finished_with_predictions(folder):
    """Return a run that kept what its model says of one rating."""
    args = {"env_id": "Pendulum-v1", "reward": "rated", "seed": 1}
    with RunWriter(folder, args, tensorboard=False) as run:
        run.log(10, {"charts/episodic_return": 1})
        for name in ("reward_model", "ratings"):  # what a report must not open
            (folder / name).mkdir()
            (folder / name / "manifest.json").write_text("not read")
        said = RatingPredictions(
            ("s0",),
            np.array([1]),
            np.array([True]),
            [np.ones(3, np.float32)],
            np.array([3.0]),
            np.array([[0.25, 0.75]]),
        )
        said.save(folder / "predictions")
        run.write_result({"score": 1.0})


def test_a_run_that_kept_its_predictions_is_read_without_its_model(tmp_path):
    finished_with_predictions(tmp_path)
    run = read_run(tmp_path)
    assert run.missing == ()
    assert run.predictions.returns.tolist() == [3.0]
    assert run.model is None  # asked for, it is read


def test_predictions_that_no_result_seals_are_made_anew(tmp_path):
    finished_with_predictions(tmp_path)
    (tmp_path / "result.json").unlink()
    run = read_run(tmp_path)
    assert run.predictions is None
    assert any(text.startswith("no reward model: ") for text in run.missing)


def test_predictions_of_another_format_are_made_anew(tmp_path):
    finished_with_predictions(tmp_path)
    state = load_state(tmp_path / "predictions") | {"format": "gym_rated predictions 2"}
    (tmp_path / "result.json").unlink()
    save_state(tmp_path / "predictions", state)
    with RunWriter(tmp_path, {}, tensorboard=False, resume=True, resume_step=10) as run:
        run.write_result({"score": 1.0})
    assert read_run(tmp_path).predictions is None
