"""Rating by mouse and by key, undo, and hasty fingers."""

import time

import pytest
from playwright.sync_api import expect
from reel import CLASSES, RUN

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser


def log_of(db, run_id: str = RUN.id):
    with Store(db) as store:
        return store.events(run_id)


def test_each_class_key_rates_its_class_and_the_next_key_does_nothing(db, rated):
    _, ann = rated(6)
    for k in range(len(CLASSES)):
        ann.press(str(k + 1))
    ann.wait_for_clip()
    before = ann.query
    ann.page.keyboard.press("5")
    ann.page.keyboard.press("0")
    ann.press("s")
    ann.wait_until_sent()
    assert [(e.kind, e.rating) for e in log_of(db)] == [
        *(("rate", k) for k in range(4)),
        ("skip", -1),
    ]
    assert ann.query != before


def test_keys_pause_restart_step_and_change_speed(rated):
    _, ann = rated(1)
    ann.wait_for_clip()
    ann.page.keyboard.press("Space")
    assert ann.video("paused")
    ann.page.keyboard.press(".")
    ann.wait_until(lambda: not ann.video("seeking"), "the frame is there")
    first = ann.video("currentTime")
    ann.page.keyboard.press(".")
    ann.wait_until(lambda: not ann.video("seeking"), "the next frame is there")
    assert ann.video("currentTime") - first == pytest.approx(1 / 30, abs=0.002)
    ann.page.keyboard.press("]")
    assert ann.video("playbackRate") == 2
    ann.page.keyboard.press("[")
    ann.page.keyboard.press("[")
    assert ann.video("playbackRate") == pytest.approx(2 / 3)
    ann.page.keyboard.press("r")
    assert not ann.video("paused")
    ann.page.keyboard.press("?")
    expect(ann.see("help")).to_be_visible()
    ann.page.keyboard.press("1")  # not while reading the help
    ann.page.keyboard.press("?")
    expect(ann.see("help")).to_be_hidden()
    assert ann.see("history").locator("li").count() == 0


def test_keys_with_ctrl_or_in_a_field_or_held_down_are_no_answers(db, rated):
    _, ann = rated(4)
    ann.wait_for_clip()
    for key in ("Control+2", "Alt+2", "Meta+2", "Control+u"):
        ann.page.keyboard.press(key)
    ann.page.evaluate("() => document.body.append(document.createElement('input'))")
    ann.page.locator("body > input").press("2")
    ann.page.evaluate("() => document.querySelector('body > input').remove()")
    assert log_of(db) == []
    ann.page.keyboard.down("3")
    for _ in range(20):  # what a held key sends
        ann.page.keyboard.down("3")
        ann.page.wait_for_timeout(20)
    ann.page.keyboard.up("3")
    ann.wait_until_sent()
    assert [e.rating for e in log_of(db)] == [2]


def test_a_clip_must_have_been_seen_before_it_can_be_rated(db, rated):
    _, ann = rated(2, "--min-view-s", 0.9)
    expect(ann.see("clip")).to_have_attribute("data-state", "shown")
    ann.page.keyboard.press("1")
    ann.press("2")
    ann.wait_until_sent()
    (event,) = log_of(db)
    assert event.rating == 1
    assert event.shown_ms >= 900


def test_answers_can_be_taken_back_one_after_the_other(db, rated):
    _, ann = rated(5)
    first = [ann.press(key) for key in ("1", "2", "3")]
    back = []
    for key in ("u", "Backspace", "u"):
        ann.page.keyboard.press(key)
        back.append(ann.wait_for_clip())
    assert back == first[::-1]
    again = [ann.press("4"), ann.press("4"), ann.press("4")]
    ann.wait_until_sent()
    assert again == first
    kinds = [(e.kind, e.rating, e.current) for e in log_of(db)]
    assert kinds == [
        *(("rate", k, False) for k in range(3)),
        *[("undo", -1, False)] * 3,
        *[("rate", 3, True)] * 3,
    ]


def test_a_trainer_that_has_an_answer_already_hears_of_its_correction(db, rated):
    _, ann = rated(2)
    ann.click(0)
    ann.wait_until_sent()
    with Store(db) as store:
        (old,), cursor = store.answers_since(RUN.id, None)
        ann.page.keyboard.press("u")
        ann.press("4")
        ann.wait_until_sent()
        new, cursor = store.answers_since(RUN.id, cursor)
        assert [(a.segment_id, a.rating, a.revision) for a in (old, *new)] == [
            ("swing-0", 0, 0),
            ("swing-0", -1, 1),
            ("swing-0", 3, 2),
        ]
        ann.see("history-0").click()  # the same through the small picture
        ann.wait_for_clip()
        expect(ann.see("rate-3")).to_have_attribute("aria-pressed", "true")
        ann.see("rate-1").click()
        ann.wait_until_sent()
        (last,), _ = store.answers_since(RUN.id, cursor)
        assert (last.segment_id, last.rating, last.revision) == ("swing-0", 1, 3)


def test_five_clicks_at_once_on_a_slow_network_are_one_rating(db, rated):
    _, ann = rated(3)

    def slowly(route):
        time.sleep(0.4)
        route.continue_()

    ann.wait_for_clip()
    ann.page.route("**/api/events", slowly)
    script = """() => {
      const button = document.querySelector("[data-testid=rate-1]");
      for (let k = 0; k < 5; k++) button.click();
    }"""
    ann.page.evaluate(script)
    ann.wait_until_sent()
    assert [(e.segment_id, e.rating) for e in log_of(db)] == [("swing-0", 1)]


def test_an_answer_that_is_sent_twice_is_written_once(db, rated):
    _, ann = rated(2)
    with ann.page.expect_request("**/api/events") as sent:
        ann.click(2)
    ann.wait_until_sent()
    script = """async (body) => {
      const answer = await fetch("/api/events", { method: "POST", body,
        headers: { "content-type": "application/json" } });
      return [answer.status, (await answer.json()).repeated];
    }"""
    assert ann.page.evaluate(script, sent.value.post_data) == [200, True]
    assert len(log_of(db)) == 1
