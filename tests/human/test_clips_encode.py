"""Clips: what is written decodes to the same pictures, and is small."""

import io
import sys

import numpy as np
import pytest

from gym_rated.human.clips import encode as encoding
from gym_rated.human.clips.encode import CODECS, best_codec, convert, decode, encode


def moving_square(num: int = 12, height: int = 60, width: int = 80) -> np.ndarray:
    """A red square that moves right by 4 pixels a frame, on blue."""
    frames = np.zeros((num, height, width, 3), np.uint8)
    frames[..., 2] = 200
    for t, frame in enumerate(frames):
        frame[20:40, 4 * t : 4 * t + 20] = (220, 30, 30)
    return frames


@pytest.mark.parametrize("codec", CODECS)
def test_a_clip_decodes_to_the_frames_it_was_made_of(codec):
    frames = moving_square()
    clip = encode(frames, 20.0, codec)
    assert (clip.codec, clip.width, clip.height, clip.frames, clip.fps) == (codec, 80, 60, 12, 20.0)
    found = decode(clip).astype(int)
    assert found.shape == frames.shape
    for shown, meant in zip(found, frames.astype(int), strict=True):
        assert np.abs(shown - meant).mean() < 8
        assert np.abs(shown[24:36, :4] - meant[24:36, :4]).mean() < 40  # the square is where it was


@pytest.mark.parametrize("fps", [12.5, 20, 29.97, 125])
def test_a_video_lasts_as_long_as_its_frames(fps):
    import av

    clip = encode(moving_square(), fps)
    with av.open(io.BytesIO(clip.data)) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(fps, rel=1e-3)
        assert container.duration / 1e6 == pytest.approx(12 / fps, abs=0.02)


def test_the_index_comes_before_the_pictures():
    data = encode(moving_square(), 20, "h264").data
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"avc1" in data


def test_an_odd_side_loses_one_row_or_column():
    clip = encode(moving_square(height=61, width=79), 20)
    assert (clip.width, clip.height) == (78, 60)


def test_pictures_full_of_detail_stay_within_forty_kib():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (50, 30, 30, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    clip = encode(noise, 20, "h264")
    assert (clip.width, clip.height, clip.frames) == (240, 240, 50)
    assert len(clip.data) <= 40 * 1024


def test_a_still_picture_lasts_as_long_in_webp():
    clip = encode(np.full((10, 20, 20, 3), 90, np.uint8), 20, "webp")
    assert clip.frames == 10
    assert len(decode(clip)) == 1  # shown for 0.5 s


def test_a_clip_can_be_converted_for_a_browser_that_cannot_play_it():
    other = convert(encode(moving_square(), 20, "h264"), "webp")
    assert (other.codec, other.frames, other.fps) == ("webp", 12, 20)
    assert other.data[:4] == b"RIFF"


def test_without_pyav_clips_are_webp(monkeypatch):
    assert best_codec() == "h264"
    monkeypatch.setattr(encoding, "find_spec", lambda name: None)
    assert encode(moving_square(), 20).codec == "webp"


def test_without_x264_clips_are_vp9(monkeypatch):
    monkeypatch.setattr("av.codecs_available", {"libvpx-vp9"})
    assert best_codec() == "vp9"


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'gym_rated\[human\]'"):
        encode(moving_square(), 20, "webp")


def test_a_clip_that_does_not_decode_is_not_handed_on(monkeypatch):
    monkeypatch.setattr(encoding, "decode", lambda clip: moving_square(num=11))
    with pytest.raises(RuntimeError, match="a clip of 12 frames of 80x60 in h264 decodes to 11"):
        encode(moving_square(), 20)


@pytest.mark.parametrize(
    ("frames", "fps", "codec", "message"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), 20, None, r"`frames` must be uint8 of shape"),
        (np.zeros((5, 8, 8), np.uint8), 20, None, r"got uint8 of shape \(5, 8, 8\)"),
        (np.zeros((5, 8, 8, 3)), 20, None, "got float64"),
        (np.zeros((5, 1, 8, 3), np.uint8), 20, None, "sides of at least 2"),
        (np.zeros((5, 8, 8, 3), np.uint8), 0, None, "`fps` must be above 0 and below 1000, got 0"),
        (np.zeros((5, 8, 8, 3), np.uint8), float("nan"), None, "`fps`"),
        (np.zeros((5, 8, 8, 3), np.uint8), 20, "gif", "`codec` must be one of h264, vp9, webp"),
    ],
)
def test_what_is_no_clip_is_refused(frames, fps, codec, message):
    with pytest.raises(ValueError, match=message):
        encode(frames, fps, codec)
