"""Files that an earlier version wrote are read as it read them; see `fixtures/make.py`."""

import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from fixtures import make

from gym_rated import ConvRewardEnsemble, RatingDataset, RewardEnsemble
from gym_rated.checkpoint import load_state
from gym_rated.runs.folder import read_run

FOLDER = Path(make.__file__).parent
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def assert_same(found: Any, expected: Any, where: str) -> None:
    """The same numbers to 1e-5: sums are no longer added up in the order of earlier versions."""
    if isinstance(expected, dict):
        for name, value in expected.items():  # what is new today may be there as well
            assert_same(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, value in enumerate(expected):
            assert_same(found[i], value, f"{where}[{i}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5), where
    else:
        assert found == expected, where


def assert_as_expected(found: Any, name: str) -> None:
    assert_same(json.loads(json.dumps(found)), EXPECTED[name], name)


def unpacked(name: str, tmp_path: Path) -> Path:
    shutil.unpack_archive(FOLDER / f"{name}.zip", tmp_path)
    return tmp_path / name


def test_saved_ratings_say_what_they_said() -> None:
    ratings = RatingDataset.load(FOLDER / "ratings.npz")
    assert_as_expected(make.expect_ratings(ratings), "ratings")
    # typed in by hand from what `make_ratings` puts in, so that two wrongs make no right
    assert (len(ratings), ratings.num_segments) == (6 + 5, 12)  # ann's, ben's
    assert len(set(EXPECTED["ratings"]["groups"])) == 3  # ann and ben in round 0, ben in round 1


def test_a_saved_model_predicts_what_it_predicted() -> None:
    model = RewardEnsemble.load(FOLDER / "vectors_model")
    assert_as_expected(make.expect_model(model, make.vectors()), "vectors_model")


def test_a_saved_model_of_images_predicts_what_it_predicted() -> None:
    model = ConvRewardEnsemble.load(FOLDER / "images_model")
    assert_as_expected(make.expect_model(model, make.images()), "images_model")


def test_a_database_of_ratings_says_what_it_said(tmp_path: Path) -> None:
    db = tmp_path / "ratings.db"
    shutil.copy(FOLDER / "ratings.db", db)
    assert_as_expected(make.expect_database(db), "database")
    kinds = {answer[4] for answer in EXPECTED["database"]["answers"]}
    assert kinds == {"rate", "skip", "undo"}


def test_a_database_with_flags_and_comments_says_what_it_said(tmp_path: Path) -> None:
    db = tmp_path / "remarks.db"
    shutil.copy(FOLDER / "remarks.db", db)
    assert_as_expected(make.expect_database(db), "database")
    assert_as_expected(make.expect_remarks(db), "remarks")
    assert [flagged for _, _, flagged, _ in EXPECTED["remarks"]] == [False, True, False]


def test_a_database_says_of_which_episode_the_true_reward_was_shown(tmp_path: Path) -> None:
    db = tmp_path / "told.db"
    shutil.copy(FOLDER / "told.db", db)
    assert_as_expected(make.expect_database(db), "database")
    assert_as_expected(make.expect_remarks(db), "remarks")
    assert_as_expected(make.expect_told(db), "told")
    assert EXPECTED["told"] == [True, False]


def test_a_rater_takes_up_a_database_where_it_was_left(tmp_path: Path) -> None:
    db = tmp_path / "ratings.db"
    shutil.copy(FOLDER / "ratings.db", db)
    rater = make.make_rater(db)
    rater.load_state_dict(load_state(FOLDER / "rater"))
    answers = [[a.segment_id, a.rater, a.rating, a.revision] for a in rater.collect()]
    # in the store, what is unique within a run is followed by what is unique beyond it
    stored = [
        [name.rsplit("-", 1)[0], *said[:3]] for name, *said in EXPECTED["database"]["answers"]
    ]
    assert answers == stored
    assert rater.pending == EXPECTED["database"]["progress"]["unanswered"]
    rater.close()


def test_a_finished_run_is_read_whole(tmp_path: Path) -> None:
    folder = unpacked("ppo_finished", tmp_path)
    assert_as_expected(make.expect_run(folder), "ppo_finished")
    run = read_run(folder)
    assert run.missing == ()
    assert (run.env_id, run.agent, run.arm, run.last_step) == ("Pendulum-v1", "PPO", "rated", 3584)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")
@pytest.mark.parametrize("name", list(make.LAST_SAVE))
def test_a_killed_run_goes_on_to_its_end(name: str, tmp_path: Path) -> None:
    """What was logged stays; the rest has other digits, as agents are computed in other ways."""
    script = import_module(make.RUNS[name][0])
    folder = unpacked(name, tmp_path)
    logged = len((folder / "metrics.jsonl").read_text().splitlines())
    assert 0 < logged < len(EXPECTED[name]["rows"])
    saved = load_state(folder / "checkpoint")["counters"][-2 if "sac" not in name else 0]
    script.train(script.Args(resume=folder))
    found = json.loads(json.dumps(make.expect_run(folder)))
    expected = EXPECTED[name]
    before = [row for row in expected["rows"] if row["step"] <= saved]
    assert len(before) > 5
    assert_same(found["rows"][: len(before)], before, f"{name}.rows")
    updates = [
        [row["step"] for row in rows if "losses/actor_loss" in row or "losses/policy_loss" in row]
        for rows in (found["rows"], expected["rows"])
    ]
    assert updates[0] == updates[1]
    assert updates[0][-1] > saved
    for key in ("env_id", "reward", "seed", "global_step", "num_ratings"):
        assert found["result"][key] == expected["result"][key]
    assert found["result"]["score"] == pytest.approx(expected["result"]["score"], rel=0.3)
