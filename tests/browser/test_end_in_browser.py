"""The end: a page tells it from a lost network, and says what became of the ratings."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from reel import RUN
from visitors import PATIENCE_S

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("GYM_RATED_PICTURES_OF_THE_END")


def plan(number):
    return replace(RUN, config={"num_ratings": number})


def finish(db):
    with Store(db) as store:
        store.seen_trainer(RUN.id, 4096, 1.0)
        store.end_run(RUN.id)


def says(visitor, headline: str, *details: str, patience_s: float = PATIENCE_S):
    """Wait until the stage says so, and nothing floats above it."""
    message = visitor.see("message")
    expect(message.locator(".headline")).to_have_text(headline, timeout=1000 * patience_s)
    for detail in details:
        expect(message.locator(".detail")).to_contain_text(detail)
    expect(visitor.see("clip")).to_have_attribute("data-state", "ended")
    expect(visitor.see("banner")).to_be_hidden()
    if PICTURES:
        visitor.page.screenshot(path=f"{PICTURES}/{headline.replace(' ', '-')}.png")


def stop(server) -> None:
    """End a server on purpose."""
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(PATIENCE_S)
    server.kill()  # closes the pipes


def test_after_the_last_rating_the_page_knows_that_nothing_more_is_asked(db, rated):
    server, ann = rated(2, run=plan(2))
    ann.foreseen.append("net::ERR_")
    ann.click(1)
    ann.click(2)
    says(ann, "All clips are rated", "all is saved", "The training goes on")
    ann.page.reload()
    says(ann, "All clips are rated", "The training goes on")
    finish(db)
    says(ann, "The training is finished", "All your ratings are saved. You can close this page.")
    stop(server)
    ann.page.wait_for_timeout(7000)  # it goes on looking, quietly
    says(ann, "The training is finished", "All your ratings are saved. You can close this page.")


def test_a_run_that_finishes_as_its_server_ends_is_told_from_one_that_was_stopped(db, rated):
    server, ann = rated(1, run=plan(1))
    ann.foreseen.append("net::ERR_")
    ann.click(1)
    says(ann, "All clips are rated")
    finish(db)
    stop(server)  # at once: no page has asked since
    says(ann, "The training is finished", patience_s=5)


def test_who_looks_away_at_the_end_hears_of_it_all_the_same(db, rated):
    server, ann = rated(1, run=plan(1))
    ann.foreseen.append("net::ERR_")
    ann.click(1)
    says(ann, "All clips are rated")
    server.kill()  # so that nothing is said
    says(ann, "All clips are rated", "The server has ended, or cannot be reached.")


def test_a_server_that_was_stopped_says_so_and_takes_up_where_it_was(db, rated, visit):
    server, ann = rated(3, run=plan(9))
    ann.foreseen.append("net::ERR_")
    ann.click(1)
    ann.wait_until_sent()
    ann.wait_for_clip()
    stop(server)
    says(ann, "The server was stopped", "All your ratings are saved.", patience_s=5)
    server.start()
    ann.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    ann.click(2)
    ann.wait_until_sent()
    with Store(db) as store:
        assert [event.rating for event in store.events(RUN.id)] == [1, 2]


def test_a_lost_network_is_no_end(db, rated):
    _, ann = rated(3, run=plan(9))
    ann.foreseen.append("net::ERR_")
    ann.click(1)
    ann.wait_until_sent()
    ann.wait_for_clip()
    ann.context.set_offline(True)
    expect(ann.see("banner")).to_have_text("Offline: the server does not answer, trying again")
    assert ann.state == "shown"  # what is in hand can be rated
    ann.click(2)
    expect(ann.see("banner")).to_have_text("Offline: 1 rating kept in this browser")
    ann.context.set_offline(False)
    ann.wait_until_sent()
    expect(ann.see("banner")).to_be_hidden()


def test_ratings_that_a_server_did_not_take_before_its_end_are_counted(db, rated):
    server, ann = rated(3, run=plan(9))
    ann.foreseen.append("net::ERR_|503")
    ann.wait_for_clip()
    ann.page.route("**/api/events", lambda route: route.abort())
    ann.click(1)
    ann.wait_for_clip()
    stop(server)
    headline = ann.see("message").locator(".headline")
    expect(headline).to_have_text("The server was stopped")
    expect(ann.see("message").locator(".detail")).to_have_text(
        "1 rating is kept in this browser, and sent once the server is back."
    )
    expect(ann.see("banner")).to_have_text("The server has ended: 1 rating kept in this browser")
    ann.page.unroute("**/api/events")
    server.start()
    ann.wait_until_sent()
    with Store(db) as store:
        assert [event.rating for event in store.events(RUN.id)] == [1]


def test_several_raters_and_a_late_visitor_hear_the_same(db, material, serve, visit, tmp_path):
    from reel import fill

    fill(db, material, 2, replace(plan(2), overlap=2))
    names = tmp_path / "raters.txt"
    names.write_text("ann\nbob\neve\n")
    server = serve("--raters", names, "--min-view-s", 0.05)
    ann, bob = visit(server.links["ann"]), visit(server.links["bob"])
    for visitor in (ann, bob):
        visitor.foreseen.append("net::ERR_")
    ann.click(1)
    ann.click(1)
    ann.wait_until_sent()
    headline = ann.see("message").locator(".headline")
    expect(headline).to_have_text("The others have the rest")  # bob has not answered yet
    bob.click(2)
    bob.click(2)
    for visitor in (ann, bob):
        says(visitor, "All clips are rated")
    eve = visit(server.links["eve"])
    eve.foreseen.append("net::ERR_")
    says(eve, "All clips are rated")
    finish(db)
    for visitor in (ann, bob, eve):
        visitor.page.bring_to_front()  # a page that nobody looks at asks for no end
        says(visitor, "The training is finished")
    stop(server)
    for visitor in (ann, bob, eve):
        says(visitor, "The training is finished")


DEMO = Path(__file__).parents[2] / "scripts" / "rate_demo.py"


def test_the_demo_ends_on_the_page_as_well(visit, tmp_path):
    words = ["--env-id", "Pendulum-v1", "--num-ratings", "4", "--total-timesteps", "8192"]
    words += ["--no-open-browser", "--no-compare", "--max-lead", "1", "--extra-steps", "4096"]
    log = (tmp_path / "log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, DEMO, *words, "--run-dir", tmp_path / "demo"],
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    try:
        line = b""
        while b"Rate at http" not in line:
            line = process.stdout.readline()
            assert line, (log.seek(0), log.read())[1]
        ann = visit(line.decode().split(" at ")[-1].strip())
        ann.foreseen.append("net::ERR_")
        expect(ann.see("guidelines")).to_contain_text("It hangs, and moves a little at most.")
        ann.see("close-guidelines").click()
        for k in range(4):
            ann.wait_until(lambda: ann.state == "shown", "the next clip is there", 3 * PATIENCE_S)
            ann.click(k % 3)
            ann.wait_until_sent()
        says(ann, "The training is finished", "You can close this page", patience_s=3 * PATIENCE_S)
        assert process.wait(3 * PATIENCE_S) == 0, (log.seek(0), log.read())[1]
        ann.page.wait_for_timeout(6000)
        says(ann, "The training is finished", "You can close this page")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        log.close()
