"""Rating from end to end: a trainer that never waits, a render worker, a page, and a person."""

import os
import threading
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from reel import make_envs
from visitors import PATIENCE_S

from gym_rated.human import Asking, HumanRater, Page

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("GYM_RATED_PICTURES")  # where those of the documentation go


class Cheetah(threading.Thread):
    """HalfCheetah, acting at random, which asks about six segments and goes on."""

    def __init__(self, db: Path) -> None:
        super().__init__(daemon=True)
        self.rater = HumanRater(
            db,
            env_id="HalfCheetah-v5",
            seed=3,
            num_classes=4,
            class_names=("falls", "crawls", "walks", "runs"),
            instructions="How well does it run forward?",
            asking=Asking(duplicate_rate=0),
            page=Page(name="ann"),
        )
        self.steps = 0
        self.is_over = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.envs = make_envs(
                self.rater,
                "HalfCheetah-v5",
                segment_length=30,
                num_envs=1,
                schedule={200: 6},
                collect_every=20,
                on_ratings=lambda ratings: None,
            )
            self.envs.reset()
            while not self.is_over.is_set():
                self.envs.step(self.envs.action_space.sample())
                self.steps += 1
                time.sleep(0.005)
            self.envs.close()
        except BaseException as error:
            self.error = error

    @property
    def num_ratings(self) -> int:
        assert self.error is None, self.error
        return len(self.envs.ratings)


@pytest.fixture
def cheetah(db):
    trainer = Cheetah(db)
    trainer.start()
    yield trainer
    trainer.is_over.set()
    trainer.join(PATIENCE_S)
    trainer.rater.close()


def test_a_rating_reaches_the_trainer_while_it_goes_on(cheetah, visit):
    ann = visit(cheetah.rater.url)
    ann.wait_until(lambda: ann.state == "shown", "the first clip is drawn", 3 * PATIENCE_S)
    ann.wait_for_clip()
    times = []
    ann.wait_until(
        lambda: times.append(ann.video("currentTime")) or max(times) > times[-1] > 0.1,
        "the clip has begun again",
    )
    assert ann.video("videoWidth") == 480
    ann.page.keyboard.press("Space")
    first = ann.see("clip").screenshot()
    for _ in range(8):
        ann.page.keyboard.press(".")
    ann.wait_until(lambda: not ann.video("seeking"), "another frame is shown")
    assert ann.see("clip").screenshot() != first
    steps, query = cheetah.steps, ann.click(2)
    ann.wait_until(lambda: cheetah.num_ratings == 1, "the rating is collected")
    assert cheetah.steps > steps
    (event,) = cheetah.rater.store.events("run")
    (row,) = cheetah.rater.store.history("ann", "run")
    clip = cheetah.rater.store.clip(row.clip_sha256)
    (rating,) = cheetah.envs.ratings.ratings
    assert (event.kind, event.rating, event.rater) == ("rate", 2, "ann")
    assert (row.query_id, row.rating, event.clip_sha256) == (query, 2, clip.sha256)
    assert (rating.rating, rating.rater) == (2, "ann")
    assert rating.segment_id == event.segment_id.rpartition("-")[0]
    assert (clip.codec, clip.frames, clip.fps) == ("h264", 30, 20)
    if PICTURES:
        take_pictures(ann, cheetah)


def take_pictures(ann, cheetah) -> None:
    """Draw the figures of docs/human.md."""
    for rating in (3, 1, 0):
        ann.click(rating)
    cheetah.rater.seen(cheetah.steps, -12.4)
    ann.wait_until_sent()
    ann.wait_for_clip()
    ann.page.set_viewport_size({"width": 900, "height": 820})
    ann.page.wait_for_timeout(1500)
    ann.page.screenshot(path=f"{PICTURES}/rating-page.png")
    ann.see("panel").locator("summary").click()
    expect(ann.see("histogram")).to_be_visible()
    ann.page.wait_for_timeout(500)
    ann.page.screenshot(path=f"{PICTURES}/rating-panel.png", full_page=True)
    ann.see("panel").locator("summary").click()
    ann.page.set_viewport_size({"width": 390, "height": 780})
    ann.page.wait_for_timeout(800)
    ann.page.screenshot(path=f"{PICTURES}/rating-phone.png")
