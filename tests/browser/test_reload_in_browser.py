"""Reloads, tabs, two raters, and the network away: no clip is lost, none is asked about twice."""

import random
import time
from collections import Counter
from dataclasses import replace

import pytest
from playwright.sync_api import Error, expect
from reel import RUN, fill
from visitors import PATIENCE_S

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
FETCHED = (
    "() => performance.getEntriesByType('resource').filter((e) => e.name.includes('/clip/')).length"
)


def log_of(db):
    with Store(db) as store:
        return store.events(RUN.id)


def test_a_reload_and_the_way_back_show_the_same_clip(rated):
    _, ann = rated(5)
    asked = ann.wait_for_clip()
    ann.page.reload()
    assert ann.wait_for_clip() == asked
    ann.page.goto("about:blank")
    ann.page.go_back()
    assert ann.wait_for_clip() == asked


def test_no_clip_is_lost_to_twenty_reloads(db, rated):
    _, ann = rated(6)
    rng = random.Random(5)
    ann.foreseen.append("ERR_ABORTED|Failed to fetch|aborted")  # requests that a reload cut off
    for _ in range(20):
        ann.page.wait_for_timeout(rng.randrange(120))
        if rng.random() < 0.3 and ann.state == "shown":
            ann.page.keyboard.press("2")
        ann.page.reload(wait_until=rng.choice(["domcontentloaded", "load"]))
    while len({e.segment_id for e in log_of(db)}) < 6 or ann.state == "shown":
        ann.press("1")
        ann.wait_until(lambda: ann.state == "waiting" or armed(ann), "there is a clip, or none")
    ann.wait_until_sent()
    with Store(db) as store:
        assert store.progress(RUN.id).unanswered == 0
        assert Counter(e.segment_id for e in store.events(RUN.id)) == dict.fromkeys(
            [f"swing-{k}" for k in range(6)], 1
        )


def armed(visitor) -> bool:
    return visitor.see("clip").get_attribute("data-armed") == "true"


def test_a_second_tab_has_the_same_clip_and_its_answer_is_a_correction(db, rated):
    _, ann = rated(4)
    first = ann.page
    asked = ann.wait_for_clip()
    ann.page = second = ann.open_tab()
    assert ann.click(1) == asked
    ann.wait_until_sent()
    ann.page = first
    first.bring_to_front()
    assert ann.click(3) == asked
    ann.wait_until_sent()
    with Store(db) as store:
        rows = store.events(RUN.id)
        assert [(e.segment_id, e.rating, e.current) for e in rows] == [
            ("swing-0", 1, False),
            ("swing-0", 3, True),
        ]
        assert store.progress(RUN.id).class_counts == (0, 0, 0, 1)
    second.close()


def test_ratings_given_offline_are_kept_through_a_reload_and_sent_in_order(db, rated):
    _, ann = rated(9)
    ann.foreseen += ["ERR_INTERNET_DISCONNECTED"]
    ann.wait_for_clip()
    sent = []
    for round_, reloads in enumerate((False, True)):
        ann.wait_until(lambda: ann.page.evaluate(FETCHED) >= 3, "three clips are in the browser")
        ann.context.set_offline(True)
        sent += [ann.press("3"), ann.press("1"), ann.press("4")]
        expect(ann.see("banner")).to_have_text("Offline: 3 ratings kept in this browser")
        assert len(log_of(db)) == 3 * round_
        if reloads:
            with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
                ann.page.reload()
        ann.context.set_offline(False)
        if reloads:
            ann.page.goto(ann.link)
        expect(ann.see("banner")).to_be_hidden()
        ann.wait_until_sent()
        ann.wait_for_clip()
    with Store(db) as store:
        assert [e.rating for e in store.events(RUN.id)] == [2, 0, 3, 2, 0, 3]
        rated_queries = [row.query_id for row in store.history("ann", RUN.id)]
    assert rated_queries == sent[::-1]


def test_answers_are_sent_in_order_though_the_clock_is_set_back(db, rated):
    _, ann = rated(3)
    ann.foreseen += ["ERR_FAILED"]
    ann.context.route("**/api/events", lambda route: route.abort())
    ann.press("3")
    ann.context.add_init_script("const now = Date.now; Date.now = () => now() - 3_600_000;")
    ann.page.reload()
    ann.press("1")
    ann.press("4")
    ann.context.unroute("**/api/events")
    ann.wait_until_sent()
    rows = log_of(db)
    assert [e.rating for e in rows] == [2, 0, 3]
    assert all(0 <= e.shown_ms < 3_600_000 for e in rows)


def test_a_late_answer_to_a_clip_that_another_rated_meanwhile_is_said_to_be_lost(
    db, material, serve, visit, tmp_path
):
    fill(db, material, 1)
    names = tmp_path / "raters"
    names.write_text("ann\nbob\n")
    server = serve("--raters", names, "--min-view-s", 0)
    ann = visit(server.links["ann"])
    ann.foreseen += ["ERR_INTERNET_DISCONNECTED", "status of 409"]
    ann.wait_for_clip()
    ann.context.set_offline(True)
    ann.press("1")
    end_leases(db, "ann", 1)  # as 90 s would
    bob = visit(server.links["bob"])
    bob.press("4")
    bob.wait_until_sent()
    ann.context.set_offline(False)
    expect(ann.see("note")).to_contain_text("another rater has taken this clip meanwhile")
    ann.wait_until_sent()
    assert [(e.rater, e.rating) for e in log_of(db)] == [("bob", 3)]


@pytest.mark.parametrize("overlap", [1, 2])
def test_two_raters_at_random_speed_share_the_clips(db, material, serve, visit, tmp_path, overlap):
    number = 60 if overlap == 1 else 20
    fill(db, material, number, replace(RUN, overlap=overlap))
    names = tmp_path / "raters"
    names.write_text("ann\nbob\n")
    server = serve("--raters", names, "--min-view-s", 0)
    raters = {name: visit(server.links[name]) for name in ("ann", "bob")}
    rng = random.Random(1)
    for visitor in raters.values():
        visitor.page.evaluate(AUTOMATON, [rng.randrange(5, 60), "2"])
    with Store(db) as store:
        raters["ann"].wait_until(
            lambda: store.progress(RUN.id).queries_open == 0, "all is rated", 6 * PATIENCE_S
        )
        votes = Counter(e.segment_id for e in store.events(RUN.id))
        assert set(votes.values()) == {overlap}
        assert len(votes) == number
        pairs = [(e.segment_id, e.rater) for e in store.events(RUN.id)]
    assert len(set(pairs)) == len(pairs)
    assert len({rater for _, rater in pairs}) == 2
    for visitor in raters.values():
        expect(visitor.see("clip")).to_have_attribute("data-state", "waiting")


AUTOMATON = """([pause, key]) => {
  const press = () => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  setInterval(press, pause);
}"""


def test_the_clips_of_a_rater_who_left_go_to_the_other(db, material, serve, visit, tmp_path):
    fill(db, material, 5)
    names = tmp_path / "raters"
    names.write_text("ann\nbob\n")
    server = serve("--raters", names, "--min-view-s", 0)
    ann = visit(server.links["ann"])
    ann.click(0)
    ann.wait_until_sent()
    ann.wait_until(lambda: leased(db, "ann") == 3, "ann holds one clip and the two after it")
    ann.page.close()
    # 90 s may pass while a slow machine shows a page; a lease that ends much later is none
    end_leases(db, "ann", time.time() + 140)
    bob = visit(server.links["bob"])
    bob.click(1)
    bob.wait_until_sent()
    expect(bob.see("clip")).to_have_attribute("data-state", "waiting")
    with Store(db) as store:
        assert store.progress(RUN.id).queries_open == 3
    end_leases(db, "ann", 1)  # as 90 s would
    for _ in range(3):
        bob.click(1)
    bob.wait_until_sent()
    with Store(db) as store:
        assert store.progress(RUN.id).queries_open == 0
        assert Counter(e.rater for e in store.events(RUN.id)) == {"ann": 1, "bob": 4}


def leased(db, rater: str) -> int:
    asked = "SELECT count(*) FROM lease WHERE rater = ? AND expires_at > unixepoch()"
    return query(db, asked, rater)[0][0]


def end_leases(db, rater: str, at: float) -> None:
    """Let the leases that a rater has end at another time; those of answered clips have ended."""
    query(db, "UPDATE lease SET expires_at = ? WHERE rater = ? AND expires_at > 0", at, rater)


def query(db, statement: str, *values):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(db, timeout=10)) as connection, connection:
        return connection.execute(statement, values).fetchall()
