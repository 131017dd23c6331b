"""What is at a path, in words for an error: nothing, a folder, or a file of which kind."""

from pathlib import Path

_BEGINNINGS = {
    b"SQLite format 3\0": "an SQLite database",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a single array (.npy)",
    b"PK\x03\x04": "a zip archive",
    b"\x80": "a pickle",
}


def what_is_at(path: str | Path) -> str:
    """Return what is at a path, such as "which is empty", to stand behind it in an error."""
    path = Path(path)
    if not path.exists():
        return "which is not there"
    if path.is_dir():
        return "which is a folder"
    if not path.is_file():
        return "which is no file"
    with path.open("rb") as file:
        data = file.read(4096)
    if not data:
        return "which is empty"
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return f"which is {kind}"
    return "which is text" if _is_text(data) else "which is a file of another kind"


def without(folder: str | Path, name: str) -> str:
    """Return a folder without the file that makes it one, or what is in its place, for an error."""
    lack = f" without {name}" if Path(folder).is_dir() else f", {what_is_at(folder)}"
    return f"{folder}{lack}"


def _is_text(data: bytes) -> bool:
    """Return whether the beginning of a file is text: UTF-8, or the UTF-16 of spreadsheets."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 3 and b"\0" not in data  # a letter that was cut in two
