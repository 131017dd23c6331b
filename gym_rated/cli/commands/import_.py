"""`gym-rated import`: ratings out of a file into a database of ratings by hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from gym_rated.cli.commands.databases import open_existing, run_of
from gym_rated.imports import named_extras
from gym_rated.ratings import Rating, RatingDataset
from gym_rated.ratings.rows import read_answer_rows
from gym_rated.recorded import load_recorded
from gym_rated.recorded.ratings import read_minari_ratings

if TYPE_CHECKING:
    from gym_rated.human.store import ImportedRating, Job


@dataclass
class ImportArgs:
    """Bring ratings into a database (needs the extra `human`); twice does no harm.

    A file with segments makes the run if it is not there; rows need segments that are.
    """

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""
    ratings: Path | None = None
    """file to read: .csv, .jsonl or .parquet with a row for each rating, or .npz with segments"""
    minari: str | None = None
    """id of a Minari dataset with ratings to read instead"""
    run_id: str | None = None
    """which run; not needed where the database holds one"""
    class_names: tuple[str, ...] = ()
    """of a new run: what each class means, worst first; numbers by default"""
    instructions: str | None = None
    """of a new run: the criterion, in words; that of the file by default"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(ImportArgs, args=list(argv), prog="gym-rated import")
    if (args.ratings is None) == (args.minari is None):
        raise ValueError("`ratings` or `minari` must say what to read, and not both")
    if args.ratings is not None and not args.ratings.is_file():
        raise FileNotFoundError(f"`ratings` must be a ratings file, got {args.ratings}")
    if args.minari is not None:
        _import_dataset(args, read_minari_ratings(load_recorded(args.minari)))
    elif args.ratings is not None and args.ratings.suffix == ".npz":
        _import_dataset(args, RatingDataset.load(args.ratings))
    elif args.ratings is not None:
        _import_rows(args, args.ratings)


def _import_rows(args: ImportArgs, path: Path) -> None:
    with open_existing(args.db) as store:
        run = run_of(store, args.run_id)
        ratings = _read_ratings(path, run.num_classes)
        num_new = store.import_ratings(run.id, [], ratings)
    print(f"{num_new} new ratings of {len(ratings)} in run {run.id}: {args.db}")


def _import_dataset(args: ImportArgs, ratings: RatingDataset) -> None:
    with named_extras():
        from gym_rated.human.store import ImportedRating, Run, Store
    with Store(args.db) as store:
        known = [run.id for run in store.runs()]
        run_id = args.run_id or (known[0] if len(known) == 1 else "imported")
        if run_id not in known:
            names = args.class_names or tuple(str(c) for c in range(ratings.num_classes))
            asked = args.instructions or ratings.criterion or ""
            store.open_run(
                Run(run_id, ratings.num_classes, names, asked, env_id=ratings.env_id or "")
            )
        run = store.run(run_id)
        if run.num_classes != ratings.num_classes:
            raise ValueError(
                f"`num_classes` of run {run.id!r} is {run.num_classes}, got ratings of "
                f"{ratings.num_classes} classes; name another run"
            )
        given = [ImportedRating(r.segment_id, r.rater, r.rating) for r in ratings.ratings]
        segments = list(_jobs(ratings))
        num_new = store.import_ratings(run.id, segments, given)
    print(f"{num_new} new ratings of {len(given)} in run {run.id}: {args.db}")


def _jobs(ratings: RatingDataset) -> Iterator["Job"]:
    """Yield the segments of a dataset."""
    from gym_rated.human.segment_blob import pack_segment
    from gym_rated.human.store import Job

    for segment in ratings.segments():
        yield Job(segment.id, pack_segment(segment), {"length": len(segment)})


def _read_ratings(path: Path, num_classes: int) -> list["ImportedRating"]:
    """Read the ratings that stand in a file of rows, as `gym-rated export` writes it."""
    from gym_rated.human.store import ImportedRating

    ratings = []
    for row in read_answer_rows(path, num_classes, rater=None, argument="ratings"):
        answer = row.answer
        if not isinstance(answer, Rating):
            raise ValueError(
                f"`ratings` must hold ratings alone, which are all that a database keeps, got "
                f"{answer} in {row.place} of {path}"
            )
        try:
            rating = ImportedRating(answer.segment_id, answer.rater, answer.rating, row.shown_ms)
        except ValueError as error:
            raise ValueError(f"`ratings` in {row.place} of {path}: {error}") from error
        ratings.append(rating)
    return ratings


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("import")
