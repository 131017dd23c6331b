"""The flags of rating by hand, and the commands that serve and count."""

from pathlib import Path

import numpy as np
import pytest
from answering import answer_all
from envs import make_segment

from gym_rated.assembly import parts
from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.assembly.groups import RaterArgs
from gym_rated.cli import main
from gym_rated.human import HumanRater
from gym_rated.method import OUR_TASKS


def test_what_people_rate_is_learned_as_all_else_is() -> None:
    people = parse_args(RunArgs, ["--rater", "human"])
    assert (people.preset, people.regrade, people.scale) == ("ours", False, "group")
    assert people.tasks == OUR_TASKS
    assert parse_args(RunArgs, ["--rater", "human", "--preset=rbrl"]).preset == "rbrl"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--score-noise", "0.1"], "`score_noise` is of the synthetic rater, got 0.1"),
        (["--answers", "mixed"], "`answers` must be ratings with `--rater human`, got mixed"),
        (["--slip-rate", "0.1"], "`slip_rate` is of the synthetic rater, got 0.1"),
        (["--shuffle-ratings"], "`shuffle_ratings` is of the synthetic rater"),
    ],
)
def test_flags_of_the_synthetic_rater_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_args(RunArgs, ["--rater", "human", *words])


def test_people_rate_runs_of_scripts_only() -> None:
    with pytest.raises(ValueError, match="`rater` must be synthetic here, got human"):
        parts.make_rater(RaterArgs(rater="human"), seed=1)


def test_the_lengths_of_segments_reach_the_page(tmp_path: Path) -> None:
    args = RunArgs(rater="human", env_id="CartPole-v1", serve=False, segment_length=(50, 10, 25))
    found = []
    for name, lengths in (("flags", ()), ("capped", ((7, 9),))):
        (tmp_path / name).mkdir()
        rater = parts.make_rater(args, 1, tmp_path / name, *lengths)
        found.append(rater.run.segment_length)
        rater.close()
    assert found == [10, 7]


def test_status_says_who_rated_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "r.db"
    options = {"env_id": "CartPole-v1", "seed": 1, "page": None, "instructions": "Is it up?"}
    rater = HumanRater(db, num_classes=3, run_id="r1", **options)
    rater.seen(1_234)
    for k in range(3):
        segment = make_segment(f"0-0-{k}")
        vars(segment)["raw_actions"] = np.zeros(2)
        rater.submit([segment])
        if k < 2:
            answer_all(rater.store, lambda _, k=k: k)
    assert main(["status", "--db", str(db)]) == 0
    said = capsys.readouterr().out
    for line in (
        "run r1 (CartPole-v1): Is it up?",
        "rated 2 (bad 1, fair 1, good 0), cannot tell 0",
        "waiting 1, of which 1 without a clip yet",
        "rater ann: 2 rated, 0 cannot tell, last ",
        "trainer at step 1,234, seen ",
    ):
        assert line in said


def test_status_of_nothing_makes_no_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--db", str(tmp_path / "none.db")]) == 2
    assert "`db` must be a database of ratings" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
