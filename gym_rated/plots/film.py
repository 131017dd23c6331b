"""Films beside each other in one small animated picture, which any browser plays."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint.files import replacing

if TYPE_CHECKING:
    from PIL.Image import Image

Frames = Sequence[NDArray[np.uint8]]
_TITLE_HEIGHT, _GAP, _TEXT_SIZE = 26, 4, 14  # pixels
_QUALITY = 60  # of WebP: at 80 a film is half as large again, and looks the same


def save_film(
    panels: Sequence[tuple[str, Frames]], path: str | Path, *, fps: float, height: int
) -> None:
    """Write films side by side, each under its title, as an animated WebP that repeats.

    A film that is over before the others stands still.

    Args:
        panels: Title and frames, at least one of shape (H, W, 3), of each film.
        path: File that ends in .webp; it is replaced whole.
        fps: Frames a second, above 0.
        height: Of a frame in the picture, in pixels; its width follows.

    Raises:
        ValueError: If the path has another ending, or there is nothing to show.
    """
    if Path(path).suffix != ".webp":
        raise ValueError(f"`path` must end in .webp, got {path}")
    lengths = [len(frames) for _, frames in panels]
    if not lengths or not all(lengths):
        raise ValueError(f"`panels` must have a frame each, got films of {lengths} frames")
    titles = [title for title, _ in panels]
    images = [
        _side_by_side(titles, [frames[min(i, len(frames) - 1)] for _, frames in panels], height)
        for i in range(max(lengths))
    ]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"duration": round(1000 / fps), "loop": 0, "quality": _QUALITY}
    with replacing(Path(path)) as temporary:
        images[0].save(
            temporary, "WEBP", save_all=True, append_images=images[1:], method=4, **options
        )


def _side_by_side(titles: Sequence[str], frames: Frames, height: int) -> "Image":
    """Draw one moment of all films."""
    from PIL import Image, ImageDraw, ImageFont

    parts = [_resized(frame, height) for frame in frames]
    width = sum(part.width for part in parts) + _GAP * (len(parts) - 1)
    image = Image.new("RGB", (width, height + _TITLE_HEIGHT), "white")
    draw, font, left = ImageDraw.Draw(image), ImageFont.load_default(_TEXT_SIZE), 0
    for title, part in zip(titles, parts, strict=True):
        draw.text((left + 2, 4), title, "#333333", font)
        image.paste(part, (left, _TITLE_HEIGHT))
        left += part.width + _GAP
    return image


def _resized(frame: NDArray[np.uint8], height: int) -> "Image":
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(frame, np.uint8))
    width = max(1, round(image.width * height / image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS)
