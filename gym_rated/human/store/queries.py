"""Which clip a rater sees next.

A clip has as many seats as the run's `overlap`; an answer takes one for good, a lease until it
expires. Tabs of one rater share a lease. Who answers without a seat is told so (`events`).

Statements are built once: to build one takes longer than to run it.
"""

import hashlib
import json
from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from gym_rated.checkpoint.documents import parse_json
from gym_rated.human.store.failures import sound_row
from gym_rated.human.store.leases import stands
from gym_rated.human.store.records import round_of, shortest_of
from gym_rated.human.store.remarks import remark_at
from gym_rated.human.store.results import Query
from gym_rated.human.store.tables import clip, current, event, lease, query, run, segment
from gym_rated.human.store.upsert import upsert

REPEAT_AFTER = 10
"""Other clips that a rater must have answered since, before one comes back as a quality check."""
TASK_BATCH = 10
"""Clips of one run after which a rater gets those of another, if there are any."""

_RATER: BindParameter[Any] = bindparam("of_rater")
_QUERY: BindParameter[Any] = bindparam("of_query")
_NOW: BindParameter[Any] = bindparam("at_now")
_EXCLUDE: BindParameter[Any] = bindparam("exclude", expanding=True)


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
    values = {"of_rater": rater, "of_run": run_id, "at_now": now, "exclude": list(exclude)}
    if exclude:  # later leases need no write at every look
        renewed = {"soon": now + 0.7 * lease_s, "until": now + lease_s}
        connection.execute(_RENEW, values | renewed)
    query_id = connection.execute(_held(run_id is not None), values).scalar_one_or_none()
    if query_id is not None:
        give(connection, query_id, rater, now + lease_s)
        return _read_query(connection, query_id, rater)
    free = _free(connection, values)
    if free is None:
        return None
    issue = _next_issue(connection, rater)
    chosen = _repeat(connection, rater, free, issue, now) or int(free.id)
    row = {"query_id": chosen, "rater": rater, "expires_at": now + lease_s}
    upsert(connection, lease, row | {"issue": issue})
    return _read_query(connection, chosen, rater)


def give(connection: Connection, query_id: int, rater: str, expires_at: float) -> None:
    """Change when a rater's lease of a clip ends; one that has none gets it."""
    values = {"of_query": query_id, "of_rater": rater, "until": expires_at}
    if connection.execute(_GIVE, values).rowcount == 0:
        row = {"query_id": query_id, "rater": rater, "expires_at": expires_at}
        upsert(connection, lease, row | {"issue": _next_issue(connection, rater)})


def seats_taken(connection: Connection, query_id: int, rater: str, now: float) -> int:
    """Return how many seats of a clip others have: by an answer, or by a lease."""
    values = {"of_query": query_id, "of_rater": rater, "at_now": now}
    return int(connection.execute(_SEATS, values).scalar_one())


def _leases_of_others() -> ColumnElement[int]:
    """Count the raters but this one who hold a lease of a clip; an answer ends a lease."""
    held = and_(lease.c.query_id == query.c.id, lease.c.rater != _RATER)
    held = and_(held, stands(lease.c.expires_at, _NOW))
    return select(func.count()).select_from(lease).where(held).correlate(query).scalar_subquery()


_SEATS = select(query.c.answers + _leases_of_others()).where(query.c.id == _QUERY)
_GIVE = (
    update(lease)
    .where(lease.c.query_id == _QUERY, lease.c.rater == _RATER)
    .values(expires_at=bindparam("until"))
)
_RENEW = (
    update(lease)
    .where(
        lease.c.rater == _RATER,
        lease.c.query_id.in_(_EXCLUDE),
        lease.c.expires_at.between(_NOW, bindparam("soon")),
    )
    .values(expires_at=bindparam("until"))
)


def _askable(of_run: bool) -> ColumnElement[bool]:
    shown = and_(query.c.clip_sha256.is_not(None), query.c.expired.is_(False))
    shown = and_(shown, query.c.id.not_in(_EXCLUDE))
    return and_(shown, query.c.run_id == bindparam("of_run")) if of_run else shown


@cache
def _held(of_run: bool) -> Select[Any]:
    """Select the clip that a rater holds: the one taken back last, else the one given first."""
    mine = and_(event.c.query_id == query.c.id, event.c.rater == _RATER)
    undone = select(func.max(event.c.seq)).where(mine).scalar_subquery()
    return (
        select(query.c.id)
        .join(lease, lease.c.query_id == query.c.id)
        .where(lease.c.rater == _RATER, stands(lease.c.expires_at, _NOW), _askable(of_run))
        .order_by(func.coalesce(undone, 0).desc(), lease.c.issue)
        .limit(1)
    )


@cache
def _seats_free(of_run: bool, stay: bool | None) -> Select[Any]:
    """Select the oldest clip with a free seat; see `_run_order` for `stay`."""
    mine = and_(current.c.query_id == query.c.id, current.c.rater == _RATER)
    answered = exists(select(1).select_from(current).where(mine, current.c.kind != "undo"))
    last_run = query.c.run_id == bindparam("last_run")
    order: list[ColumnElement[Any]] = []
    if stay is not None:
        order = [last_run.desc() if stay else last_run]
    return (
        select(query.c.id, query.c.run_id, run.c.overlap, run.c.duplicate_rate)
        .join(run, run.c.id == query.c.run_id)
        .where(
            _askable(of_run),
            query.c.id.not_in(bindparam("tried", expanding=True)),
            query.c.repeat_of.is_(None),
            query.c.answers < run.c.overlap,
            query.c.answers + _leases_of_others() < run.c.overlap,
            ~answered,
        )
        .order_by(*order, query.c.id)
        .limit(1)
        .with_for_update(of=query, skip_locked=True)
    )


def _free(connection: Connection, values: dict[str, Any]) -> Any:
    """Choose a clip with a free seat, and lock it."""
    of_run = values["of_run"] is not None
    last_run, stay = (None, None) if of_run else _run_order(connection, values["of_rater"])
    tried: list[int] = []
    while True:
        values = values | {"tried": tried, "last_run": last_run}
        row = connection.execute(_seats_free(of_run, stay), values).one_or_none()
        if row is None:
            return None
        # what others did between our look and our lock shows only in another look (PostgreSQL)
        taken = seats_taken(connection, row.id, values["of_rater"], values["at_now"])
        if taken < row.overlap:
            return row
        tried.append(row.id)


_LAST_RUNS = (
    select(query.c.run_id)
    .join(lease, lease.c.query_id == query.c.id)
    .where(lease.c.rater == _RATER)
    .order_by(lease.c.issue.desc())
    .limit(TASK_BATCH)
)
_NEXT_ISSUE = select(func.coalesce(func.max(lease.c.issue), -1) + 1).where(lease.c.rater == _RATER)


def _run_order(connection: Connection, rater: str) -> tuple[str | None, bool | None]:
    """Return the run of a rater's last clips, and whether to stay with it for another."""
    last = list(connection.execute(_LAST_RUNS, {"of_rater": rater}).scalars())
    if not last:
        return None, None
    return str(last[0]), last != [last[0]] * TASK_BATCH


def _next_issue(connection: Connection, rater: str) -> int:
    """Return the number of the next clip given; one given again later gets a new number."""
    return int(connection.execute(_NEXT_ISSUE, {"of_rater": rater}).scalar_one())


def _repeat(connection: Connection, rater: str, free: Any, issue: int, now: float) -> int | None:
    """Show a clip again in the place of a new one, at the run's rate; returns the new query.

    Chance depends on the rater and the number of the clip only, so that a reload changes nothing.
    """
    digest = hashlib.sha256(json.dumps([free.run_id, rater, issue]).encode()).digest()
    chance = int.from_bytes(digest[:6]) / 2**48
    if chance >= free.duplicate_rate:
        return None
    values = {"of_rater": rater, "of_run": free.run_id, "exclude": []}
    found = connection.execute(_seen_once(), values).all()
    if not found:
        return None
    old = found[int(chance / free.duplicate_rate * len(found))]
    row = {"run_id": free.run_id, "segment": old.segment, "clip_sha256": old.clip_sha256}
    row |= {"repeat_of": old.id, "repeat_for": rater}
    row |= {"answers": 0, "expired": False, "created_at": now}
    return int(connection.execute(insert(query).values(row).returning(query.c.id)).scalar_one())


@cache
def _seen_once() -> Select[Any]:
    """Select what a rater rated long enough ago, and has not seen again.

    What counts is when the rating was given or corrected, not when the clip was first shown: it
    may have been on screen, or taken back, while others were rated.
    """
    again: Any = query.alias("again")
    seen = and_(again.c.segment == query.c.segment, again.c.repeat_for == _RATER)
    last: Any = current.alias("last")
    before = (
        select(last.c.seq)
        .where(last.c.rater == _RATER, last.c.kind != "undo")
        .order_by(last.c.seq.desc())
        .offset(REPEAT_AFTER - 1)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(query.c.id, query.c.segment, query.c.clip_sha256)
        .join(current, and_(current.c.query_id == query.c.id, current.c.rater == _RATER))
        .where(
            _askable(of_run=True),
            query.c.repeat_of.is_(None),
            current.c.seq < before,
            current.c.kind == "rate",
            ~exists(select(1).select_from(again).where(seen)),
        )
        .order_by(query.c.id)
    )


_FULL_QUERY = (
    select(query, segment.c.id.label("segment_id"), clip.c.fps, clip.c.frames)
    .add_columns(run.c.class_names, run.c.instructions, run.c.task, run.c.config, segment.c.recipe)
    .join(segment, segment.c.number == query.c.segment)
    .join(clip, clip.c.sha256 == query.c.clip_sha256)
    .join(run, run.c.id == query.c.run_id)
    .where(query.c.id == _QUERY)
)


_LAST_FIRST_SHOWING = (
    select(segment.c.recipe)
    .join(query, query.c.segment == segment.c.number)
    .join(lease, lease.c.query_id == query.c.id)
    .where(lease.c.rater == _RATER, query.c.run_id == bindparam("of_run"))
    .where(query.c.repeat_of.is_(None))
    .order_by(lease.c.issue.desc())
    .limit(1)
)


def _read_query(connection: Connection, query_id: int, rater: str) -> Query:
    row = connection.execute(_FULL_QUERY, {"of_query": query_id}).one()
    recipe = row.recipe
    if row.repeat_of is not None:  # its own round would tell it from a first showing
        values = {"of_rater": row.repeat_for, "of_run": row.run_id}
        recipe = connection.execute(_LAST_FIRST_SHOWING, values).scalar_one()
    flagged, comment = remark_at(connection, query_id, rater)
    with sound_row("query"):
        return Query(
            id=row.id,
            run_id=row.run_id,
            segment_id=row.segment_id,
            clip_sha256=row.clip_sha256,
            fps=row.fps,
            frames=row.frames,
            class_names=tuple(parse_json(row.class_names)),
            instructions=row.instructions,
            task=row.task,
            segment_length=shortest_of(parse_json(row.config)),
            round=round_of(parse_json(recipe)),
            flagged=flagged,
            comment=comment,
        )
