import dataclasses

import pytest
from pages import open_page
from stores import RUN, deed, fill, make_clip, make_job

from gym_rated.agreeing import Agreeing
from gym_rated.human.app.state import Board, own_agreement
from gym_rated.human.store import AgreementRow, Remark, Store


@pytest.fixture
def store(sqlite_url, clock):
    with Store(sqlite_url, clock=clock) as store:
        yield store


def rate(store, clock, *ratings, rater="ann", every_s=6.0):
    for given in ratings:
        query = store.next_query(rater)
        clock.now += every_s
        kind = "skip" if given is None else "rate"
        store.record(deed(query, rater, kind, given))


def test_an_empty_database_says_so(store):
    state = open_page(store).get("/api/state").json()
    assert (state["run"], state["rater"], state["key_base"]) == (None, "ann", 1)


def test_a_rater_sees_own_numbers_and_the_total(store, clock):
    fill(store, 8)
    rate(store, clock, 3, 3, None, 0)
    rate(store, clock, 2, rater="bob")
    state = Board(store).show("ann")
    assert state["mine"] == {
        "rated": 3,
        "skipped": 1,
        "counts": [1, 0, 0, 2],
        "per_minute": 10.0,  # four answers, 6 s apart: 3 in 18 s
    }
    assert state["total"] == 4
    assert (state["waiting"], state["remaining"]) == (3, 3)
    assert [row["rating"] for row in state["history"]] == [0, -1, 3, 3]


def test_the_history_holds_the_last_ten(store, clock):
    fill(store, 12)
    rate(store, clock, *[0, 1, 2, 3] * 3)
    assert [row["rating"] for row in Board(store).show("ann")["history"]] == [
        3,
        2,
        1,
        0,
        3,
        2,
        1,
        0,
        3,
        2,
    ]


def test_a_plan_says_how_many_remain(store, clock):
    fill(store, 5, dataclasses.replace(RUN, config={"num_ratings": 100}))
    rate(store, clock, 1, None)
    assert Board(store).show("ann")["remaining"] == 98


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (["a", "b", "c", "d"], ("a", "b", "c", "d")),
        (None, ()),
        (["a", "b", "c"], ()),
        (["a", "b", "c", 4], ()),
        ("abcd", ()),
    ],
)
def test_what_tells_the_classes_is_shown_if_it_is_of_each(store, known, told):
    config = {} if known is None else {"class_texts": known}
    fill(store, 1, dataclasses.replace(RUN, config=config))
    assert Board(store).show("ann")["run"]["class_texts"] == told


def test_the_training_is_shown_without_any_true_reward(store):
    fill(store, 1)
    store.seen_trainer("r1", 4096, 1.5)
    text = open_page(store).get("/api/state").text
    assert '"step":4096' in text
    assert '"learned_return":1.5' in text
    assert "true" not in text.replace("true,", "").replace("true}", "")


def test_a_worker_in_trouble_is_named(store):
    fill(store, 1)
    store.seen_worker("w1", "no OpenGL: install libegl1")
    assert Board(store).show("ann")["problem"] == "no OpenGL: install libegl1"


def test_numbers_follow_each_answer_at_once(store):
    fill(store, 2)
    page = open_page(store)
    assert page.get("/api/state").json()["total"] == 0
    query = page.get("/api/next").json()
    page.tell({"client_id": "client-01", "query_id": query["id"], "kind": "rate", "rating": 1})
    assert page.get("/api/state").json()["total"] == 1


def test_second_showings_count_as_any_other(store, clock):
    fill(store, 30, dataclasses.replace(RUN, duplicate_rate=0.9))
    rate(store, clock, *[1] * 25)
    rows = store.agreement_rows("r1")
    state = Board(store).show("ann")
    assert sum(row.repeat for row in rows) > 0
    assert state["total"] == state["mine"]["rated"] == len(rows) == 25
    assert state["agreement"]["exact"] == state["agreement"]["num"] == sum(r.repeat for r in rows)


def test_learned_returns_are_shown_by_class_and_of_rated_clips_only(store, clock):
    fill(store, 4)
    assert Board(store).show("ann")["learned"] is None
    store.set_learned("r1", {"0-0-0": 1.0, "0-0-1": 2.0, "0-0-2": 3.0, "0-0-3": 4.0})
    rate(store, clock, 2, None, 2)
    rate(store, clock, 0, rater="bob")
    # a score of a clip that is still to be rated would be a hint
    assert Board(store).show("ann")["learned"] == [[], [], [1.0, 3.0], []]


def test_a_rater_hears_of_their_own_contradictions_only(store, clock):
    fill(store, 2)
    rate(store, clock, 2, 1)
    assert Board(store).show("ann")["contradicting"] is None
    store.set_contradicting("r1", {"ann": 0.19, "bob": 0.02})
    board = Board(store)
    assert board.show("ann")["contradicting"] == {"num": 1, "among": 5, "fewer": False}
    assert board.show("bob")["contradicting"] == {"num": 1, "among": 20, "fewer": True}
    assert board.show("cleo")["contradicting"] is None


def test_a_rater_sees_their_own_flags_and_comments(store, clock):
    fill(store, 30)
    rate(store, clock, *[1] * 24)
    queries = list(range(1, 25))
    for query in queries:
        store.remark(Remark(f"remark-{query}", query, "ann", True, f"comment {query}"))
    store.remark(Remark("remark-none", 24, "ann", False))
    board = Board(store)
    told = board.show("ann")["remarks"]
    assert [one["query_id"] for one in told] == queries[:-21:-1]  # the newest 20
    assert (told[0]["flagged"], told[0]["comment"]) == (False, "")
    assert told[1] == {
        "query_id": 23,
        "clip": make_clip(22).sha256,
        "rating": 1,
        "flagged": True,
        "comment": "comment 23",
    }
    store.set_doubtful("r1", {"ann": ["0-0-0"]})
    assert [one["query_id"] for one in Board(store).show("ann")["remarks"]][-1] == 1
    assert board.show("bob")["remarks"] == []


def row(segment, rating, repeat):
    return AgreementRow(segment, "ann", rating, repeat, 900, 0.0)


def test_agreement_compares_second_answers_with_first_ones():
    rows = [row("a", 3, False), row("b", 1, False), row("c", 0, False), row("d", -1, False)]
    assert own_agreement(rows, 4) is None
    rows += [row("a", 3, True), row("b", 2, True), row("c", 3, True), row("d", 1, True)]
    assert own_agreement(rows, 4) == {"num": 3, "exact": 1, "within_one": 2}


def test_agreement_of_enough_clips_has_a_coefficient():
    rows = [row(f"{k}", k % 4, repeat) for repeat in (False, True) for k in range(20)]
    found = own_agreement(rows, 4)
    assert found == {"num": 20, "exact": 20, "within_one": 20, "kappa": 1, "low": 1, "high": 1}


def test_an_unknown_run_counts_as_not_named(store):
    fill(store, 1)
    assert Board(store).show("ann", "nothing")["run"]["id"] == "r1"


def planned(store, asked, plan):
    return fill(store, asked, dataclasses.replace(RUN, config={"num_ratings": plan}))


def test_a_run_is_answered_once_all_that_was_planned_is_asked_and_answered(store, clock):
    planned(store, 2, 3)
    rate(store, clock, 1, None)
    assert Board(store).show("ann")["end"] is None  # another one will be asked about
    store.add_jobs("r1", [make_job(2)])
    assert Board(store).show("ann")["end"] is None
    store.drop_job(store.take_job("w"), "it cannot be drawn")
    for rater in ("ann", "bob"):  # who never rated sees the same
        state = Board(store).show(rater)
        assert (state["end"], state["remaining"]) == ("answered", 0)


def test_a_run_without_a_plan_may_always_ask_more(store, clock):
    fill(store, 1)
    rate(store, clock, 1)
    assert Board(store).show("ann")["end"] is None


def test_with_an_overlap_all_is_answered_when_every_seat_is(store, clock):
    config = {"num_ratings": 1}
    fill(store, 1, dataclasses.replace(RUN, config=config, overlap=2))
    rate(store, clock, 1)
    assert Board(store).show("ann")["end"] is None
    rate(store, clock, 1, rater="bob")
    assert Board(store).show("ann")["end"] == "answered"


def test_a_run_is_finished_when_its_trainer_says_so_and_goes_on_when_it_is_seen_again(store):
    planned(store, 1, 3)
    store.seen_trainer("r1", 4096, 1.5)
    store.end_run("r1")
    state = Board(store).show("ann")
    assert (state["end"], state["trainer"]["step"]) == ("finished", 4096)
    assert Board(store).is_finished()
    store.seen_trainer("r1", 5000)
    assert Board(store).show("ann")["end"] is None
    assert not Board(store).is_finished("r1")


def test_a_run_that_was_never_seen_can_be_finished(store):
    planned(store, 0, 0)
    store.end_run("r1")
    assert Board(store).show("ann")["end"] == "finished"


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_how_long_a_trainer_was_not_seen_is_told_by_two_clocks(store, monkeypatch, jump):
    ticks = {"time": 1_000_000.0, "monotonic": 50.0}
    for name in ticks:
        monkeypatch.setattr(f"gym_rated.human.app.state.time.{name}", lambda name=name: ticks[name])
    fill(store, 1)
    store.seen_trainer("r1", 100)
    board = Board(store)

    def seen_s_ago(wall, passed):
        ticks["time"] += wall
        ticks["monotonic"] += passed
        return board.show("ann")["trainer"]["seen_s_ago"]

    assert seen_s_ago(5, 5) == 5
    assert seen_s_ago(jump, 10) == max(5 + jump, 10)
    assert seen_s_ago(90, 90) == max(95 + jump, 100)


def test_the_reward_answers_back_to_each_rater(store, clock):
    fill(store, 3)
    rate(store, clock, 0, None, 3)
    store.set_agreeing("r1", {"ann": Agreeing(30, 60, 0.874)})
    store.set_doubtful("r1", {"ann": ["0-0-2", "0-0-1", "0-0-0", "gone"], "bob": ["0-0-0"]})
    shown = Board(store).show("ann")
    assert shown["agreeing"] == {"num": 30, "percent": 87}
    assert [(one["query_id"], one["rating"]) for one in shown["doubtful"]] == [(3, 3), (1, 0)]
    other = Board(store).show("bob")
    assert (other["agreeing"], other["doubtful"]) == (None, [])  # bob has rated none of these
    store.set_agreeing("r1", {})
    store.set_doubtful("r1", {})
    shown = Board(store).show("ann")
    assert (shown["agreeing"], shown["doubtful"]) == (None, [])
