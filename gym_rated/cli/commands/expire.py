"""`gym-rated expire`: ask no longer about clips of policies that are gone."""

from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from gym_rated.cli.commands.databases import open_existing, run_of


@dataclass
class ExpireArgs:
    """Ask no longer about clips that nobody has rated yet; ratings stay (needs the extra `human`).

    For a run that was stopped for good, or clips of policies that are too old to matter.
    """

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""
    run_id: str | None = None
    """which run; not needed where the database holds one"""
    before_step: int | None = None
    """only clips from before this timestep of the run; all by default"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(ExpireArgs, args=list(argv), prog="gym-rated expire")
    with open_existing(args.db) as store:
        run = run_of(store, args.run_id)
        number = store.expire(run.id, args.before_step)
    print(f"run {run.id}: {number} clips are no longer asked about; all ratings are kept")


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("expire")
