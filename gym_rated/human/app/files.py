"""The files of the page, read once: what is not in this list has no address."""

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """One file: its address, its bytes, and what a browser should take it for."""

    path: str
    data: bytes
    media_type: str


def read_page(front: str = "") -> list[PageFile]:
    """Return the files of `gym_rated/human/page`; index.html is at "/".

    Args:
        front: Folder in there whose files come on top, under its name, and whose index.html is at
            "/" instead; such as "watch".
    """
    folder = files("gym_rated.human").joinpath("page")
    found = _read(folder)
    if front:
        own = _read(folder.joinpath(front), f"/{front}")
        found = [page_file for page_file in found if page_file.path != "/"] + own
    return sorted(found, key=lambda page_file: page_file.path)


def _read(folder: Traversable, prefix: str = "") -> list[PageFile]:
    found = []
    for item in folder.iterdir():
        suffix = item.name[item.name.rfind(".") :]
        if suffix in MEDIA_TYPES:
            path = "/" if item.name == "index.html" else f"{prefix}/{item.name}"
            found.append(PageFile(path, item.read_bytes(), MEDIA_TYPES[suffix]))
    return found
