"""Steady and unsteady raters, formats of clips, damaged clips, counts, and who reaches what."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import expect
from reel import RUN, Take, fill
from visitors import PATIENCE_S

from gym_rated.agreeing import Agreeing
from gym_rated.human.agreement import judge_raters
from gym_rated.human.clips.encode import convert
from gym_rated.human.store import Store

pytestmark = pytest.mark.browser

# Rates what it sees by a rule of the clip's bytes, or by chance, as soon as that is allowed.
AUTOMATON = """(() => {
  const clips = new Map(), plain = window.fetch;
  window.asked = [];
  window.fetch = async (...words) => {
    const answer = await plain(...words);
    if (String(words[0]).startsWith("/api/next") && answer.status === 200) {
      const query = await answer.clone().json();
      window.asked.push(Object.keys(query).sort().join());
      clips.set(String(query.id), query.clip);
    }
    return answer;
  };
  let last = null;
  window.begin = (byRule) => setInterval(() => {
    const stage = document.querySelector("#stage"), id = stage.dataset.query;
    if (stage.dataset.armed !== "true" || id === last) return;
    last = id;
    const byChance = Math.floor(4 * Math.random());
    const rating = byRule ? parseInt(clips.get(id).slice(0, 8), 16) % 4 : byChance;
    document.querySelector(`[data-testid=rate-${rating}]`).click();
  }, 5);
})()"""


def test_a_rule_has_kappa_one_and_chance_about_zero(db, material, serve, visit, tmp_path):
    fill(db, material, 50, replace(RUN, overlap=2, duplicate_rate=0.9))
    names = tmp_path / "raters"
    names.write_text("rule\ndice\n")
    server = serve("--raters", names, "--min-view-s", 0)
    raters = {name: visit("about:blank") for name in ("rule", "dice")}
    for name, visitor in raters.items():
        visitor.context.add_init_script(AUTOMATON)
        visitor.page.goto(server.links[name])
        visitor.wait_for_clip()
        visitor.page.evaluate("(byRule) => window.begin(byRule)", name == "rule")
    with Store(db) as store:
        raters["rule"].wait_until(
            lambda: store.progress(RUN.id).queries_open == 0, "all is rated", 6 * PATIENCE_S
        )
        for visitor in raters.values():
            visitor.wait_until_sent()
        judged = judge_raters(store.agreement_rows(RUN.id), 4, np.random.default_rng(0))
    by_name = {one.rater: one.repeats for one in judged}
    assert by_name["rule"].kappa.estimate == 1
    assert by_name["rule"].num >= 20
    assert abs(by_name["dice"].kappa.estimate) < 0.6
    assert by_name["dice"].kappa.low < 0.4
    asked = raters["rule"].page.evaluate("() => window.asked")
    assert len(set(asked)) == 1  # what the page hears of a second showing is what it hears of any
    assert "repeat" not in asked[0]


@pytest.mark.parametrize("codec", ["h264", "vp9", "webp"])
def test_every_format_plays(db, material, serve, visit, codec):
    clip = material[0].clip if codec == "h264" else convert(material[0].clip, codec)
    fill(db, (Take(material[0].job, clip),), 1)
    ann = visit(serve("--name", "ann").link)
    ann.wait_for_clip()
    if codec == "webp":
        assert ann.page.evaluate(NATURAL) == [clip.width, clip.height]
        first = ann.see("clip").screenshot()
        ann.wait_until(lambda: ann.see("clip").screenshot() != first, "the picture moves")
    else:
        ann.wait_until(lambda: ann.video("currentTime") > 0.2, "the video runs")
        assert ann.video("videoWidth") == clip.width
    ann.click(1)
    ann.wait_until_sent()


NATURAL = """() => {
  const image = document.querySelector(".slot.shown img");
  return [image.naturalWidth, image.naturalHeight];
}"""


def test_a_browser_that_cannot_play_the_video_shows_pictures_that_move(db, rated):
    _, ann = rated(2)

    def spoil(route) -> None:  # what a codec that is missing makes of it
        if "as=webp" in route.request.url:
            route.continue_()
        else:
            route.fulfill(body=b"no video", content_type="video/mp4")

    ann.context.route("**/clip/*", spoil)
    ann.page.reload()
    expect(ann.see("note")).to_contain_text("This browser cannot play this video (H.264)")
    ann.click(2)
    ann.click(1)
    ann.wait_until_sent()
    with Store(db) as store:
        assert [(e.segment_id, e.rating) for e in store.events(RUN.id)] == [
            ("swing-0", 2),
            ("swing-1", 1),
        ]
        assert store.take_job("worker") is None  # the file is as it should be


def test_a_damaged_clip_is_said_to_be_one_and_cannot_be_rated(db, material, serve, visit):
    good = material[0].clip
    damaged = replace(good, data=good.data[:600] + bytes(len(good.data) - 600))
    fill(db, (Take(material[0].job, damaged), material[1]), 2)
    ann = visit(serve("--name", "ann", "--min-view-s", 0).link)
    ann.foreseen.append("410")
    expect(ann.see("message")).to_contain_text("This clip cannot be played")
    ann.page.keyboard.press("2")
    ann.page.keyboard.press("s")
    ann.click(3)
    ann.wait_until_sent()
    with Store(db) as store:
        assert [(e.segment_id, e.kind) for e in store.events(RUN.id)] == [
            ("swing-0", "skip"),
            ("swing-1", "rate"),
        ]
        job = store.take_job("worker")
        assert (job.job.segment_id, job.codec) == ("swing-0", "webp")


def test_a_damaged_clip_can_be_left_while_the_server_is_slow_to_hear_of_it(rated):
    _, ann = rated(2)
    ann.foreseen.append("410")
    first = ann.wait_for_clip()
    ann.page.route("**/clip/*", lambda route: route.fulfill(status=410))
    ann.page.route("**/api/unplayable", lambda route: None)  # no answer comes
    ann.page.reload()
    expect(ann.see("message")).to_contain_text("This clip cannot be played")
    ann.page.wait_for_timeout(600)  # longer than a clip may take before "Loading the clip" is said
    assert ann.state == "unplayable"
    ann.page.keyboard.press("s")
    expect(ann.see("history-0")).to_have_attribute("data-query", str(first))


def test_the_page_counts_as_the_database_does(db, rated):
    _, ann = rated(8)
    for key in ("1", "1", "3", "s", "4"):
        ann.press(key)
    ann.wait_until_sent()
    ann.see("panel").locator("summary").click()
    with closing(sqlite3.connect(db)) as connection:
        asked = "SELECT rating, count(*) FROM current_rating WHERE kind = 'rate' GROUP BY rating"
        counts = dict(connection.execute(asked).fetchall())
    assert counts == {0: 2, 2: 1, 3: 1}
    label = ", ".join(f"{name}: {counts.get(k, 0)}" for k, name in enumerate(RUN.class_names))
    expect(ann.see("histogram")).to_have_attribute("aria-label", label)
    expect(ann.see("progress")).to_contain_text("4 this session")
    expect(ann.see("progress")).to_contain_text("4 total")
    expect(ann.page).to_have_title("(3) Rate clips")


def test_the_panel_says_how_many_ratings_contradict_the_rest_once_that_is_known(db, rated):
    _, ann = rated(4)
    ann.press("1")
    ann.wait_until_sent()
    ann.see("panel").locator("summary").click()
    expect(ann.see("panel")).to_contain_text("The same clip, seen twice")
    expect(ann.see("panel")).not_to_contain_text("The learned reward and you")
    with Store(db) as store:
        store.set_contradicting(RUN.id, {"ann": 0.19, "bob": 0.5})
    said = "About 1 in 5 of your ratings contradict the rest."
    expect(ann.see("panel")).to_contain_text(said, timeout=1_000 * PATIENCE_S)
    expect(ann.see("panel")).not_to_contain_text("1 in 2")


def test_the_reward_answers_back_and_shows_which_ratings_to_look_at_again(db, rated):
    _, ann = rated(4)
    for key in ("1", "4", "2"):
        ann.press(key)
    ann.wait_until_sent()
    with Store(db) as store:
        first, second, *_ = (name for name, _ in store.blobs(RUN.id))
        store.set_agreeing(RUN.id, {"ann": Agreeing(30, 61, 0.874)})
        store.set_contradicting(RUN.id, {"ann": 0.17})
        store.set_doubtful(RUN.id, {"ann": [second, first], "bob": [first]})
        expect(ann.see("doubts")).to_have_text("2 to look at again")
        ann.see("panel").locator("summary").click()
        said = "The reward agrees with your last 30 ratings in 87 % of pairs."
        expect(ann.see("panel")).to_contain_text(said)
        expect(ann.see("panel")).to_contain_text("About 1 in 6 of your ratings contradict the rest")
        expect(ann.see("again-0")).to_have_text("stands")
        ann.see("again-0").click()
        expect(ann.see("rate-3")).to_have_attribute("aria-pressed", "true")
        ann.press("3")  # it only swings up, after all
        expect(ann.see("doubts")).to_have_text("1 to look at again")
        ann.wait_for_clip()
        ann.see("again-0").click()
        ann.wait_for_clip()
        ann.page.keyboard.press("Escape")  # it stays as it is, and is not asked about again
        expect(ann.see("doubts")).to_have_text("")
        ann.wait_until_sent()
        assert [row.rating for row in store.agreement_rows(RUN.id) if row.segment_id == second] == [
            2
        ]


FOCUSED = "() => document.activeElement.dataset.testid ?? document.activeElement.localName"
NAMELESS = """() => [...document.querySelectorAll("button, input, summary, video")].filter((one) =>
  !(one.ariaLabel ?? one.closest("label, button, summary")?.textContent ?? "").trim()
).map((one) => one.outerHTML)"""
BARS = """() => {
  const page = document.scrollingElement;
  return [page.scrollWidth > innerWidth, page.scrollHeight > innerHeight];
}"""


def test_every_control_is_reached_by_tab_and_has_a_name(rated):
    _, ann = rated(3)
    ann.click(1)
    ann.wait_until_sent()
    ann.wait_for_clip()
    reached = set()
    for _ in range(25):
        ann.page.keyboard.press("Tab")
        reached.add(ann.page.evaluate(FOCUSED))
    wanted = {"open-help", "pause", "restart", "slower", "faster", "skip", "undo", "history-0"}
    assert wanted | {f"rate-{k}" for k in range(4)} | {"summary"} <= reached
    assert ann.page.evaluate(NAMELESS) == []


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (320, 640)])
def test_the_page_fits_without_scroll_bars(rated, tmp_path, width, height):
    _, ann = rated(3, viewport={"width": width, "height": height})
    ann.click(1)
    ann.wait_for_clip()
    ann.page.screenshot(path=tmp_path / f"{width}.png")
    assert ann.page.evaluate(BARS) == [False, False]
    boxes = [ann.see(f"rate-{k}").bounding_box() for k in range(4)]
    assert min(box["height"] for box in boxes) >= 44
    assert min(box["width"] for box in boxes) >= 90  # no word of a class is broken
