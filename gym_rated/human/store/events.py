"""Writing down what a rater does. The log only grows; a correction is one more event."""

from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from gym_rated.human.store.failures import Conflict
from gym_rated.human.store.leases import stands_at
from gym_rated.human.store.queries import give, seats_taken
from gym_rated.human.store.records import Event
from gym_rated.human.store.results import Recorded
from gym_rated.human.store.tables import current, event, lease, query, run
from gym_rated.human.store.told import refuse_told

UNDO_LEASE_S = 90.0
"""How long a clip stays the rater's after an undo, in seconds."""

_QUERY: BindParameter[Any] = bindparam("of_query")
_RATER: BindParameter[Any] = bindparam("of_rater")
# Built once: to build a statement takes longer than to run it.
_SENT = select(event).where(event.c.client_id == bindparam("of_client"))
_LOCKED = (
    select(query, run.c.overlap, run.c.num_classes)
    .join(run, run.c.id == query.c.run_id)
    .where(query.c.id == _QUERY)
    .with_for_update(of=query)
)
_LAST = (
    select(event.c.seq, event.c.kind, event.c.rating, event.c.revision)
    .where(event.c.query_id == _QUERY, event.c.rater == _RATER)
    .order_by(event.c.seq.desc())
    .limit(1)
)
_LAST_ANSWERED = (
    select(current.c.query_id)
    .where(current.c.rater == _RATER, current.c.kind != "undo")
    .order_by(current.c.seq.desc())
    .limit(1)
)
_LEASE = select(lease.c.expires_at).where(lease.c.query_id == _QUERY, lease.c.rater == _RATER)
_COUNT = (
    update(query)
    .where(query.c.id == _QUERY)
    .values(answers=query.c.answers + bindparam("change", type_=query.c.answers.type))
)
_ADD = insert(event).returning(event.c.seq)


def record(connection: Connection, new: Event, now: float) -> Recorded:
    """Write an event down; the caller must hold the rater's lock.

    Raises:
        Conflict: If another answered first, or the clip was never given to the rater, or there is
            nothing to take back, or the true reward of the clip's episode was shown, or `client_id`
            belongs to another event.
        ValueError: If the class does not exist.
    """
    if known := _repeated(connection, new):
        return known
    query_id = _last_answered(connection, new.rater) if new.query_id is None else new.query_id
    asked = connection.execute(_LOCKED, {"of_query": query_id}).one_or_none()
    if asked is None:
        raise Conflict("this clip is not known here; reload the page")
    refuse_told(connection, query_id)
    last = last_event(connection, query_id, new.rater)
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
    count_answer(connection, query_id, int(new.kind != "undo") - int(answered))
    return append(connection, new, asked, last, now)


def last_event(connection: Connection, query_id: int, rater: str) -> Any:
    """Return the row of a rater's last deed at a clip, or None."""
    return connection.execute(_LAST, {"of_query": query_id, "of_rater": rater}).one_or_none()


def count_answer(connection: Connection, query_id: int, change: int) -> None:
    """Keep up the number of raters whose answer to a clip stands."""
    if change:
        connection.execute(_COUNT, {"of_query": query_id, "change": change})


def append(connection: Connection, new: Event, asked: Any, last: Any, now: float) -> Recorded:
    """Add an event to the log.

    Args:
        connection: A writing transaction that has locked the query.
        new: The event.
        asked: Row of its query.
        last: Row of its rater's last event at that query, or None.
        now: The server's time.

    Raises:
        Conflict: If its `client_id` is taken.
    """
    revision = 0 if last is None else last.revision + 1
    row = {
        "client_id": new.client_id,
        "query_id": asked.id,
        "rater": new.rater,
        "kind": new.kind,
        "rating": new.rating,
        "revision": revision,
        "clip_sha256": asked.clip_sha256,
        "shown_ms": new.shown_ms,
        "at": now,
    }
    try:
        seq = int(connection.execute(_ADD, row).scalar_one())
    except IntegrityError as error:  # another rater's, a moment ago
        raise Conflict("this event was sent before by someone else; reload the page") from error
    return Recorded(seq, False, asked.id, revision)


def _repeated(connection: Connection, new: Event) -> Recorded | None:
    row = connection.execute(_SENT, {"of_client": new.client_id}).one_or_none()
    if row is None:
        return None
    same = (row.rater, row.kind, row.rating) == (new.rater, new.kind, new.rating)
    if not same or new.query_id not in (None, row.query_id):
        raise Conflict("this event was sent before with other content; reload the page")
    return Recorded(row.seq, True, row.query_id, row.revision)


def _last_answered(connection: Connection, rater: str) -> int:
    found = connection.execute(_LAST_ANSWERED, {"of_rater": rater}).scalar_one_or_none()
    if found is None:
        raise Conflict("there is no answer of yours to take back")
    return int(found)


def _check_seat(connection: Connection, asked: Any, rater: str, now: float) -> None:
    """See that a first answer has a seat: a lease that stands, or one that nobody took since."""
    values = {"of_query": asked.id, "of_rater": rater}
    given = connection.execute(_LEASE, values).scalar_one_or_none()
    if given is None:
        raise Conflict("this clip was not given to you; reload the page")
    if stands_at(given, now):
        return
    seats = 1 if asked.repeat_of is not None else asked.overlap
    if seats_taken(connection, asked.id, rater, now) >= seats:
        raise Conflict("another rater has taken this clip meanwhile; your answer was not kept")
