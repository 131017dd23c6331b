"""The one reader of answers in files, whatever their format: CSV, TSV, JSON lines, Parquet, `.npz`.

`gym-rated export` writes such files, people write them with a spreadsheet, and whoever reads one
must read the same answers out of it. A row is `segment_id` with `rating` or `score`, or `better_id`
with `worse_id`; `schema` says what each cell may hold. A row is taken as it is, or does not count
because the file itself says so, or is refused: nothing is left out without a word.
"""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gym_rated.ratings.answer import Answer, Comparison, checked_answer
from gym_rated.ratings.answer_table import AnswerRow, AnswerTable, Said, number_of, settle, subject
from gym_rated.ratings.dataset import RatingDataset
from gym_rated.ratings.spreadsheet import Exact
from gym_rated.ratings.tables import Refusal, Table, read_table, shortened

if TYPE_CHECKING:
    from gym_rated.ratings.schema import Row

WRITTEN = ("at", "clip_sha256", "policy_step")
OF_RECIPE = ("env_index", "episode", "episode_seed", "first_step", "length")
"""Columns that `gym-rated export` writes beside those that are read."""

_ONE_OF = ("num_classes", "run_id", "env_id", "criterion_sha256")


def read_answers(
    path: Path,
    num_classes: int,
    *,
    rater: str | None = "recorded",
    argument: str = "path",
    same: Mapping[str, Any] | None = None,
    other: Collection[str] = (),
) -> AnswerTable:
    """Read a file of rows.

    Of the answers of one rater about one segment the one with the highest revision stands. Rows
    that a log marks as replaced (`current`), as a second showing (`repeat`) or as taken back
    (`kind`) do not count. Two that contradict each other are both refused.

    Args:
        path: File that ends in .csv, .tsv, .jsonl or .parquet.
        num_classes: Number of rating classes C.
        rater: Who answered where a row does not say; None refuses such rows.
        argument: Name of the argument that `path` was given as, for the errors.
        same: What `run_id`, `env_id` and `criterion_sha256` must be where a row has them; by
            default what the first row says.
        other: Which of the three may differ.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If pyarrow is missing, for a .parquet file.
        ValueError: If the file has another ending, is no table, or has no columns of answers.
    """
    from gym_rated.ratings.schema import READ

    table = read_table(path, argument, READ)
    known = READ | {*WRITTEN, *OF_RECIPE}
    if table.lines or table.columns:
        _check_columns(table.columns, known, rater, f"got {path}", argument)
    found = AnswerTable(path, refused=list(table.refused))
    found.unread = tuple(name for name in table.columns if name not in known)
    _collect(found, table, num_classes, rater, same or {}, other)
    return found


def answers_of(ratings: RatingDataset, path: Path | str) -> AnswerTable:
    """Return the answers of a dataset, read as those of any other file; its names are exact.

    Args:
        ratings: The dataset.
        path: Where it comes from.
    """
    table = Table()
    answers = (*ratings.ratings, *ratings.scores, *ratings.comparisons)
    for i, answer in enumerate(answers, start=1):
        cells = {k: Exact(v) if isinstance(v, str) else v for k, v in vars(answer).items()}
        table.lines.append((f"answer {i}", cells))
    found = AnswerTable(path)
    _collect(found, table, ratings.num_classes, None, {}, ())
    return found


def _check_columns(
    columns: tuple[str, ...], known: Collection[str], rater: str | None, got: str, argument: str
) -> None:
    """Refuse a file without the columns of an answer, or with one that was meant to be one."""
    refuse_misspelt(columns, known, got, argument)
    judged = "segment_id" in columns and {"rating", "score", "kind"} & set(columns)
    compared = {"better_id", "worse_id"} <= set(columns)
    if not (judged or compared) or (rater is None and "rater" not in columns):
        raise ValueError(
            f"`{argument}` must have the columns segment_id and rating or score, or better_id and "
            f"worse_id{', and rater' if rater is None else ''}, {got} with {shortened(columns)}"
        )


def refuse_misspelt(
    columns: tuple[str, ...], known: Collection[str], got: str, argument: str
) -> None:
    """Refuse a table with a column that was meant to be another one."""
    for name in columns:
        absent = sorted(set(known) - set(columns))
        meant = [] if name in known else get_close_matches(name, absent, 1, cutoff=0.85)
        if meant:
            raise ValueError(
                f"`{argument}` must name its columns as they are read, {got} with {name!r}; "
                f"call it {meant[0]!r}, or something else"
            )


def _collect(
    found: AnswerTable,
    table: Table,
    num_classes: int,
    rater: str | None,
    same: Mapping[str, Any],
    other: Collection[str],
) -> None:
    """Sort the lines of a table into answers, rows that do not count, and refused ones."""
    from gym_rated.ratings.schema import row_of

    found.left += [Refusal(place, "empty rows") for place in table.empty]
    expected = {"num_classes": num_classes, **{k: v for k, v in same.items() if v is not None}}
    said: dict[Any, list[Said]] = {}
    unreadable: dict[tuple[str, str], str] = {}  # segment and rater -> place of such a row
    for place, cells in table.lines:
        try:
            row = row_of(cells)
            if reason := _why_other(row, expected, other):
                found.refused.append(Refusal(place, reason))
                continue
            answer = checked_answer(row.answer(rater), num_classes)
        except (TypeError, ValueError) as error:
            found.refused.append(Refusal(place, str(error)))
            unreadable[str(cells.get("segment_id")), str(cells.get("rater") or rater)] = place
            continue
        new = AnswerRow(answer, place, row.shown_ms, row.flag, row.comment)
        if not row.current or row.repeat:
            found.leave([new], "second showings" if row.repeat else "replaced later")
        else:
            said.setdefault(subject(answer), []).append(Said(new, row.kind == "undo"))
    for rows in said.values():
        settle(found, rows)
    found.keep(lambda answer: _why_unsure(answer, unreadable))
    found.rows.sort(key=lambda row: number_of(row.place))


def _why_unsure(answer: Answer, unreadable: Mapping[tuple[str, str], str]) -> str | None:
    """Return why an answer may not be the one that stands."""
    if isinstance(answer, Comparison) or (answer.segment_id, answer.rater) not in unreadable:
        return None
    place = unreadable[answer.segment_id, answer.rater]
    return f"`revision` must say that it stands, got {place} of the same rater, which is refused"


def _why_other(row: "Row", expected: dict[str, Any], other: Iterable[str]) -> str | None:
    """Return why a row is of another run; what is not known yet is what the first row says."""
    for name in _ONE_OF:
        value = getattr(row, name)
        if value is None or name in other:
            continue
        if expected.setdefault(name, value) != value:
            ours = shortened(expected[name])
            return (
                f"`{name}` must be that of the others, {ours}, got {shortened(value)}; keep such "
                "rows in a file of their own"
            )
    return None
