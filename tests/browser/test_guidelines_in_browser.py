"""The guidelines: open when a rater comes first, closed from then on, and in nobody's way."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect
from reel import RUN

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser

TEXTS = (
    "It turns over, or goes round and round.",
    "It hangs, and moves a little at most.",
    "It gets <b>above</b> the middle, and comes down again.",
    "It stays up to the end of the clip.",
)
GUIDED = replace(RUN, config={"class_texts": TEXTS, "segment_length": 30})


def test_they_open_on_the_first_visit_only_and_again_where_they_changed(db, rated):
    _, ann = rated(3, run=GUIDED)
    box = ann.see("guidelines")
    expect(box).to_be_visible()
    for text in TEXTS:
        expect(box).to_contain_text(text)
    expect(box).to_contain_text(RUN.instructions)
    expect(ann.see("close-guidelines")).to_be_focused()
    ann.wait_for_clip()
    for key in ("1", "s", "f", "?"):  # not while reading
        ann.page.keyboard.press(key)
    expect(ann.see("help")).to_be_hidden()
    ann.page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    ann.press("2")
    ann.wait_until_sent()
    with Store(db) as store:
        assert [event.rating for event in store.events(RUN.id)] == [1]
        assert store.remarks(RUN.id) == []
    with ann.page.expect_response("**/api/state*"):
        ann.page.reload()
    ann.wait_for_clip()
    expect(box).to_be_hidden()
    ann.page.keyboard.press("g")
    expect(box).to_be_visible()
    assert box.locator(".reel").count() == 1  # what was called so in this round
    ann.see("close-guidelines").click()
    changed = {**GUIDED.config, "class_texts": (*TEXTS[:3], "It stands.")}
    with Store(db) as store:
        store.open_run(replace(GUIDED, config=changed))
    expect(box).to_be_visible()
    expect(box).to_contain_text("It stands.")


def test_reading_is_not_looking_at_the_clip(db, rated):
    _, ann = rated(2, run=GUIDED)
    ann.wait_for_clip()
    ann.page.wait_for_timeout(1500)
    ann.see("close-guidelines").click()
    ann.press("1")
    ann.wait_until_sent()
    with Store(db) as store:
        (event,) = store.events(RUN.id)
    assert event.shown_ms < 1400


def test_without_texts_they_open_when_asked_for(rated):
    _, ann = rated(2)
    ann.wait_for_clip()
    expect(ann.see("guidelines")).to_be_hidden()
    ann.see("open-guidelines").click()
    names = [f"{k + 1}{name}" for k, name in enumerate(RUN.class_names)]
    expect(ann.see("guides").locator("li")).to_have_text(names)
