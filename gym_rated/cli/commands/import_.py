"""`gym-rated import`: ratings out of a file into a database of ratings by hand."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from gym_rated.cli.commands.databases import open_existing, run_of
from gym_rated.cli.commands.files import check_file, load_ratings
from gym_rated.imports import named_extras
from gym_rated.ratings import Answer, Rating, RatingDataset
from gym_rated.ratings.answer_table import AnswerTable
from gym_rated.ratings.rows import answers_of, read_answers
from gym_rated.recorded import load_recorded
from gym_rated.recorded.ratings import read_minari_ratings

if TYPE_CHECKING:
    from gym_rated.human.store import ImportedRating, Job, Run, Store

_IMPORTED = "imported"  # a run without a name
_COLUMNS = {"criterion": "criterion_sha256", "env": "env_id", "run": "run_id"}


@dataclass
class ImportArgs:
    """Bring ratings into a database (needs the extra `human`); twice does no harm.

    A file with segments makes the run if it is not there; rows need segments that are. Each row is
    taken as it is, or shown with the reason why not: then the exit code is 1, and 2 if nothing
    came in.
    """

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""
    ratings: Path | None = None
    """file to read: .csv, .tsv, .jsonl or .parquet with a row a rating, or .npz with segments"""
    minari: str | None = None
    """id of a Minari dataset with ratings to read instead"""
    run_id: str | None = None
    """which run; not needed where the database holds one"""
    class_names: tuple[str, ...] = ()
    """of a new run: what each class means, worst first; numbers by default"""
    instructions: str | None = None
    """of a new run: the criterion, in words; that of the file by default"""
    all_or_nothing: bool = False
    """take nothing if any row is refused; by default the others are taken"""
    accept_other: tuple[Literal["criterion", "env", "run"], ...] = ()
    """take ratings by another criterion, of another environment or run; refused by default"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns 1 if it refused some of the rows, else 0."""
    args = tyro.cli(ImportArgs, args=list(argv), prog="gym-rated import")
    if (args.ratings is None) == (args.minari is None):
        raise ValueError("`ratings` or `minari` must say what to read, and not both")
    if args.ratings is not None:
        check_file("ratings", args.ratings, "a ratings file or a table of answers")
    if args.minari is not None:
        return _import_dataset(args, read_minari_ratings(load_recorded(args.minari)))
    assert args.ratings is not None
    if args.ratings.suffix.lower() == ".npz":
        return _import_dataset(args, load_ratings(args.ratings))
    return _import_rows(args, args.ratings)


def _import_rows(args: ImportArgs, path: Path) -> int:
    with open_existing(args.db) as store:
        run = run_of(store, args.run_id)
        _check_known(args, run)
        same = {"run_id": run.id, "env_id": run.env_id, "criterion_sha256": run.criterion_hash}
        found = read_answers(
            path,
            run.num_classes,
            rater=None,
            argument="ratings",
            same={name: value for name, value in same.items() if value},
            other=[_COLUMNS[name] for name in args.accept_other],
        )
        known = store.segment_ids(run.id)
        given = _ratings_of(args, found, known, f"run {run.id!r}")
        replaced = _num_replaced(store, run, given)
        return _report(args, run, found, store.import_ratings(run.id, [], given), replaced)


def _import_dataset(args: ImportArgs, ratings: RatingDataset) -> int:
    with named_extras():
        from gym_rated.human.store import Run, Store
    found = answers_of(ratings, args.ratings or str(args.minari))
    # all that can be refused is, before there is a database
    names = args.class_names or tuple(str(c) for c in range(ratings.num_classes))
    asked = args.instructions or ratings.criterion or ""
    run_id = _IMPORTED if args.run_id is None else args.run_id
    new = Run(run_id, ratings.num_classes, names, asked, env_id=ratings.env_id or "")
    segments = list(_jobs(ratings))
    known = {segment.segment_id for segment in segments}
    given = _ratings_of(args, found, known, f"{found.path}")
    with Store(args.db) as store:
        run = _known_run(store, args.run_id)
        if run is not None:
            _check_known(args, run)
            _check_dataset(args, run, ratings)
        named, replaced = run or new, 0 if run is None else _num_replaced(store, run, given)
        num_new = store.import_ratings(
            named.id, segments, given, new_run=new if run is None else None
        )
    return _report(args, named, found, num_new, replaced)


def _known_run(store: "Store", run_id: str | None) -> "Run | None":
    """Return the run that is meant, if the database has it."""
    known = {run.id: run for run in store.runs()}
    if run_id is None and len(known) == 1:
        return next(iter(known.values()))
    return known.get(_IMPORTED if run_id is None else run_id)


def _check_known(args: ImportArgs, run: "Run") -> None:
    """Refuse to describe anew a run that is there."""
    for name, given, theirs in (
        ("class_names", args.class_names, run.class_names),
        ("instructions", args.instructions, run.instructions),
    ):
        if given and given != theirs:
            raise ValueError(
                f"`{name}` of run {run.id!r} is {theirs!r}, got {given!r}; leave it out, or name "
                "another run"
            )


def _check_dataset(args: ImportArgs, run: "Run", ratings: RatingDataset) -> None:
    """Refuse a file of another run than the one that its ratings are to join."""
    if run.num_classes != ratings.num_classes:
        raise ValueError(
            f"`num_classes` of run {run.id!r} is {run.num_classes}, got ratings of "
            f"{ratings.num_classes} classes; name another run"
        )
    for name, ours, theirs, said in (
        ("criterion", run.instructions, ratings.criterion, args.instructions is not None),
        ("env", run.env_id, ratings.env_id, False),
    ):
        if ours and theirs and ours != theirs and not (said or name in args.accept_other):
            raise ValueError(
                f"`{name}` of run {run.id!r} is {ours!r}, got ratings by {theirs!r}; name another "
                f"run, or say --accept-other {name}"
            )


def _jobs(ratings: RatingDataset) -> Iterator["Job"]:
    """Yield the segments of a dataset."""
    from gym_rated.human.segment_blob import pack_segment
    from gym_rated.human.store import Job

    for segment in ratings.segments():
        yield Job(segment.id, pack_segment(segment), {"length": len(segment)})


def _ratings_of(
    args: ImportArgs, found: AnswerTable, known: set[str], where: str
) -> list["ImportedRating"]:
    """Return the ratings that a database can take; the rest of `found` is refused.

    Raises:
        ValueError: If nothing is left, or anything was refused where all must be taken.
    """
    from gym_rated.human.store import ImportedRating

    def why_not(answer: Answer) -> str | None:
        if not isinstance(answer, Rating):
            return f"`ratings` must hold ratings, all that a database keeps, got {answer}"
        try:
            ImportedRating(answer.segment_id, answer.rater, answer.rating)
        except ValueError as error:
            return str(error)
        if answer.segment_id in known:
            return None
        return (
            f"`segment_id` must be a segment of {where}, got {answer.segment_id!r}; import from a "
            "file that holds segments (.npz), or into the database that showed it"
        )

    found.keep(why_not)
    if args.all_or_nothing or not found.rows:
        found.check("ratings", most=sys.maxsize)
    return [
        ImportedRating(
            row.answer.segment_id,
            row.answer.rater,
            row.answer.rating,
            row.shown_ms,
            row.flagged,
            row.comment,
        )
        for row in found.rows
        if isinstance(row.answer, Rating)
    ]


def _num_replaced(store: "Store", run: "Run", given: Sequence["ImportedRating"]) -> int:
    """Return how many ratings come in the place of another one that stands."""
    rows = [row for row in store.agreement_rows(run.id) if not row.repeat]
    known = {(row.segment_id, row.rater): row.rating for row in rows}
    return sum(known.get((r.segment_id, r.rater), r.rating) != r.rating for r in given)


def _report(
    args: ImportArgs, run: "Run", found: AnswerTable, num_new: int, num_replaced: int
) -> int:
    """Say what became of the rows; returns the exit code."""
    print(f"{num_new} new ratings of {len(found.rows)} in run {run.id}: {args.db}")
    if num_replaced:
        print(f"{num_replaced} of them in the place of what the rater had said here")
    if found.notes():
        print(f"not counted: {found.notes()}")
    if not found.refused:
        return 0
    shown = "".join(f"\n  {refusal}" for refusal in found.refused)
    print(
        f"gym-rated import: {len(found.refused)} rows of {found.path} were not taken:{shown}",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("import")
