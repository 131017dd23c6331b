"""Which clip a rater sees next.

A clip has as many seats as the run's `overlap`; an answer takes one for good, a lease until it
expires. Tabs of one rater share a lease. Who answers without a seat is told so (`events`).
"""

import hashlib
import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, select, update

from gym_rated.human.store.records import Query
from gym_rated.human.store.tables import clip, current, event, lease, query, run, segment
from gym_rated.human.store.upsert import upsert

REPEAT_AFTER = 10
"""Other clips that a rater must have seen before one comes back as a quality check."""
TASK_BATCH = 10
"""Clips of one run after which a rater gets those of another, if there are any."""


def next_query(
    connection: Connection,
    rater: str,
    run_id: str | None,
    exclude: Collection[int],
    lease_s: float,
    now: float,
) -> Query | None:
    """Lease a clip to a rater; the caller must hold the rater's lock.

    Those that the rater has leased already come first, the one just taken back before all others.

    Args:
        connection: A writing transaction.
        rater: Who asks.
        run_id: Only clips of this run; of any by default.
        exclude: Clips that the page has already; their leases are renewed.
        lease_s: How long the clip is the rater's, in seconds.
        now: The server's time.
    """
    _renew(connection, rater, exclude, lease_s, now)
    query_id = _held(connection, rater, run_id, exclude, now)
    if query_id is None:
        query_id = _free(connection, rater, run_id, exclude, now)
        if query_id is not None:
            number = _num_issued(connection, rater)
            query_id = _repeat(connection, rater, query_id, number, now) or query_id
    if query_id is None:
        return None
    give(connection, query_id, rater, now + lease_s)
    return _read_query(connection, query_id)


def give(connection: Connection, query_id: int, rater: str, expires_at: float) -> None:
    """Lease a clip to a rater, or renew the lease."""
    key = and_(lease.c.query_id == query_id, lease.c.rater == rater)
    renewed = update(lease).where(key).values(expires_at=expires_at)
    if connection.execute(renewed).rowcount == 0:
        row = {"query_id": query_id, "rater": rater, "expires_at": expires_at}
        upsert(connection, lease, row | {"issue": _num_issued(connection, rater)})


def seats_taken(connection: Connection, query_id: int, rater: str, answers: int, now: float) -> int:
    """Return how many seats of a clip others have: `answers`, and those who hold a lease."""
    return answers + int(connection.execute(select(_others(query_id, rater, now))).scalar_one())


def _others(query_id: Any, rater: str, now: float) -> ColumnElement[int]:
    """Count the raters but this one who hold a lease; an answer ends a lease."""
    held = and_(lease.c.query_id == query_id, lease.c.rater != rater, lease.c.expires_at > now)
    return select(func.count()).select_from(lease).where(held).scalar_subquery()


def has_answered(query_id: Any, rater: Any) -> ColumnElement[bool]:
    """Say whether a rater's last deed at a clip was an answer."""
    mine = and_(current.c.query_id == query_id, current.c.rater == rater, current.c.kind != "undo")
    return exists(select(1).select_from(current).where(mine))


def _renew(
    connection: Connection, rater: str, in_hand: Collection[int], lease_s: float, now: float
) -> None:
    if in_hand:
        soon = now + 0.7 * lease_s  # later ones need no write at every look
        mine = and_(lease.c.rater == rater, lease.c.query_id.in_(in_hand))
        mine &= lease.c.expires_at.between(now, soon)
        connection.execute(update(lease).where(mine).values(expires_at=now + lease_s))


def _askable(run_id: str | None, exclude: Collection[int]) -> ColumnElement[bool]:
    wanted: list[ColumnElement[bool]] = [
        query.c.clip_sha256.is_not(None),
        query.c.expired.is_(False),
    ]
    if run_id is not None:
        wanted.append(query.c.run_id == run_id)
    if exclude:
        wanted.append(query.c.id.not_in(exclude))
    return and_(*wanted)


def _held(
    connection: Connection, rater: str, run_id: str | None, exclude: Collection[int], now: float
) -> int | None:
    """Return the clip that a rater holds: the one taken back last, else the one given first."""
    mine = and_(event.c.query_id == query.c.id, event.c.rater == rater)
    undone = select(func.max(event.c.seq)).where(mine).scalar_subquery()
    rows = (
        select(query.c.id)
        .join(lease, lease.c.query_id == query.c.id)
        .where(lease.c.rater == rater, lease.c.expires_at > now, _askable(run_id, exclude))
        .order_by(func.coalesce(undone, 0).desc(), lease.c.issue)
        .limit(1)
    )
    return connection.execute(rows).scalar_one_or_none()


def _free(
    connection: Connection, rater: str, run_id: str | None, exclude: Collection[int], now: float
) -> int | None:
    """Choose the oldest clip with a free seat, and lock it."""
    order = [query.c.id] if run_id is not None else [*_run_order(connection, rater), query.c.id]
    rows = (
        select(query.c.id, query.c.answers, run.c.overlap)
        .join(run, run.c.id == query.c.run_id)
        .where(
            _askable(run_id, exclude),
            query.c.repeat_of.is_(None),
            query.c.answers < run.c.overlap,
            query.c.answers + _others(query.c.id, rater, now) < run.c.overlap,
            ~has_answered(query.c.id, rater),
        )
        .order_by(*order)
        .with_for_update(of=query, skip_locked=True)
    )
    tried: list[int] = []
    while row := connection.execute(rows.where(query.c.id.not_in(tried)).limit(1)).one_or_none():
        # what others did between our look and our lock shows only in another look (PostgreSQL)
        answers = connection.execute(select(query.c.answers).where(query.c.id == row.id))
        taken = seats_taken(connection, row.id, rater, int(answers.scalar_one()), now)
        if taken < row.overlap:
            return int(row.id)
        tried.append(row.id)
    return None


def _run_order(connection: Connection, rater: str) -> list[ColumnElement[bool]]:
    """Stay with the run of a rater's last clips, or leave it after enough of them in a row."""
    rows = (
        select(query.c.run_id)
        .join(lease, lease.c.query_id == query.c.id)
        .where(lease.c.rater == rater)
        .order_by(lease.c.issue.desc())
        .limit(TASK_BATCH)
    )
    last = list(connection.execute(rows).scalars())
    if not last:
        return []
    is_enough = last == [last[0]] * TASK_BATCH
    return [query.c.run_id == last[0] if is_enough else query.c.run_id != last[0]]


def _num_issued(connection: Connection, rater: str) -> int:
    mine = select(func.count()).select_from(lease).where(lease.c.rater == rater)
    return int(connection.execute(mine).scalar_one())


def _repeat(
    connection: Connection, rater: str, query_id: int, number: int, now: float
) -> int | None:
    """Show a clip again in the place of a new one, at the run's rate; returns the new query.

    Chance depends on the rater and the number of the clip only, so that a reload changes nothing.
    """
    asked = select(run).join(query, query.c.run_id == run.c.id).where(query.c.id == query_id)
    of = connection.execute(asked).one()
    digest = hashlib.sha256(json.dumps([of.id, rater, number]).encode()).digest()
    chance = int.from_bytes(digest[:6]) / 2**48
    if chance >= of.duplicate_rate:
        return None
    again = query.alias("again")
    seen = and_(again.c.segment == query.c.segment, again.c.repeat_for == rater)
    rows = (
        select(query.c.id, query.c.segment, query.c.clip_sha256)
        .join(lease, lease.c.query_id == query.c.id)
        .join(current, and_(current.c.query_id == query.c.id, current.c.rater == rater))
        .where(
            _askable(of.id, ()),
            query.c.repeat_of.is_(None),
            lease.c.rater == rater,
            lease.c.issue < number - REPEAT_AFTER,
            current.c.kind == "rate",
            ~exists(select(1).select_from(again).where(seen)),
        )
        .order_by(query.c.id)
    )
    found = connection.execute(rows).all()
    if not found:
        return None
    old = found[int(chance / of.duplicate_rate * len(found))]
    row = {"run_id": of.id, "segment": old.segment, "clip_sha256": old.clip_sha256}
    row |= {"repeat_of": old.id, "repeat_for": rater}
    row |= {"answers": 0, "expired": False, "created_at": now}
    return int(connection.execute(insert(query).values(row).returning(query.c.id)).scalar_one())


def _read_query(connection: Connection, query_id: int) -> Query:
    rows = (
        select(query, segment.c.id.label("segment_id"), clip.c.fps, clip.c.frames)
        .add_columns(run.c.num_classes, run.c.class_names, run.c.instructions, run.c.task)
        .join(segment, segment.c.number == query.c.segment)
        .join(clip, clip.c.sha256 == query.c.clip_sha256)
        .join(run, run.c.id == query.c.run_id)
        .where(query.c.id == query_id)
    )
    row = connection.execute(rows).one()
    return Query(
        id=row.id,
        run_id=row.run_id,
        segment_id=row.segment_id,
        clip_sha256=row.clip_sha256,
        fps=row.fps,
        frames=row.frames,
        num_classes=row.num_classes,
        class_names=tuple(json.loads(row.class_names)),
        instructions=row.instructions,
        task=row.task,
    )
