"""How fast clips play: short ones slower, all of a run alike, with a pause at the end of a turn."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect
from reel import RUN, Take, fill

from gym_rated.human.clips.encode import decode, encode
from gym_rated.human.store import Store

pytestmark = pytest.mark.browser

TIMES = "\N{MULTIPLICATION SIGN}"
FPS = 20  # HalfCheetah's: ten steps are half a second
SHORT = replace(RUN, config={"segment_length": 10})

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

    def start(*lengths: int, run=SHORT, codec: str = "h264", words=(), **options):
        takes = [cut(material[k], n, codec) for k, n in enumerate(lengths)]
        fill(db, tuple(takes), len(takes), run)
        ann = visit(serve("--name", "ann", *words).link, **options)
        ann.wait_for_clip()
        return ann

    return start


def test_ten_steps_last_a_second_and_a_half_and_the_page_says_how_slow_that_is(shown):
    ann = shown(10)
    expect(ann.see("speed")).to_have_text(f"⅓{TIMES}")
    expect(ann.see("duration")).to_have_text("0.5 s, shown in 1.5 s")
    ann.page.evaluate(WATCH)
    ann.wait_until(lambda: len(ann.page.evaluate("() => window.ends")) > 3, "three turns are over")
    ends = ann.page.evaluate("() => window.ends")
    assert (ends[3] - ends[0]) / 3 >= 1_850  # 1.5 s, and 0.4 s on the last frame


def test_all_lengths_of_a_run_play_at_the_speed_of_the_shortest(shown):
    ann = shown(30, 10, 25, 4)  # an end cut the last
    seen = []
    for _ in range(4):
        ann.wait_for_clip()
        seen.append((ann.video("playbackRate"), ann.see("duration").inner_text()))
        ann.click(1)
    rates, words = zip(*seen, strict=True)
    assert rates == pytest.approx([1 / 3] * 4)
    assert words[:2] == ("1.5 s, shown in 4.5 s", "0.5 s, shown in 1.5 s")
    ann.see("history-3").click()  # corrections, too
    ann.wait_for_clip()
    expect(ann.see("duration")).to_have_text("1.5 s, shown in 4.5 s")
    ann.page.reload()  # and what only the server still knows
    ann.see("history-1").click()
    ann.wait_for_clip()
    expect(ann.see("duration")).to_have_text("1.3 s, shown in 3.8 s")
    assert ann.video("playbackRate") == pytest.approx(1 / 3)


def test_a_speed_that_was_chosen_is_kept_for_the_clips_that_follow(shown):
    ann = shown(10, 25)
    ann.page.keyboard.press("]")
    expect(ann.see("speed")).to_have_text(f"½{TIMES}")
    assert ann.video("playbackRate") == 0.5
    ann.page.wait_for_timeout(2_500)  # a turn and the pause after it
    assert ann.video("playbackRate") == 0.5
    ann.click(1)
    ann.wait_for_clip()
    expect(ann.see("speed")).to_have_text(f"½{TIMES}")
    expect(ann.see("duration")).to_have_text("1.3 s, shown in 2.5 s")
    assert ann.video("playbackRate") == 0.5


def test_an_answer_waits_for_seconds_on_the_screen_and_for_one_turn_at_most(db, shown):
    ann = shown(25, 10, words=("--min-view-s", 60))
    ann.click(1)
    ann.click(2)
    ann.wait_until_sent()
    with Store(db) as store:
        long, short = [event.shown_ms for event in store.events(SHORT.id)]
    assert 3_750 <= long < 60_000
    assert 1_500 <= short < 60_000


def test_long_clips_play_as_fast_as_they_are(shown):
    ann = shown(30, 10, run=replace(RUN, config={"segment_length": 30}))
    for expected in ("1.5 s", "0.5 s"):
        ann.wait_for_clip()
        expect(ann.see("speed")).to_have_text(f"1{TIMES}")
        expect(ann.see("duration")).to_have_text(expected)
        assert ann.video("playbackRate") == 1
        ann.click(2)


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


def test_pictures_that_move_are_as_slow_as_videos(shown):
    ann = shown(10, codec="webp", bypass_csp=True)  # the test reads what the picture is made of
    expect(ann.see("speed")).to_have_text(f"⅓{TIMES}")
    script = """async () => {
      const image = document.querySelector(".slot.shown img");
      const data = await (await fetch(image.src)).arrayBuffer();
      const decoder = new ImageDecoder({ data, type: "image/webp" });
      await decoder.tracks.ready;
      await decoder.completed;
      const track = decoder.tracks.selectedTrack;
      const times = [];
      for (let k = 0; k < track.frameCount; k++) {
        times.push((await decoder.decode({ frameIndex: k })).image.duration / 1000);
      }
      return times;
    }"""
    times = ann.page.evaluate(script)
    assert sum(times) == pytest.approx(1_500 + 400, abs=10)
    assert times[-1] == pytest.approx(150 + 400, abs=2)
    first = ann.see("clip").screenshot()
    ann.wait_until(lambda: ann.see("clip").screenshot() != first, "the picture moves")


@pytest.mark.parametrize("width", [320, 1000])
def test_what_is_said_of_the_speed_fits(shown, tmp_path, width):
    ann = shown(10, viewport={"width": width, "height": 640})
    expect(ann.see("duration")).to_be_visible()
    box = ann.see("duration").bounding_box()
    assert box["height"] <= 44  # no higher than the buttons beside it
    assert box["x"] + box["width"] <= width
    ann.page.screenshot(path=tmp_path / f"{width}.png")


def test_a_clip_of_one_frame_is_shown_and_rated(shown):
    ann = shown(1, 10, run=replace(RUN, config={"segment_length": 1}))
    expect(ann.see("speed")).to_have_text(f"⅛{TIMES}")
    ann.click(0)
    ann.click(1)
    ann.wait_until_sent()
