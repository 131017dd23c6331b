"""Flags and comments: what raters say of clips beside their ratings, which they do not change.

The table only grows. What a rater said last of a clip stands; to say neither takes both back.
"""

from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from gym_rated.checks import check_comment
from gym_rated.human.store.checks import check_name
from gym_rated.human.store.failures import Conflict, sound_row
from gym_rated.human.store.records import Remark
from gym_rated.human.store.results import Recorded, RemarkRow
from gym_rated.human.store.tables import current_remark, event, lease, query, remark, segment


def add_remark(connection: Connection, new: Remark, now: float) -> Recorded:
    """Write a remark down; the caller must hold the rater's lock.

    Raises:
        Conflict: If the clip was never given to the rater, or `client_id` is of another remark.
    """
    sent = connection.execute(select(remark).where(remark.c.client_id == new.client_id))
    if (known := sent.one_or_none()) is not None:
        ours = (known.query_id, known.rater, known.flagged, known.comment)
        if ours != (new.query_id, new.rater, new.flagged, new.comment):
            raise Conflict("this remark was sent before with other content; reload the page")
        return Recorded(known.seq, True, known.query_id, 0)
    _check_known(connection, new)
    try:
        seq = append_remark(connection, new, now)
    except IntegrityError as error:  # another rater's, a moment ago
        raise Conflict("this remark was sent before by someone else; reload the page") from error
    return Recorded(seq, False, new.query_id, 0)


def append_remark(connection: Connection, new: Remark, now: float) -> int:
    """Add a remark; returns its place."""
    added = insert(remark).values(**vars(new), at=now).returning(remark.c.seq)
    return int(connection.execute(added).scalar_one())


def _check_known(connection: Connection, new: Remark) -> None:
    """See that a clip was once given to its rater, or answered: a lease stays when it is over."""
    for table in (lease, event):
        mine = (table.c.query_id == new.query_id) & (table.c.rater == new.rater)
        if connection.execute(select(table.c.query_id).where(mine).limit(1)).first() is not None:
            return
    raise Conflict("this clip was not given to you; reload the page")


def remark_at(connection: Connection, query_id: int, rater: str) -> tuple[bool, str]:
    """Return whether a rater has flagged a clip, and the comment on it."""
    mine = (current_remark.c.query_id == query_id) & (current_remark.c.rater == rater)
    row = connection.execute(select(current_remark).where(mine)).one_or_none()
    return (False, "") if row is None else _said(row)


def read_remarks(connection: Connection, run_id: str) -> list[RemarkRow]:
    """Return what stands of all remarks on a run, in the order in which it was said.

    A remark that was taken back is there without flag and comment.
    """
    rows = (
        select(current_remark, segment.c.id.label("segment_id"), query.c.clip_sha256)
        .join(query, query.c.id == current_remark.c.query_id)
        .join(segment, segment.c.number == query.c.segment)
        .where(query.c.run_id == run_id)
        .order_by(current_remark.c.seq)
    )
    return [_row(row) for row in connection.execute(rows)]


def _row(row: Any) -> RemarkRow:
    flagged, comment = _said(row)
    with sound_row("remark"):
        return RemarkRow(
            query_id=row.query_id,
            segment_id=row.segment_id,
            rater=check_name("rater", row.rater),
            flagged=flagged,
            comment=comment,
            at=float(row.at),
            clip_sha256=row.clip_sha256,
            seq=row.seq,
        )


def _said(row: Any) -> tuple[bool, str]:
    with sound_row("remark"):
        return bool(row.flagged), check_comment(row.comment)
