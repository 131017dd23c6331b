"""Flags and comments: by key and by button, kept like ratings, and never in the way of rating."""

import pytest
from playwright.sync_api import expect
from reel import RUN

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser


def remarks(db) -> list[tuple]:
    with Store(db) as store:
        return [(row.query_id, row.flagged, row.comment) for row in store.remarks(RUN.id)]


def ratings(db) -> list[tuple]:
    with Store(db) as store:
        return [(event.kind, event.rating) for event in store.events(RUN.id)]


def test_a_clip_is_flagged_by_key_and_button_and_still_rated(db, rated):
    _, ann = rated(3)
    query = ann.wait_for_clip()
    ann.page.keyboard.press("f")
    expect(ann.see("flag")).to_have_attribute("aria-pressed", "true")
    expect(ann.see("announce")).to_have_text("Flagged.")
    ann.wait_until_sent()
    assert remarks(db) == [(query, True, "")]
    assert ann.query == query  # a flag is no answer
    ann.see("flag").click()
    expect(ann.see("flag")).to_have_attribute("aria-pressed", "false")
    ann.see("flag").click()
    ann.click(2)
    expect(ann.see("flag")).to_have_attribute("aria-pressed", "false")  # of the next clip
    ann.wait_until_sent()
    assert (remarks(db), ratings(db)) == ([(query, True, "")], [("rate", 2)])
    expect(ann.see("history-0")).to_have_accessible_name("1 back: swings up, flagged. Change it")


def test_what_is_typed_in_a_comment_is_no_key(db, rated):
    _, ann = rated(3)
    query = ann.wait_for_clip()
    ann.page.keyboard.press("c")
    line = ann.see("comment-line")
    expect(line).to_be_focused()
    ann.page.keyboard.type("1 is it 2? <b>us</b> f [r] ,.")
    assert ann.see("history").locator("li").count() == 0
    ann.page.keyboard.press("Enter")
    expect(ann.see("comment-box")).to_be_hidden()
    said = "1 is it 2? <b>us</b> f [r] ,."
    expect(ann.see("comment")).to_have_accessible_name(f"Comment: {said}. Change it")
    ann.wait_until_sent()
    assert (remarks(db), ratings(db)) == ([(query, False, said)], [])
    ann.press("2")  # keys rate again at once
    ann.wait_until_sent()
    assert ratings(db) == [("rate", 1)]


def test_a_comment_can_be_left_changed_and_taken_away(db, rated):
    _, ann = rated(3)
    query = ann.wait_for_clip()
    ann.see("comment").press("Enter")
    ann.page.keyboard.type("black")
    ann.page.keyboard.press("Escape")
    expect(ann.see("comment-box")).to_be_hidden()
    expect(ann.see("comment")).to_be_focused()
    assert (ann.outbox(), remarks(db)) == ([], [])
    for typed in ("black", "x" * 400, "   "):
        ann.page.keyboard.press("c")
        ann.see("comment-line").fill("")
        ann.page.keyboard.insert_text(typed)
        ann.see("save-comment").click()
        ann.wait_until_sent()
        assert remarks(db) == [(query, False, typed[:300].strip())]


def test_keys_do_nothing_while_a_comment_is_written(db, rated):
    _, ann = rated(2)
    ann.wait_for_clip()
    ann.page.keyboard.press("c")
    ann.page.keyboard.press("Tab")
    expect(ann.see("leave-comment")).to_be_focused()
    for key in ("1", "s", "f", "?", "u"):
        ann.page.keyboard.press(key)
    expect(ann.see("comment-box")).to_be_visible()
    expect(ann.see("help")).to_be_hidden()
    ann.page.keyboard.press("Enter")  # on the button: leave
    expect(ann.see("comment-box")).to_be_hidden()
    assert (remarks(db), ratings(db)) == ([], [])


def test_a_remark_is_there_after_a_reload_in_another_tab_and_after_an_undo(db, rated):
    _, ann = rated(3)
    query = ann.wait_for_clip()
    ann.page.keyboard.press("f")
    ann.page.keyboard.press("c")
    ann.page.keyboard.type("black")
    ann.page.keyboard.press("Enter")
    ann.wait_until_sent()
    ann.page.reload()
    assert ann.wait_for_clip() == query
    expect(ann.see("flag")).to_have_attribute("aria-pressed", "true")
    other = ann.open_tab()
    expect(other.get_by_test_id("flag")).to_have_attribute("aria-pressed", "true")
    other.keyboard.press("f")
    expect(ann.see("flag")).to_have_attribute("aria-pressed", "false")
    ann.press("1")
    ann.page.keyboard.press("u")
    assert ann.wait_for_clip() == query
    expect(ann.see("comment")).to_have_accessible_name("Comment: black. Change it")
    ann.wait_until_sent()
    assert remarks(db) == [(query, False, "black")]


def test_remarks_are_kept_while_the_server_is_gone(db, rated):
    server, ann = rated(3)
    ann.foreseen.append("Failed to load resource|ERR_CONNECTION_REFUSED")
    query = ann.wait_for_clip()
    server.kill()
    ann.page.keyboard.press("f")
    ann.page.keyboard.press("c")
    ann.page.keyboard.type("black")
    ann.page.keyboard.press("Enter")
    ann.page.keyboard.press("3")
    expect(ann.see("banner")).to_contain_text("kept in this browser")
    server.start()
    ann.wait_until_sent()
    assert (remarks(db), ratings(db)) == ([(query, True, "black")], [("rate", 2)])


def test_a_key_right_behind_a_comment_rates(db, rated):
    _, ann = rated(3)
    query = ann.press("c")
    ann.page.keyboard.type("black")
    ann.page.evaluate(  # in one go: nothing is drawn in between
        """() => {
            document.querySelector("#comment-box form").requestSubmit();
            const key = { key: "3", code: "Digit3", bubbles: true, cancelable: true };
            document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
        }"""
    )
    ann.wait_until_sent()
    assert (remarks(db), ratings(db)) == ([(query, False, "black")], [("rate", 2)])


def test_the_panel_lists_what_was_said_and_opens_what_was_rated(db, rated):
    _, ann = rated(4)
    query = ann.wait_for_clip()
    ann.page.keyboard.press("f")
    ann.page.keyboard.press("c")
    ann.page.keyboard.type("<img src=x onerror=alert(1)>")
    ann.page.keyboard.press("Enter")
    ann.press("1")
    ann.wait_until_sent()
    ann.see("panel").locator("summary").click()
    expect(ann.see("said")).to_have_text("Flagged: <img src=x onerror=alert(1)>")
    ann.see("said-0").click()
    assert ann.wait_for_clip() == query
    expect(ann.see("flag")).to_have_attribute("aria-pressed", "true")
    ann.page.keyboard.press("f")
    ann.wait_until_sent()
    assert remarks(db)[0][1:] == (False, "<img src=x onerror=alert(1)>")
