"""The files of the page, read once: what is not in this list has no address."""

from dataclasses import dataclass
from importlib.resources import files

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


def read_page() -> list[PageFile]:
    """Return the files of `gym_rated/human/page`; index.html is at "/"."""
    found = []
    for item in files("gym_rated.human").joinpath("page").iterdir():
        suffix = item.name[item.name.rfind(".") :]
        if suffix in MEDIA_TYPES:
            path = "/" if item.name == "index.html" else f"/{item.name}"
            found.append(PageFile(path, item.read_bytes(), MEDIA_TYPES[suffix]))
    return sorted(found, key=lambda page_file: page_file.path)
