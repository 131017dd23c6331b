"""How far it is, the way back by keyboard, and keys that are printed where there are keys."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect
from reel import RUN, fill

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
