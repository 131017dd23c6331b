"""What the commands that read files share: a file that is none, or another one, is said so."""

from pathlib import Path

from gym_rated.assembly.wording import named_as
from gym_rated.checkpoint.kinds import what_is_at
from gym_rated.ratings import RatingDataset

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
"""Endings of tables, which hold answers without what they are about."""

_ARCHIVE = "which is a zip archive"  # as what `RatingDataset.save` writes


def check_file(argument: str, path: Path, what: str) -> None:
    """Refuse a path where there is no file, or an empty one.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is empty.
    """
    found = what_is_at(path)
    if not path.is_file():
        raise FileNotFoundError(f"`{argument}` must be {what}, got {path}, {found}")
    if not path.stat().st_size:
        raise ValueError(f"`{argument}` must be {what}, got {path}, {found}; name another file")


def load_ratings(path: Path) -> RatingDataset:
    """Load the ratings file that `--ratings` names.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is of another kind, or damaged.
    """
    check_file("ratings", path, "a ratings file")
    found = what_is_at(path)
    if found != _ARCHIVE:
        remedy = (
            "a table holds no observations: `gym-rated fit --episodes` takes it with the episodes "
            "that it is about"
            if path.suffix.lower() in TABLES
            else "name another file, or restore it from a copy"
        )
        raise ValueError(f"`ratings` must be a ratings file, got {path}, {found}; {remedy}")
    with named_as(path="ratings"):
        return RatingDataset.load(path)
