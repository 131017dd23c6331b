"""What a page says while a rater waits, and at the end."""

import dataclasses

import pytest
from stores import RUN, deed, fill, make_clip, make_job

from gym_rated.human.app.state import Board
from gym_rated.human.app.story import curve, story
from gym_rated.human.store import AgreementRow, Store

PLANNED = {"num_ratings": 10, "query_steps": [100, 200, 300], "total_steps": 500}
PLAN = dataclasses.replace(RUN, config=PLANNED)


@pytest.fixture
def store(sqlite_url, clock):
    with Store(sqlite_url, clock=clock) as store:
        yield store


def outlook(store):
    return Board(store).show("ann")["outlook"]


def rate_all(store, rater="ann"):
    while (query := store.next_query(rater)) is not None:
        store.record(deed(query, rater, "rate", 2))


@pytest.fixture(autouse=True)
def on_time(monkeypatch, clock):
    monkeypatch.setattr("time.time", clock)


def test_clips_that_are_drawn_take_as_long_as_the_newest_did(store, clock):
    store.open_run(PLAN)
    store.add_jobs("r1", [make_job(i) for i in range(5)])
    assert outlook(store) == {"what": "drawing", "left_s": None, "num": 5, "until": None}
    for i in range(3):
        clock.now += 4.0
        store.finish_job(store.take_job("worker"), make_clip(i))
    assert outlook(store) == {"what": "drawing", "left_s": 4.0, "num": 2, "until": None}


def test_clips_that_others_have_are_waited_for(store):
    fill(store, 2, PLAN)
    assert outlook(store)["what"] == "others"
    assert outlook(store)["num"] == 2


def test_training_lasts_until_the_next_question_at_the_speed_it_has(store, clock):
    fill(store, 2, PLAN)
    rate_all(store)
    store.seen_trainer("r1", 150, None, "training", 10.0)
    clock.now += 2.0
    # 50 steps to go, at 10 a second, of which 2 s are over
    found = {"what": "training", "left_s": 3.0, "num": 0, "until": 200}
    assert outlook(store) == found
    store.seen_trainer("r1", 150, None, "training", None)
    assert outlook(store)["left_s"] is None


def test_a_fit_and_a_silent_trainer_are_told_from_training(store, clock):
    fill(store, 1, PLAN)
    rate_all(store)
    assert outlook(store)["what"] == "nothing"
    store.seen_trainer("r1", 150, None, "learning", 10.0)
    assert outlook(store)["what"] == "learning"
    clock.now += 61
    assert outlook(store)["what"] == "silent"


def test_after_the_last_question_training_lasts_until_its_end(store):
    fill(store, 10, PLAN)
    rate_all(store)
    store.seen_trainer("r1", 400, None, "training", 10.0)
    found = Board(store).show("ann")
    assert found["end"] == "answered"
    assert found["outlook"] == {"what": "finishing", "left_s": 10.0, "num": 0, "until": 500}


def test_a_run_of_before_says_neither_when_it_asks_nor_how_fast_it_trains(store):
    fill(store, 1)
    rate_all(store)
    store.seen_trainer("r1", 400)
    assert outlook(store) == {"what": "training", "left_s": None, "num": 0, "until": None}


@pytest.mark.parametrize("text", ["", "reading", "training x", "training nan", "training -3"])
def test_what_a_trainer_never_wrote_is_no_deed_of_its(store, text):
    store.open_run(RUN)
    store.seen_trainer("r1", 1)
    with store._db.write() as connection:
        connection.exec_driver_sql(f"UPDATE heartbeat SET problem = '{text}'")
    seen = store.progress("r1").trainer
    assert seen.doing == ("training" if text.startswith("training") else "")
    assert seen.steps_per_s is None


def test_the_newest_clip_is_that_of_the_latest_segment(store):
    fill(store, 3, PLAN)  # at steps 0, 10 and 20
    assert Board(store).show("ann")["newest"] == {"clip": make_clip(2).sha256, "step": 20}


def row(k, rating=1, **more):
    given = {"segment_id": f"s{k}", "rater": "ann", "rating": rating, "repeat": False}
    return AgreementRow(**given, shown_ms=1, at=k, clip_sha256=f"c{k}", step=k, length=2, **more)


def test_the_end_shows_the_first_clip_beside_the_last_and_what_the_reward_makes_of_all():
    mine = [row(30, 3), row(10, 0), row(20, -1)]
    found = story(mine, {"s10": -4.0, "s30": 6.0, "other": 9.0})
    assert found["first"] == {"clip": "c10", "rating": 0, "step": 10}
    assert found["last"] == {"clip": "c30", "rating": 3, "step": 30}
    assert found["curve"] == [[10, -2.0], [30, 3.0]]  # by step of the segment, 2 in each


def test_one_clip_alone_is_no_story():
    assert story([row(1), row(2, -1)], {}) is None


def test_a_long_curve_is_of_means_of_neighbours():
    rated = [row(k) for k in range(120)]
    points = curve(rated, {f"s{k}": 2.0 * k for k in range(120)})
    assert len(points) == 60
    assert points[1] == [2, 2.5]  # of steps 2 and 3


def test_the_story_is_told_at_the_end_only(store):
    fill(store, 2, dataclasses.replace(PLAN, config={"num_ratings": 2}))
    assert Board(store).show("ann")["story"] is None
    rate_all(store)
    assert Board(store).show("ann")["story"]["last"]["step"] == 10
