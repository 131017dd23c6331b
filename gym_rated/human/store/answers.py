"""What the trainer and the judges of raters read from the log."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, select

from gym_rated.checkpoint.documents import parse_json
from gym_rated.checks import check_number
from gym_rated.human.store.checks import check_name, check_stored, check_text
from gym_rated.human.store.failures import StoreBehind, sound_row
from gym_rated.human.store.records import MOST_CLASSES, SKIPPED
from gym_rated.human.store.results import AgreementRow, AnswerRow, EventRow, HistoryRow
from gym_rated.human.store.tables import current, event, query, segment

OVERLAP_S = 60.0
"""Events of the last so many seconds are read again, because a lower number of the log may become
visible after a higher one; no transaction of ours lasts that long (`engine`, idle timeout)."""


def answers_since(
    connection: Connection, run_id: str, cursor: Any, now: float, *, in_order: bool
) -> tuple[list[AnswerRow], dict[str, Any]]:
    """Return the answers that a reader has not had yet.

    Args:
        connection: A reading transaction.
        run_id: The run; quality checks are no answers.
        cursor: What the last call returned, or None: `{"seq": n, "seen": [...]}`, events up to n
            and those named were read.
        now: The server's time.
        in_order: Whether numbers of the log become visible in their order.

    Returns:
        Answers in the order of the log, and the cursor of the next call.

    Raises:
        StoreBehind: If the log ends before the cursor.
    """
    after, seen = read_cursor(cursor)
    _see_that_it_is_complete(connection, max(after, *seen, 0))
    rows = (
        select(event, segment.c.id.label("segment_id"))
        .join(query, query.c.id == event.c.query_id)
        .join(segment, segment.c.number == query.c.segment)
        .where(query.c.run_id == run_id, query.c.repeat_of.is_(None), event.c.seq > after)
        .order_by(event.c.seq)
    )
    found = connection.execute(rows).all()
    settled = after
    for row in found:
        if not in_order and row.at > now - OVERLAP_S:
            break
        settled = row.seq
    later = [row.seq for row in found if row.seq > settled]
    answers = [_answer(row) for row in found if row.seq not in seen]
    return answers, {"seq": settled, "seen": later}


def read_cursor(cursor: Any) -> tuple[int, frozenset[int]]:
    """Return the two parts of a cursor.

    Raises:
        ValueError: If it is none.
    """
    if cursor is None:
        return 0, frozenset()
    try:
        after = check_stored("seq", cursor["seq"])
        return after, frozenset(check_stored("seen", seq) for seq in cursor["seen"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`cursor` must be what answers_since returned, or None, got {cursor!r}"
        ) from error


def _see_that_it_is_complete(connection: Connection, read: int) -> None:
    """See that what was read before is there still: new answers would get its numbers again."""
    last = connection.execute(select(func.max(event.c.seq))).scalar_one() or 0
    if read > last:
        raise StoreBehind(
            f"`db` lacks answers that this run has had: {read} were read, and its log ends at "
            f"{last}. It is an older copy, or came without its -wal file: put the right one back, "
            "or start another run (`gym-rated export` and `import` keep the answers that are here)"
        )


def _answer(row: Any) -> AnswerRow:
    with sound_row("event"):
        return AnswerRow(
            segment_id=check_text("segment_id", row.segment_id),
            rater=check_name("rater", row.rater),
            rating=_rating(row),
            revision=check_stored("revision", row.revision),
            seq=row.seq,
            kind=row.kind,
        )


def _rating(row: Any) -> int:
    """Return the class of a row with a rating, or `SKIPPED`.

    Raises:
        Unsound: If it is none.
    """
    with sound_row("event"):
        rating = SKIPPED if row.rating is None else check_stored("rating", row.rating)
        if rating >= MOST_CLASSES:
            raise ValueError(f"`rating` must be below {MOST_CLASSES}, got {rating}")
        return rating


def _at(row: Any) -> float:
    """Return when an event was; raises `Unsound` if that is no time."""
    with sound_row("event"):
        return check_number("at", row.at)


def read_history(connection: Connection, rater: str, run_id: str, limit: int) -> list[HistoryRow]:
    """Return a rater's standing answers, the newest first, quality checks among them."""
    rows = (
        select(current.c.query_id, query.c.clip_sha256, current.c.rating)
        .join(query, query.c.id == current.c.query_id)
        .where(query.c.run_id == run_id, current.c.rater == rater, current.c.kind != "undo")
        .order_by(current.c.seq.desc())
        .limit(limit)
    )
    return [
        HistoryRow(
            query_id=row.query_id,
            clip_sha256=row.clip_sha256,
            rating=_rating(row),
        )
        for row in connection.execute(rows)
    ]


def agreement_rows(connection: Connection, run_id: str) -> list[AgreementRow]:
    """Return all standing answers of a run in the order of the log, skips among them."""
    rows = (
        select(current, segment.c.id.label("segment_id"), segment.c.step, segment.c.recipe)
        .add_columns(query.c.repeat_of, query.c.clip_sha256.label("shown_clip"))
        .join(query, query.c.id == current.c.query_id)
        .join(segment, segment.c.number == query.c.segment)
        .where(query.c.run_id == run_id, current.c.kind != "undo")
        .order_by(current.c.seq)
    )
    return [_agreement_row(row) for row in connection.execute(rows)]


def _agreement_row(row: Any) -> AgreementRow:
    with sound_row("segment"):
        recipe = parse_json(row.recipe)
        places = {name: _count_in(recipe, name) for name in ("round", "length")}
    return AgreementRow(
        segment_id=row.segment_id,
        rater=row.rater,
        rating=_rating(row),
        repeat=row.repeat_of is not None,
        shown_ms=row.shown_ms,
        at=_at(row),
        query_id=row.query_id,
        clip_sha256=row.shown_clip,
        step=row.step,
        **places,
    )


def _count_in(recipe: Any, name: str) -> int | None:
    """Return a number out of a recipe; None in one of before it was written down."""
    found = recipe.get(name)
    return found if type(found) is int and found >= 0 else None


def read_events(connection: Connection, run_id: str) -> Iterator[EventRow]:
    """Yield the whole log of a run, in order, with where each segment comes from."""
    later = event.alias("later")
    replaced = exists(
        select(1)
        .select_from(later)
        .where(
            and_(
                later.c.query_id == event.c.query_id,
                later.c.rater == event.c.rater,
                later.c.seq > event.c.seq,
            )
        )
    )
    rows = (
        select(event, segment.c.id.label("segment_id"), segment.c.step, segment.c.recipe)
        .add_columns(query.c.repeat_of, case((replaced, 0), else_=1).label("is_current"))
        .join(query, query.c.id == event.c.query_id)
        .join(segment, segment.c.number == query.c.segment)
        .where(query.c.run_id == run_id)
        .order_by(event.c.seq)
    )
    for row in connection.execute(rows):
        with sound_row("segment"):
            recipe = dict(parse_json(row.recipe))
        yield EventRow(
            seq=row.seq,
            segment_id=row.segment_id,
            rater=check_name("rater", row.rater),
            kind=row.kind,
            rating=_rating(row),
            revision=row.revision,
            repeat=row.repeat_of is not None,
            current=bool(row.is_current),
            shown_ms=row.shown_ms,
            at=_at(row),
            clip_sha256=row.clip_sha256,
            step=row.step,
            recipe=recipe,
        )
