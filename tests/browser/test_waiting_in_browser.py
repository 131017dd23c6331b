"""Waiting, and the end: what goes on, for how long, and what the ratings did."""

import os
from dataclasses import replace

import pytest
from playwright.sync_api import expect
from reel import RUN, fill

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("GYM_RATED_PICTURES_OF_WAITING")
PLAN = {"num_ratings": 8, "query_steps": [100, 900, 2000], "total_steps": 5000}
PLANNED = replace(RUN, config=PLAN | {"segment_length": 30})
PLAYS = """() => [...document.querySelectorAll("#meanwhile video")].map((video) =>
  [video.videoWidth > 0, !video.paused || video.ended])"""


def picture(visitor, name: str) -> None:
    if PICTURES:
        visitor.page.wait_for_timeout(600)
        visitor.page.screenshot(path=f"{PICTURES}/{name}.png")


def test_who_waits_sees_what_goes_on_for_how_long_and_the_agent_as_it_is(db, rated):
    _, ann = rated(3, run=PLANNED)
    for rating in (0, 1, 2):
        ann.click(rating)
    ann.wait_until_sent()
    with Store(db) as store:
        store.seen_trainer(RUN.id, 650, None, "training", 10.0)
        message, left = ann.see("message"), ann.see("left")
        expect(message.locator(".headline")).to_have_text("The agent is training")
        expect(message.locator(".detail")).to_contain_text(
            "step 650. It asks you again at step 900"
        )
        ann.wait_until(
            lambda: left.inner_text() in ("About 20 s left", "About 25 s left"),
            "the time that is left",
        )
        now = ann.see("meanwhile")
        expect(now).to_contain_text("The agent now")
        expect(now).to_contain_text("step 200")
        ann.wait_until(lambda: ann.page.evaluate(PLAYS) == [[True, True]], "the newest clip plays")
        picture(ann, "training")
        expect(now.get_by_role("button")).to_have_accessible_name(
            "Pause: the agent now, at step 200"
        )
        now.get_by_role("button").click()
        assert ann.page.evaluate(PLAYS)[0][1] is False
        store.seen_trainer(RUN.id, 650, None, "learning", 10.0)
        expect(message.locator(".headline")).to_have_text("Learning from your ratings")
        expect(left).to_have_text("")
        assert ann.page.evaluate(PLAYS) == [[True, False]]  # it was not begun anew
    expect(ann.see("timebar")).to_be_hidden()


def test_a_clip_that_comes_takes_the_place_of_what_was_shown_meanwhile(db, material, rated):
    _, ann = rated(1, run=PLANNED)
    ann.click(0)
    expect(ann.see("meanwhile")).to_be_visible()
    fill(db, material, 1, PLANNED)
    ann.wait_for_clip()
    expect(ann.see("meanwhile")).to_be_hidden()
    assert ann.page.evaluate(PLAYS) == []


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_the_end_shows_what_the_ratings_did(db, rated, width, height, scheme):
    size = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    _, ann = rated(8, run=PLANNED, **size)
    for k in range(8):
        ann.click(k // 2)
    ann.wait_until_sent()
    with Store(db) as store:
        names = [name for name, _ in store.blobs(RUN.id)]
        store.set_learned(RUN.id, {name: 3.0 * k for k, name in enumerate(names)})
        store.seen_trainer(RUN.id, 4000, 1.0, "training", 100.0)
        expect(ann.see("message").locator(".headline")).to_have_text("All clips are rated")
        expect(ann.see("left")).to_contain_text("About")
        store.end_run(RUN.id)
    expect(ann.see("message").locator(".headline")).to_have_text("The training is finished")
    expect(ann.see("left")).to_have_text("")
    story = ann.see("meanwhile")
    expect(story).to_contain_text("Your first clip")
    expect(story).to_contain_text("step 0: falls")
    expect(story).to_contain_text("step 700: stands")
    expect(story).to_contain_text("late ones are better")
    ann.wait_until(
        lambda: ann.page.evaluate(PLAYS) == [[True, True], [True, True]], "both clips play"
    )
    curve = ann.see("story-curve").bounding_box()
    stage = ann.see("clip").bounding_box()
    assert curve["y"] + curve["height"] < stage["y"] + stage["height"]
    bars = "() => document.scrollingElement.scrollHeight > innerHeight"
    assert ann.page.evaluate(bars) is False
    picture(ann, f"end-{width}")


def test_who_asks_for_less_motion_starts_the_films_themselves(db, rated):
    _, ann = rated(1, run=PLANNED, reduced_motion="reduce")
    ann.click(0)
    button = ann.see("meanwhile").get_by_role("button")
    expect(button).to_have_attribute("data-state", "still")
    assert ann.page.evaluate(PLAYS) == [[True, False]]
    button.focus()
    ann.page.keyboard.press("Space")
    expect(button).to_have_attribute("data-state", "playing")
