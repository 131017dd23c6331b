"""How far it is, the way back by keyboard, and keys that are printed where there are keys."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect
from reel import RUN, Take, fill

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
PLANNED = replace(RUN, config={"num_ratings": 20})


def test_the_bar_counts_all_answers_of_a_whole_that_does_not_move(db, material, rated):
    _, ann = rated(3, run=PLANNED)
    bar = ann.see("bar")
    expect(bar).to_have_attribute("aria-valuemax", "20")
    for k in range(3):
        ann.click(k)
        expect(bar).to_have_attribute("aria-valuenow", str(k + 1))  # at once
    ann.wait_until_sent()
    fill(db, material, 2, PLANNED)  # the next round
    ann.press("s")
    ann.wait_until_sent()
    expect(bar).to_have_attribute("aria-valuenow", "4")
    expect(bar).to_have_attribute("aria-valuemax", "20")
    expect(ann.see("progress")).to_contain_text("4 of 20 clips")
    ann.page.keyboard.press("u")
    expect(bar).to_have_attribute("aria-valuenow", "3")


def test_where_nobody_knows_how_many_are_asked_for_there_is_no_bar(rated):
    _, ann = rated(2)
    ann.click(1)
    expect(ann.see("progress")).to_contain_text("1 this session")
    expect(ann.see("bar")).to_be_hidden()


def test_arrows_go_back_through_the_last_answers_and_on_again(db, rated):
    _, ann = rated(4)
    queries = [ann.press(key) for key in ("1", "2", "3")]
    waiting = ann.wait_for_clip()
    ann.page.keyboard.press("ArrowLeft")
    assert ann.wait_for_clip() == queries[2]
    expect(ann.see("rate-2")).to_have_attribute("aria-pressed", "true")
    ann.page.keyboard.press("ArrowLeft")
    ann.page.keyboard.press("ArrowLeft")
    expect(ann.see("history-2")).to_have_attribute("aria-pressed", "true")
    ann.page.keyboard.press("ArrowLeft")
    expect(ann.see("note")).to_have_text("This is as far back as it goes.")
    assert ann.wait_for_clip() == queries[0]
    ann.page.keyboard.press("ArrowRight")
    expect(ann.see("history-1")).to_have_attribute("aria-pressed", "true")
    ann.press("4")
    assert ann.wait_for_clip() == waiting
    ann.page.keyboard.press("ArrowLeft")
    ann.page.keyboard.press("ArrowRight")
    assert ann.wait_for_clip() == waiting
    ann.wait_until_sent()
    with Store(db) as store:
        standing = {row.query_id: row.rating for row in store.agreement_rows(RUN.id)}
    assert standing == dict(zip(queries, [0, 3, 2], strict=True))


def test_keys_are_printed_where_there_are_keys(browser, rated):
    _, ann = rated(2)
    expect(ann.see("rate-0").locator("kbd")).to_be_visible()
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = browser.new_context(**phone)
    try:
        page = context.new_page()
        page.goto(ann.link)
        badge = page.get_by_test_id("rate-0").locator("kbd")
        expect(badge).to_be_attached()
        expect(badge).to_be_hidden()
        page.keyboard.press("x")  # a keyboard after all
        expect(badge).to_be_visible()
    finally:
        context.close()


def test_the_panel_shows_what_each_class_was_in_the_round_of_the_clip_in_view(db, material, rated):
    def of_round(number: int) -> tuple[Take, ...]:
        jobs = (replace(take.job, recipe=take.job.recipe | {"round": number}) for take in material)
        return tuple(map(Take, jobs, (take.clip for take in material)))

    fill(db, of_round(0), 3, PLANNED)
    fill(db, of_round(1), 2, PLANNED)
    _, ann = rated(0)
    ann.click(0)
    ann.click(3)
    ann.wait_until_sent()
    ann.see("panel").locator("summary").click()
    shown = ann.see("examples").get_by_role("listitem")
    expect(shown).to_have_text(["falls", "none yethangs", "none yetswings up", "stands"])
    best = ann.see("examples").get_by_role("button", name="Play: what you called stands")
    best.click()
    expect(best).to_have_count(0)  # it says "Pause" now, and goes on where the panel is drawn anew
    ann.page.wait_for_timeout(6000)
    playing = ann.see("examples").get_by_role("button", name="Pause: what you called stands")
    expect(playing).to_have_attribute("data-state", "playing")
    ann.click(1)
    ann.wait_until_sent()
    ann.wait_for_clip()
    expect(ann.see("examples")).to_have_count(0)  # another round, in which nothing is rated yet
