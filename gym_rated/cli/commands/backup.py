"""`gym-rated backup`: a copy of a database of ratings that is whole, whoever uses it meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from gym_rated.cli.commands.databases import open_existing


@dataclass
class BackupArgs:
    """Copy a database of ratings to a new file (needs the extra `human`).

    People may rate and runs may train meanwhile: the copy is one state of it, in one file, which
    only you may read. It is read again and checked before it gets its name. A PostgreSQL database
    is copied with pg_dump.
    """

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db"""
    out: Path
    """the copy; a file that is there is never replaced"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(BackupArgs, args=list(argv), prog="gym-rated backup")
    with open_existing(args.db) as store:
        counts = store.back_up(args.out)
    words = ", ".join(f"{counts[table]} {name}" for table, name in _SAID.items())
    print(f"{args.out}: {words}; read again and found whole")


_SAID = {"run": "runs", "segment": "segments", "clip": "clips", "event": "events of raters"}


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("backup")
