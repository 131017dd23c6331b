"""Frames become a clip that every browser can loop.

H.264 through PyAV is the smallest and plays everywhere; VP9 is for browsers without that codec, and
an animated WebP, which cannot be paused, for machines without PyAV. A clip is decoded again before
it is handed on, so that none is stored that cannot be shown.
"""

import io
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.human.store.records import Clip, Codec
from gym_rated.imports import named_extras

Frames = NDArray[np.uint8]
"""Pictures of one clip, shape (T, H, W, 3), RGB."""

CODECS: tuple[Codec, ...] = ("h264", "vp9", "webp")
_SUFFIX: dict[Codec, str] = {"h264": ".mp4", "vp9": ".webm"}
_ENCODER: dict[Codec, str] = {"h264": "libx264", "vp9": "libvpx-vp9"}
_OPTIONS: dict[Codec, dict[str, str]] = {
    "h264": {"preset": "veryfast", "crf": "23"},
    "vp9": {"crf": "35", "deadline": "realtime", "cpu-used": "6"},
}
_CONTAINER_OPTIONS: dict[Codec, dict[str, str]] = {
    "h264": {"movflags": "faststart"},
    "vp9": {},
}  # the index comes first
_MOST_BITS = 0.125  # of a pixel of a frame: 38 KiB for 50 frames of 240x240
_FEWEST_BITS = 64_000  # of a clip: small ones need no limit
_WEBP = {"quality": 70, "method": 0, "loop": 0}


def best_codec() -> Codec:
    """Return the first of `CODECS` that can be written here."""
    if find_spec("av") is not None:
        import av

        for codec, encoder in _ENCODER.items():
            if encoder in av.codecs_available:
                return codec
    return "webp"


def encode(frames: Frames, fps: float, codec: Codec | None = None) -> Clip:
    """Make a clip of frames, and check that it can be decoded.

    Args:
        frames: Shape (T, H, W, 3), uint8. An odd height or width loses its last row or column.
        fps: Frames per second at which it is played, > 0.
        codec: One of `CODECS`; the best that can be written here by default.

    Returns:
        The clip, without sound.

    Raises:
        ImportError: If PyAV is missing and a video was asked for, or Pillow for a WebP.
        RuntimeError: If what was written does not decode to as many frames.
        ValueError: If the frames are of another shape or type, or `fps` or `codec` is none.
    """
    frames = _checked(frames, fps)
    codec = best_codec() if codec is None else codec
    if codec not in CODECS:
        raise ValueError(f"`codec` must be one of {', '.join(CODECS)}, got {codec!r}")
    data = _webp(frames, fps) if codec == "webp" else _video(frames, fps, codec)
    num, height, width, _ = frames.shape
    clip = Clip(data=data, codec=codec, width=width, height=height, fps=fps, frames=num)
    _check_decodes(clip)
    return clip


def convert(clip: Clip, codec: Codec) -> Clip:
    """Make the same clip with another codec, for a browser that cannot play it."""
    return encode(decode(clip), clip.fps, codec)


def decode(clip: Clip) -> Frames:
    """Return the frames of a clip, shape (T, H, W, 3)."""
    if clip.codec == "webp":
        return _webp_frames(clip.data)[0]
    with named_extras():
        import av
    with av.open(io.BytesIO(clip.data), "r") as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(pictures).astype(np.uint8, copy=False)


def _checked(frames: Frames, fps: float) -> Frames:
    shape, kind = np.shape(frames), getattr(frames, "dtype", None)
    if len(shape) != 4 or shape[-1] != 3 or kind != np.uint8 or not shape[0] or min(shape[1:3]) < 2:
        raise ValueError(
            "`frames` must be uint8 of shape (T, H, W, 3), with T >= 1 and sides of at least 2, "
            f"got {kind} of shape {shape}"
        )
    if not 0 < fps < 1_000:
        raise ValueError(f"`fps` must be above 0 and below 1000, got {fps}")
    _, height, width, _ = shape
    return frames[:, : height // 2 * 2, : width // 2 * 2]  # yuv420p has colours for 2x2 pixels


def _video(frames: Frames, fps: float, codec: Codec) -> bytes:
    with named_extras():
        import av
    rate = Fraction(fps).limit_denominator(1_000)
    # a real file, because faststart reads what was written: with BytesIO it fails
    with tempfile.TemporaryDirectory(prefix="gym_rated-clip-") as folder:
        path = Path(folder) / f"clip{_SUFFIX[codec]}"
        with av.open(str(path), "w", options=_CONTAINER_OPTIONS[codec]) as container:
            options = _OPTIONS[codec] | _limits(frames, fps, codec)
            stream: Any = container.add_stream(_ENCODER[codec], rate=rate, options=options)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1  # training has the other cores
            for frame in frames:
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        return path.read_bytes()


def _limits(frames: Frames, fps: float, codec: Codec) -> dict[str, str]:
    """Return options that hold a clip to `_MOST_BITS`, however much moves; VP9 may take more."""
    per_frame = max(_MOST_BITS * frames[0, ..., 0].size, _FEWEST_BITS / len(frames))
    if codec == "vp9":
        return {"b": f"{per_frame * fps:.0f}"}
    # a third may be spent at once, on what is hard; the rest comes evenly
    steady, at_once = per_frame * fps * 2 / 3, per_frame * len(frames) / 3
    return {"maxrate": f"{steady:.0f}", "bufsize": f"{max(at_once, steady / fps):.0f}"}


def _webp(frames: Frames, fps: float) -> bytes:
    with named_extras():
        from PIL import Image
    first, *others = (Image.fromarray(frame) for frame in frames)
    file = io.BytesIO()
    options = {**_WEBP, "duration": _durations_ms(len(frames), fps)}
    first.save(file, "WEBP", save_all=True, append_images=others, **options)
    return file.getvalue()


def _durations_ms(num: int, fps: float) -> list[int]:
    """Return how long each frame is shown: whole milliseconds, whose sum is exact to one."""
    ends = np.round(np.arange(num + 1) * 1_000 / fps).astype(int)
    return [int(d) for d in np.diff(ends)]


def _webp_frames(data: bytes) -> tuple[Frames, Sequence[int]]:
    with named_extras():
        from PIL import Image, ImageSequence
    with Image.open(io.BytesIO(data)) as image:
        pictures = [
            (f.convert("RGB"), f.info.get("duration", 0)) for f in ImageSequence.Iterator(image)
        ]
    return np.stack([np.asarray(picture) for picture, _ in pictures]), [ms for _, ms in pictures]


def _check_decodes(clip: Clip) -> None:
    if clip.codec == "webp":  # frames that do not change are one in the file, shown for longer
        frames, durations = _webp_frames(clip.data)
        found: float = sum(durations) * clip.fps / 1_000
        is_whole = len(frames) == 1 or abs(found - clip.frames) < 1
        is_whole &= frames.shape[1:3] == (clip.height, clip.width)
    else:
        shape = decode(clip).shape
        found = shape[0]
        is_whole = shape == (clip.frames, clip.height, clip.width, 3)
    if not is_whole:
        raise RuntimeError(
            f"a clip of {clip.frames} frames of {clip.width}x{clip.height} in {clip.codec} "
            f"decodes to {found:g}; gym_rated cannot use this installation of av or Pillow, "
            "reinstall 'gym_rated[human]'"
        )
