"""Writing down what a rater does. The log only grows; a correction is one more event."""

from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gym_rated.human.store.failures import Conflict
from gym_rated.human.store.queries import give, seats_taken
from gym_rated.human.store.records import Event, Recorded
from gym_rated.human.store.tables import current, event, lease, query, run

UNDO_LEASE_S = 90.0
"""How long a clip stays the rater's after an undo, in seconds."""


def record(connection: Connection, new: Event, now: float) -> Recorded:
    """Write an event down; the caller must hold the rater's lock.

    Raises:
        Conflict: If another answered first, or the clip was never given to the rater, or there is
            nothing to take back, or `client_id` belongs to another event.
        ValueError: If the class does not exist.
    """
    if known := _repeated(connection, new):
        return known
    query_id = _last_answered(connection, new.rater) if new.query_id is None else new.query_id
    asked = _lock_query(connection, query_id)
    last = _last(connection, query_id, new.rater)
    answered = last is not None and last.kind != "undo"
    if new.kind == "undo":
        if not answered:
            raise Conflict("there is no answer of yours to take back at this clip")
        give(connection, query_id, new.rater, now + UNDO_LEASE_S)
    else:
        if new.rating is not None and new.rating >= asked.num_classes:
            raise ValueError(f"`rating` must lie in [0, {asked.num_classes - 1}], got {new.rating}")
        if not answered:
            _check_seat(connection, asked, new.rater, now)
            give(connection, query_id, new.rater, 0.0)
    change = int(new.kind != "undo") - int(answered)
    if change:
        counted = update(query).where(query.c.id == query_id)
        connection.execute(counted.values(answers=query.c.answers + change))
    return append(connection, new, query_id, asked.clip_sha256, now)


def append(
    connection: Connection, new: Event, query_id: int, clip_sha256: str | None, now: float
) -> Recorded:
    """Add an event to the log, as the next revision of its rater at its clip."""
    earlier = (event.c.query_id == query_id) & (event.c.rater == new.rater)
    count = select(func.count()).select_from(event).where(earlier)
    revision = int(connection.execute(count).scalar_one())
    row = {
        "client_id": new.client_id,
        "query_id": query_id,
        "rater": new.rater,
        "kind": new.kind,
        "rating": new.rating,
        "revision": revision,
        "clip_sha256": clip_sha256,
        "shown_ms": new.shown_ms,
        "at": now,
    }
    try:
        added = connection.execute(insert(event).values(row).returning(event.c.seq))
    except IntegrityError as error:  # another rater's, a moment ago
        raise Conflict("this event was sent before by someone else; reload the page") from error
    return Recorded(int(added.scalar_one()), False, query_id, revision)


def _repeated(connection: Connection, new: Event) -> Recorded | None:
    row = connection.execute(select(event).where(event.c.client_id == new.client_id)).one_or_none()
    if row is None:
        return None
    same = (row.rater, row.kind, row.rating) == (new.rater, new.kind, new.rating)
    if not same or new.query_id not in (None, row.query_id):
        raise Conflict("this event was sent before with other content; reload the page")
    return Recorded(row.seq, True, row.query_id, row.revision)


def _lock_query(connection: Connection, query_id: int) -> Any:
    rows = (
        select(query, run.c.overlap, run.c.num_classes)
        .join(run, run.c.id == query.c.run_id)
        .where(query.c.id == query_id)
        .with_for_update(of=query)
    )
    row = connection.execute(rows).one_or_none()
    if row is None:
        raise Conflict("this clip is not known here; reload the page")
    return row


def _last(connection: Connection, query_id: int, rater: str) -> Any:
    mine = (event.c.query_id == query_id) & (event.c.rater == rater)
    last = select(event.c.kind).where(mine).order_by(event.c.seq.desc()).limit(1)
    return connection.execute(last).one_or_none()


def _last_answered(connection: Connection, rater: str) -> int:
    mine = (current.c.rater == rater) & (current.c.kind != "undo")
    last = select(current.c.query_id).where(mine).order_by(current.c.seq.desc()).limit(1)
    found = connection.execute(last).scalar_one_or_none()
    if found is None:
        raise Conflict("there is no answer of yours to take back")
    return int(found)


def _check_seat(connection: Connection, asked: Any, rater: str, now: float) -> None:
    """See that a first answer has a seat: a lease that stands, or one that nobody took since."""
    key = (lease.c.query_id == asked.id) & (lease.c.rater == rater)
    given = connection.execute(select(lease.c.expires_at).where(key)).scalar_one_or_none()
    if given is None:
        raise Conflict("this clip was not given to you; reload the page")
    if given > now:
        return
    seats = 1 if asked.repeat_of is not None else asked.overlap
    if seats_taken(connection, asked.id, rater, asked.answers, now) >= seats:
        raise Conflict("another rater has taken this clip meanwhile; your answer was not kept")
