"""Watching a run: the film plays, its curve goes with it, and what is rated is in the database."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from gym_rated.cli import main
from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
FIXTURES = Path(__file__).parents[1] / "fixtures"
SHORT = ("--env-kwargs", "max_episode_steps", "60", "--deterministic", "--size", "240")


@pytest.fixture
def run(tmp_path):
    shutil.unpack_archive(FIXTURES / "ppo_discrete_killed.zip", tmp_path)
    return tmp_path / "ppo_discrete_killed"


@pytest.fixture
def watch(run):
    """Return a function that watches the run; gives the link, and the process."""
    started = []

    def start(*words: str):
        command = [sys.executable, "-m", "gym_rated", "watch", str(run), *SHORT, *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        line = process.stdout.readline()
        assert " at http" in line, line
        return line.split(" at ")[1].strip(), process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def step_of(ann) -> int:
    return int(ann.see("curve").get_attribute("aria-valuenow"))


def rows(run):
    with Store(run / "watched" / "ratings.db") as store:
        return [(r.rater, r.rating) for r in store.agreement_rows(store.runs()[0].id)]


def pixels(ann) -> str:
    return ann.page.evaluate("() => document.getElementById('film').toDataURL()")


def test_the_film_plays_its_curve_goes_with_it_and_a_rating_is_kept(watch, visit, run, capsys):
    link, _ = watch()
    ann = visit(link, reduced_motion="reduce")  # it begins paused
    expect(ann.see("film")).to_have_attribute("data-state", "shown")
    expect(ann.see("film")).to_have_attribute("data-playing", "false")
    expect(ann.see("learned")).to_have_count(1)
    expect(ann.see("true")).to_have_count(0)

    box = ann.see("curve").bounding_box()
    ann.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)  # the middle of 60 steps
    ann.wait_until(lambda: step_of(ann) in (30, 31, 32), "the film is where the curve was clicked")
    expect(ann.see("marked")).to_contain_text("Marked: steps 2")  # 20 of them around it
    ann.page.keyboard.press("5")
    expect(ann.see("note")).to_contain_text("Watch the marked steps first")
    ann.page.keyboard.press("l")
    expect(ann.see("loop")).to_have_attribute("aria-pressed", "true")
    expect(ann.see("film")).to_have_attribute("data-armed", "true")
    ann.page.keyboard.press("5")
    expect(ann.see("band")).to_have_attribute("data-rating", "4")
    ann.wait_until_sent()
    assert rows(run) == [("me-watching", 4)]
    if folder := os.environ.get("GYM_RATED_PICTURES"):
        ann.page.set_viewport_size({"width": 720, "height": 880})
        ann.page.screenshot(path=Path(folder) / "watching-page.png")
    out = run / "table.csv"
    assert main(["export", "--db", str(run / "watched" / "ratings.db"), "--out", str(out)]) == 0
    header, row = out.read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))['"rating"'] == "4"

    ann.page.keyboard.press("2")  # the same steps again: a correction
    expect(ann.see("band")).to_have_attribute("data-rating", "1")
    ann.wait_until_sent()
    assert rows(run) == [("me-watching", 1)]
    ann.page.keyboard.press("u")
    expect(ann.see("band")).to_have_count(0)
    ann.wait_until_sent()
    assert rows(run) == []

    ann.page.keyboard.press("r")  # from the beginning, and on
    expect(ann.see("loop")).to_have_attribute("aria-pressed", "false")
    ann.wait_until(lambda: step_of(ann) > 5, "the film goes on")
    picture = pixels(ann)
    ann.wait_until(lambda: pixels(ann) != picture, "it shows something else")
    expect(ann.see("cursor")).not_to_have_attribute("d", "M0.5 0V100")


def test_keys_alone_go_through_an_episode_and_rate(watch, visit, run):
    link, _ = watch()
    ann = visit(link, reduced_motion="reduce")
    expect(ann.see("film")).to_have_attribute("data-state", "shown")
    ann.see("curve").focus()
    ann.page.keyboard.press("Home")
    ann.wait_until(lambda: step_of(ann) == 1, "it is at the first step")
    ann.page.keyboard.press("ArrowRight")
    ann.wait_until(lambda: step_of(ann) == 2, "it went on by one")
    ann.page.keyboard.press("PageUp")
    ann.wait_until(lambda: step_of(ann) == 22, "it went on by a segment")
    ann.page.keyboard.press("l")
    expect(ann.see("film")).to_have_attribute("data-armed", "true")
    ann.see("rate-0").focus()
    ann.page.keyboard.press("Enter")
    ann.wait_until_sent()
    assert rows(run) == [("me-watching", 0)]


def test_an_episode_whose_true_reward_was_shown_is_rated_no_more(watch, visit, run):
    link, _ = watch()
    ann = visit(link)
    expect(ann.see("film")).to_have_attribute("data-armed", "true")
    ann.page.keyboard.press("Space")
    watched = ann.see("episode").inner_text()
    ann.see("panel").locator("summary").click()
    ann.see("truth").click()
    expect(ann.see("true")).to_have_count(1)
    ann.page.keyboard.press("1")
    expect(ann.see("note")).to_contain_text("rate in the next episode")
    assert rows(run) == []
    ann.page.keyboard.press("n")
    expect(ann.see("episode")).not_to_have_text(watched)
    expect(ann.see("true")).to_have_count(0)


def test_what_was_rated_before_the_true_reward_is_sent_first_and_stands(watch, visit, run):
    link, _ = watch()
    ann = visit(link)
    expect(ann.see("film")).to_have_attribute("data-armed", "true")
    ann.page.keyboard.press("Space")
    ann.page.keyboard.press("u")
    expect(ann.see("note")).to_contain_text("There is nothing to undo.")
    held = []
    ann.page.route("**/api/segments", lambda route: held.append(route))
    ann.page.keyboard.press("3")
    ann.wait_until(lambda: held, "the rating is on its way")
    ann.see("panel").locator("summary").click()
    ann.see("truth").click()
    expect(ann.see("note")).to_contain_text("once your ratings are saved")
    expect(ann.see("true")).to_have_count(0)
    assert rows(run) == []
    for route in held:
        route.continue_()
    expect(ann.see("true")).to_have_count(1)
    expect(ann.see("note")).to_be_hidden()
    assert rows(run) == [("me-watching", 2)]
    ann.page.keyboard.press("u")
    expect(ann.see("note")).to_contain_text("what you rated there stands")
    expect(ann.see("band")).to_have_count(1)
    ann.wait_until_sent()
    assert rows(run) == [("me-watching", 2)]


def test_a_rating_given_while_the_server_is_dead_arrives_when_it_is_back(watch, visit, run):
    link, process = watch()
    ann = visit(link)
    ann.foreseen.append("Failed to load resource")
    expect(ann.see("film")).to_have_attribute("data-armed", "true")
    ann.page.keyboard.press("Space")
    process.kill()
    process.wait()
    ann.page.keyboard.press("3")
    expect(ann.see("banner")).to_contain_text("Offline: 1 rating kept in this browser")
    port = link.split(":")[2].partition("/")[0]
    watch("--port", port)
    ann.wait_until_sent()
    assert rows(run) == [("me-watching", 2)]
    expect(ann.see("banner")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "narrow"])
def test_the_page_to_watch_has_no_barriers_and_no_scroll_bar(watch, visit, axe, size, scheme):
    link, _ = watch()
    ann = visit(link, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    expect(ann.see("film")).to_have_attribute("data-armed", "true")
    ann.page.keyboard.press("Space")
    ann.page.keyboard.press("4")
    expect(ann.see("band")).to_have_count(1)
    if folder := os.environ.get("GYM_RATED_STATES"):
        ann.page.screenshot(path=Path(folder) / f"watching-{size[0]}-{scheme}.png")
    assert axe.run(ann.page).response["violations"] == []
    overflow = ann.page.evaluate(
        "() => [document.documentElement.scrollWidth - innerWidth,"
        " document.documentElement.scrollHeight - innerHeight]"
    )
    assert max(overflow) <= 0
    ann.page.keyboard.press("?")
    expect(ann.see("help")).to_be_visible()
    assert axe.run(ann.page).response["violations"] == []
    ann.wait_until_sent()
