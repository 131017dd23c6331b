"""Every state of the page, wide and narrow, light and dark: what axe finds in it, and that it fits.

GYM_RATED_STATES=FOLDER keeps a picture of each state.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from reel import RUN
from visitors import Visitor

from gym_rated.agreeing import Agreeing
from gym_rated.human.store import Store

pytestmark = pytest.mark.browser

TEXTS = (
    "It turns over, or goes round and round.",
    "It hangs, and moves a little at most.",
    "It gets above the middle, and comes down again before the clip is over.",
    "It stays up to the end of the clip.",
)
PLAN = {"num_ratings": 6, "query_steps": [100, 900], "total_steps": 5000, "segment_length": 30}
GUIDED = replace(RUN, config=PLAN | {"class_texts": TEXTS})
SCREENS = {"wide": (1440, 900), "narrow": (390, 844)}
SETTLED = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
  .map((one) => one.finished))"""


def walk(ann: Visitor, db: Path) -> Iterator[str]:
    """Bring the page into one state after the other; yields the name of each."""
    expect(ann.see("guidelines")).to_be_visible()
    ann.wait_for_clip()
    yield "first visit"
    ann.see("close-guidelines").click()
    yield "clip"
    ann.click(1)
    ann.click(3)
    ann.wait_for_clip()
    ann.page.keyboard.press("f")
    ann.page.keyboard.press("c")
    ann.page.keyboard.type("black at first")
    yield "comment"
    ann.page.keyboard.press("Enter")
    yield "flagged"
    ann.click(0)
    ann.see("history-0").click()
    ann.wait_for_clip()
    yield "correction"
    ann.page.keyboard.press("Escape")
    yield from panels(ann, db)
    ann.click(2)
    ann.click(2)
    ann.wait_until_sent()
    with Store(db) as store:
        store.seen_trainer(RUN.id, 650, None, "training", 10.0)
        expect(ann.see("left")).to_contain_text("left")
        yield "waiting"
        store.end_run(RUN.id)
    expect(ann.see("clip")).to_have_attribute("data-state", "ended")
    yield "end"


def panels(ann: Visitor, db: Path) -> Iterator[str]:
    """Bring the panel up, full of what it can say, the guidelines with examples, and the keys."""
    ann.wait_until_sent()
    with Store(db) as store:
        names = [name for name, _ in store.blobs(RUN.id)]
        store.set_learned(RUN.id, {name: float(k) for k, name in enumerate(names)})
        store.set_agreeing(RUN.id, {"ann": Agreeing(30, 61, 0.874)})
        store.set_contradicting(RUN.id, {"ann": 0.17})
        store.set_doubtful(RUN.id, {"ann": names[:3]})
    expect(ann.see("doubts")).to_have_text("3 to look at again")
    ann.see("panel").locator("summary").click()
    expect(ann.see("said")).to_be_visible()
    yield "panel"
    ann.see("panel").locator("summary").click()
    ann.page.keyboard.press("g")
    yield "guidelines"
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.press("?")
    yield "keys"
    ann.page.keyboard.press("Escape")


def findings(axe, page: Page) -> list[str]:
    violations = axe.run(page).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in violations for node in one["nodes"]]


def keep_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("GYM_RATED_STATES"):
        page.screenshot(path=Path(folder) / f"{name.replace(' ', '-')}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", list(SCREENS))
def test_axe_finds_nothing_and_everything_fits_in_any_state(axe, db, rated, screen, scheme):
    width, height = SCREENS[screen]
    size = {"width": width, "height": height}
    options = {"viewport": size, "color_scheme": scheme, "has_touch": screen == "narrow"}
    _, ann = rated(5, run=GUIDED, bypass_csp=True, **options)
    found, seen, wide = {}, [], []
    for state in walk(ann, db):
        ann.page.evaluate(SETTLED)
        found[state] = findings(axe, ann.page)
        keep_picture(ann.page, f"{state}-{screen}-{scheme}")
        seen.append(state)
        if ann.page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(state)
        if state != "panel":  # which lies below
            assert ann.page.evaluate("document.documentElement.scrollHeight") <= height, state
    assert {state: lines for state, lines in found.items() if lines} == {}
    assert wide == []
    assert len(seen) == 10


def test_axe_finds_what_is_wrong(axe, rated):
    """A check that finds nothing in any case would pass above, too."""
    _, ann = rated(1, bypass_csp=True)
    ann.wait_for_clip()
    ann.page.evaluate("document.getElementById('flag').removeAttribute('aria-label')")
    ann.page.evaluate("document.querySelector('#flag kbd').remove()")
    ann.page.evaluate("document.getElementById('flag').removeAttribute('title')")
    assert [line.split(":")[0] for line in findings(axe, ann.page)] == ["button-name"]
