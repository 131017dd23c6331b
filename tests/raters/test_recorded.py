import copy
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from envs import make_segment

from gym_rated import (
    SKIPPED,
    Comparison,
    Rater,
    Rating,
    RatingDataset,
    RatingFeedbackWrapper,
    ReplayRater,
    Score,
    SeveralRaters,
    SyntheticRater,
)
from gym_rated.imports import load_attribute
from gym_rated.wrappers.specs import resolve_rater


def give(rater: Any, *segments: Any) -> list[Any]:
    rater.submit(segments)
    return rater.collect()


def test_recorded_answers_come_again_and_others_are_skipped() -> None:
    records = [Rating("a", 2, "anna"), Rating("a", 1, "bob", 3), Score("b", 0.5, "anna")]
    rater = ReplayRater(records, 3)
    assert isinstance(rater, Rater)
    assert give(rater, *map(make_segment, "abc")) == [*records, Rating("c", SKIPPED, "replay")]
    assert rater.pending == 0
    assert rater.collect() == []
    assert copy.deepcopy(rater) is rater


def test_segments_without_a_record_can_stay_pending() -> None:
    rater = ReplayRater([Rating("a", 1, "anna")], 3, unrecorded="wait")
    assert give(rater, *map(make_segment, "abc")) == [Rating("a", 1, "anna")]
    assert rater.pending == 2


def test_a_comparison_comes_when_both_segments_were_asked_about() -> None:
    record = Comparison("a", "b", "anna")
    rater = ReplayRater([record], 3)
    assert give(rater, make_segment("b")) == []
    assert give(rater, make_segment("a")) == [record]
    assert give(ReplayRater([record], 3), *map(make_segment, "ab")) == [record]


def run(rater: Any, seed: int = 0) -> RatingDataset:
    """Take 400 random steps of CartPole and ask about 2 x 8 segments."""
    env = RatingFeedbackWrapper(gym.make("CartPole-v1"), rater, segment_length=5)
    env.action_space.seed(seed)
    env.reset(seed=seed)
    for step in range(1, 401):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
        if step in (200, 400):
            env.query(8)
    return env.ratings


def two_raters() -> SeveralRaters:
    return SeveralRaters(
        [
            SyntheticRater(3, answers="mixed", name="anna", seed=1),
            SyntheticRater(3, regrade=False, mistake_rate=0.5, name="bob", seed=2),
        ],
        overlap=2,
    )


def test_a_saved_run_can_be_rated_again_by_its_file(tmp_path: Path) -> None:
    first = run(two_raters())
    first.save(tmp_path / "ratings.npz")
    again = run(ReplayRater.from_file(tmp_path / "ratings.npz"))
    for name in ("ratings", "scores", "comparisons"):
        assert set(getattr(again, name)) == set(getattr(first, name)) != set()


@pytest.mark.filterwarnings("ignore:round")
def test_other_steps_under_a_recorded_id_have_no_record(tmp_path: Path) -> None:
    first = run(two_raters())
    first.save(tmp_path / "ratings.npz")
    rater = ReplayRater.from_file(tmp_path / "ratings.npz", unrecorded="wait")
    other = run(rater, seed=1)
    asked = rater.state_dict()["waiting"]
    assert {row.segment_id for row in first.ratings} & set(asked)  # the same ids, other steps
    assert len(other) == 0
    assert rater.pending == len(asked) == 16


def rated(**options: Any) -> RatingDataset:
    """Return a dataset with one rating."""
    segment = make_segment("a")
    ratings = RatingDataset(segment.obs.shape[1], segment.actions.shape[1], **options)
    ratings.add([segment])
    ratings.update([Rating("a", 1, "anna")])
    return ratings


def test_what_people_judged_by_is_replayed_with_their_answers(tmp_path: Path) -> None:
    ratings = rated(num_classes=3, criterion="Does it run?")
    ratings.save(tmp_path / "r.npz")
    assert ReplayRater.from_file(tmp_path / "r.npz").criterion == "Does it run?"
    (tmp_path / "r.csv").write_text("segment_id,rating\na,1\n")
    assert ReplayRater.from_file(tmp_path / "r.csv", 3).criterion is None
    by_people = ReplayRater.from_file(tmp_path / "r.csv", 3, criterion="Is it safe?")
    assert by_people.criterion == "Is it safe?"


def test_rows_of_a_table_or_of_json(tmp_path: Path) -> None:
    csv, jsonl = tmp_path / "ratings.csv", tmp_path / "ratings.jsonl"
    csv.write_text(
        "segment_id,rating,score,rater,revision\na,2,,anna,\nb,-1,,bob,1\nc,,0.25,,\n",
        encoding="utf-8-sig",
    )
    rows = [
        {"segment_id": "a", "rating": 2, "rater": "anna"},
        {"segment_id": "b", "rating": -1, "rater": "bob", "revision": 1},
        {"segment_id": "c", "score": 0.25},
        {"better_id": "a", "worse_id": "b", "rater": "anna"},
    ]
    jsonl.write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    expected = [Rating("a", 2, "anna"), Rating("b", -1, "bob", 1), Score("c", 0.25, "recorded")]
    segments = [make_segment(name) for name in "abc"]
    assert give(ReplayRater.from_file(csv, 3), *segments) == expected
    given = give(ReplayRater.from_file(jsonl, 3), *segments)
    assert sorted(given, key=repr) == sorted([*expected, Comparison("a", "b", "anna")], key=repr)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("r.csv", "segment_id,rating\na,good\n", "`rating` must be a whole number, got 'good'"),
        ("r.csv", "segment_id,rating\na,1\nb,3\n", "line 3: `rating` must be 0 to 2 or SKIPPED"),
        ("r.csv", "id,rating\na,1\n", "`path` must have the columns segment_id and rating"),
        ("r.csv", "segment_id,rating\na,\n", "line 2: .* must hold the one answer, got nothing"),
        (
            "r.csv",
            "segment_id,rating\n",
            "must hold at least one answer that stands, got .* no row",
        ),
        ("r.csv", "", "`path` must hold at least one answer that stands, got .* with no row"),
        (
            "r.jsonl",
            '{"segment_id": "a", "rating": 1.5}',
            "`rating` must be a whole number, got 1.5",
        ),
        ("r.jsonl", '{"segment_id": "a", "score": 2}', r"`score` must be a number in \[0, 1\]"),
        ("r.jsonl", '{"better_id": "a", "worse_id": null}', "`worse_id` must be there"),
        ("r.jsonl", "[1, 2]", "it is no row of names and values"),
        ("r.jsonl", '\n{"a"', r"line 2: it must be an object of JSON, got '\{\"a\"'"),
        (
            "r.txt",
            "a",
            r"`path` must end in \.csv, \.tsv, \.jsonl, \.parquet or \.npz, got .*r.txt",
        ),
        ("r.npz", "a", "`path` must be a dataset written by RatingDataset.save"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(
    tmp_path: Path, name: str, text: str, error: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=error):
        ReplayRater.from_file(tmp_path / name, None if name == "r.npz" else 3)


def test_the_number_of_classes_is_known_and_the_same(tmp_path: Path) -> None:
    rated(num_classes=4).save(tmp_path / "r.npz")
    assert ReplayRater.from_file(tmp_path / "r.npz").num_classes == 4
    with pytest.raises(ValueError, match="`num_classes` must be that of the file, 4, got 3"):
        ReplayRater.from_file(tmp_path / "r.npz", 3)
    (tmp_path / "r.csv").write_text("segment_id,rating\na,1\n")
    with pytest.raises(ValueError, match="`num_classes` must be given for rows of ratings, got No"):
        ReplayRater.from_file(tmp_path / "r.csv")
    with pytest.raises(FileNotFoundError, match=r"`path` must be a file with answers, got .*none"):
        ReplayRater.from_file(tmp_path / "none.csv", 3)
    with pytest.raises(ValueError, match="`unrecorded` must be one of skip, wait, got 'raise'"):
        ReplayRater([], 3, unrecorded="raise")  # type: ignore[arg-type]


def test_rows_of_two_runs_are_not_replayed_as_one(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("segment_id,rating,run_id\na,1,r1\nb,1,r2\n")
    with pytest.raises(ValueError, match="line 3: `run_id` must be that of the others, 'r1'"):
        ReplayRater.from_file(tmp_path / "r.csv", 3)


def test_a_dataset_without_an_answer_is_refused_as_an_empty_table_is(tmp_path: Path) -> None:
    RatingDataset(2, 1, 3).save(tmp_path / "r.npz")
    with pytest.raises(ValueError, match="`path` must hold at least one answer that stands"):
        ReplayRater.from_file(tmp_path / "r.npz")


@pytest.mark.parametrize("unrecorded", ["skip", "wait"])
def test_a_restored_one_goes_on_as_the_first(unrecorded: Any) -> None:
    records = [Rating("a", 2, "anna"), Comparison("a", "b", "anna"), Score("b", 1.0, "anna")]
    rater = ReplayRater(records, 3, unrecorded=unrecorded)
    again = ReplayRater(records, 3, unrecorded=unrecorded)
    rater.submit([make_segment("a"), make_segment("x")])
    again.load_state_dict(rater.state_dict())
    for one in (rater, again):
        one.submit([make_segment("b"), make_segment("y")])
    assert again.pending == rater.pending
    assert again.collect() == rater.collect() != []


def test_its_json_form_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("segment_id,rating\na,1\n")
    description = {"type": "gym_rated:ReplayRater.from_file", "num_classes": 3}
    rater = resolve_rater(description | {"path": str(tmp_path / "r.csv")})
    assert give(rater, make_segment("a")) == [Rating("a", 1, "recorded")]
    assert load_attribute("gym_rated:ReplayRater") is ReplayRater
