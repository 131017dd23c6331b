"""How clips play: turn after turn, with a pause at the end of each."""

import pytest
from reel import RUN, Take, fill

from gym_rated.human.clips.encode import decode, encode

pytestmark = pytest.mark.browser

FPS = 20  # HalfCheetah's: ten steps are half a second

# Notes in milliseconds when each turn of the clip ends.
WATCH = """() => {
  window.ends = [];
  const video = document.querySelector(".slot.shown video");
  video.addEventListener("ended", () => window.ends.push(performance.now()));
}"""


def cut(take: Take, frames: int, codec: str = "h264") -> Take:
    """Return a take of the first `frames` of another, at HalfCheetah's speed."""
    clip = encode(decode(take.clip)[:frames], FPS, codec)
    return Take(take.job, clip)


@pytest.fixture
def shown(db, material, serve, visit):
    """Return a function that has a rater look at clips of these lengths."""

    def start(*lengths: int, run=RUN, codec: str = "h264", words=(), **options):
        takes = [cut(material[k], n, codec) for k, n in enumerate(lengths)]
        fill(db, tuple(takes), len(takes), run)
        ann = visit(serve("--name", "ann", *words).link, **options)
        ann.wait_for_clip()
        return ann

    return start


def test_a_clip_begins_again_after_it_has_rested_on_its_last_frame(shown):
    ann = shown(10)
    ann.page.evaluate(WATCH)
    ann.wait_until(lambda: len(ann.page.evaluate("() => window.ends")) > 3, "three turns are over")
    ends = ann.page.evaluate("() => window.ends")
    assert (ends[3] - ends[0]) / 3 >= 850  # 0.5 s, and 0.4 s on the last frame


def test_a_clip_that_is_paused_at_its_end_stays_there_and_is_stepped_from_its_last_frame(shown):
    ann = shown(10)
    ann.wait_until(lambda: ann.video("ended"), "the last frame is held")
    ann.page.keyboard.press("Space")
    ann.page.wait_for_timeout(1_000)
    assert ann.see("clip").get_attribute("data-playing") == "false"
    if not ann.video("ended"):  # the next turn had begun: to its last frame
        ann.page.evaluate("() => document.querySelector('.slot.shown video').currentTime = 1")
    assert ann.video("paused")
    for key, frame in ((",", 8), (".", 9), (".", 0)):
        ann.page.keyboard.press(key)
        ann.wait_until(lambda: not ann.video("seeking"), "the frame is there")
        assert ann.video("currentTime") == pytest.approx((frame + 0.5) / FPS, abs=0.002)
    ann.page.keyboard.press("Space")
    ann.wait_until(lambda: not ann.video("paused") and not ann.video("ended"), "it plays on")


def test_a_clip_that_the_browser_stopped_goes_on_when_the_page_is_seen_again(shown):
    ann = shown(10)
    come_back = """() => {
      document.querySelector(".slot.shown video").pause();
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    ann.page.evaluate(come_back)
    assert not ann.video("paused")
    ann.page.keyboard.press("Space")
    ann.page.evaluate(come_back)
    assert ann.video("paused")
