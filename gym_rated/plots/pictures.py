"""The pictures of a page: drawn into its folder, for the page and for whoever writes a paper."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gym_rated.choices import PictureFormat
from gym_rated.page import Picture


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of a page go.

    Args:
        folder: Folder of the page.
        formats: Further formats that each picture is written in, beside the PNG of the page.
    """

    folder: Path
    formats: tuple[PictureFormat, ...] = ()

    def draw(self, name: str, alt: str, plot: Callable[[Path], None]) -> Picture:
        """Draw a picture in all formats; returns it as the page shows it.

        Args:
            name: Name of the files, without an ending.
            alt: What is to be seen.
            plot: Draws into the file that it is given.
        """
        for suffix in dict.fromkeys(("png", *self.formats)):
            plot(self.folder / f"{name}.{suffix}")
        return Picture(f"{name}.png", alt)
