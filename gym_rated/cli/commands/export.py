"""`gym-rated export`: ratings by hand out of their database, into a file or a Minari dataset."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from gym_rated.checkpoint.files import replace_file
from gym_rated.cli.commands.databases import open_existing, run_of
from gym_rated.imports import named_extras
from gym_rated.ratings.rows import OF_RECIPE
from gym_rated.ratings.spreadsheet import escaped, protected
from gym_rated.recorded.ratings import write_minari

if TYPE_CHECKING:
    from gym_rated.human.store import EventRow, RemarkRow, Run


@dataclass
class ExportArgs:
    """Write the ratings of a run to a file (needs the extra `human`)."""

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""
    out: Path | None = None
    """file to write: .csv, .tsv, .jsonl or .parquet with a row a rating, or .npz with segments"""
    minari: str | None = None
    """id of a Minari dataset to write, with segments, such as cheetah/rated-v0"""
    run_id: str | None = None
    """which run; not needed where the database holds one"""
    events: bool = False
    """write the whole log: corrections, undos and second showings as well"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(ExportArgs, args=list(argv), prog="gym-rated export")
    if (args.out is None) == (args.minari is None):
        raise ValueError("`out` or `minari` must say where to write, and not both")
    if args.out is not None and args.out.exists():
        raise FileExistsError(f"`out` must be a new file, got {args.out}; name another")
    ending = "" if args.out is None else args.out.suffix.lower()
    if args.out is None or ending == ".npz":
        _write_segments(args)
        return
    if ending not in _WRITERS:
        endings = f"{', '.join(_WRITERS)} or .npz"
        raise ValueError(f"`out` must end in {endings}, got {args.out}; name another")
    with open_existing(args.db) as store:
        run = run_of(store, args.run_id)
        events = store.events(run.id)
        remarks = store.remarks(run.id)
    written = [event for event in events if args.events or _stands(event)]
    said = said_of(remarks)
    rows = [row_of(run, event, *_remark_on(event, said)) for event in written]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(args.out, _WRITERS[ending](rows))
    print(f"{len(rows)} {'events' if args.events else 'ratings'} of run {run.id}: {args.out}")
    if num := len(said.keys() - {(event.segment_id, event.rater) for event in written}):
        print(f"clips with a flag or a comment and no such row: {num} (gym-rated status has them)")


def _write_segments(args: ExportArgs) -> None:
    with named_extras():
        from gym_rated.human import dataset_from_store
    open_existing(args.db).close()
    ratings = dataset_from_store(args.db, args.run_id)
    if args.out is None:
        written = write_minari(ratings, str(args.minari))
        print(f"{written.total_episodes} segments, {len(ratings)} ratings: {args.minari}")
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    ratings.save(args.out)
    print(f"{ratings.num_segments} segments, {len(ratings)} ratings: {args.out}")


def _stands(event: "EventRow") -> bool:
    return event.current and not event.repeat and event.kind != "undo"


def said_of(remarks: Sequence["RemarkRow"]) -> dict[tuple[str, str], tuple[bool, str]]:
    """Return (segment, rater) -> whether it is flagged, and the latest comment on it.

    What was said at a second showing of a segment counts for the segment.
    """
    said: dict[tuple[str, str], tuple[bool, str]] = {}
    for remark in remarks:
        if remark.flagged or remark.comment:
            flagged, comment = said.get((remark.segment_id, remark.rater), (False, ""))
            now = flagged or remark.flagged, remark.comment or comment
            said[remark.segment_id, remark.rater] = now
    return said


def _remark_on(
    event: "EventRow", said: Mapping[tuple[str, str], tuple[bool, str]]
) -> tuple[bool, str]:
    return said.get((event.segment_id, event.rater), (False, ""))


def row_of(run: "Run", event: "EventRow", flagged: bool, comment: str) -> dict[str, Any]:
    """Return an event as one flat row; a skip and an undo have the rating -1.

    `at` is in seconds since 1970 (UTC). Numbers that nobody knows are None.
    """
    return {
        "segment_id": event.segment_id,
        "rating": event.rating,
        "rater": event.rater,
        "revision": event.revision,
        "kind": event.kind,
        "current": event.current,
        "repeat": event.repeat,
        "at": event.at,
        "shown_ms": event.shown_ms,
        "flag": flagged,
        "comment": comment,
        "clip_sha256": event.clip_sha256,
        "run_id": run.id,
        "num_classes": run.num_classes,
        "criterion_sha256": run.criterion_hash,
        "env_id": run.env_id,
        "policy_step": event.step,
        **{name: event.recipe.get(name) for name in OF_RECIPE},
    }


def _names() -> list[str]:
    names = "segment_id rating rater revision kind current repeat at shown_ms flag comment"
    more = "clip_sha256 run_id num_classes criterion_sha256 env_id policy_step"
    return [*names.split(), *more.split(), *OF_RECIPE]


def _as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> bytes:
    """Write a table that a spreadsheet neither runs nor changes.

    Texts that it would take for something else begin with an apostrophe, and all are quoted, in
    case it separates cells by something else. Where there is more than ASCII, the file begins with
    the mark by which spreadsheets know UTF-8.
    """
    file = StringIO(newline="")
    writer = csv.writer(file, "unix", delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_names())
    writer.writerows(_texts(row, protected).values() for row in rows)
    text = file.getvalue()
    return text.encode("utf-8" if text.isascii() else "utf-8-sig")


def _texts(row: Mapping[str, Any], written: Callable[[str], str]) -> dict[str, Any]:
    """Return the cells of a row with its texts as they are written."""
    cells = {name: row[name] for name in _names()}
    return {k: written(v) if isinstance(v, str) else v for k, v in cells.items()}


def _as_tsv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return _as_csv(rows, "\t")


def _as_jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    cells = (_texts(row, escaped) for row in rows)
    lines: Iterator[str] = (json.dumps(row, ensure_ascii=False) + "\n" for row in cells)
    return "".join(lines).encode()


def _as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    with named_extras():
        import pyarrow
        from pyarrow import parquet
    cells = [_texts(row, escaped) for row in rows]
    table = pyarrow.table({name: [row[name] for row in cells] for name in _names()})
    sink = BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


_WRITERS = {".csv": _as_csv, ".tsv": _as_tsv, ".jsonl": _as_jsonl, ".parquet": _as_parquet}


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("export")
