"""Bringing in segments and ratings that were given elsewhere."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store.events import append, count_answer, last_event
from gym_rated.human.store.jobs import add_query, add_segment
from gym_rated.human.store.records import SKIPPED, Event, ImportedRating, Job, Kind, Remark, Run
from gym_rated.human.store.remarks import append_remark, remark_at
from gym_rated.human.store.tables import query, remark, segment
from gym_rated.ratings.digest import digest_of


def import_ratings(
    connection: Connection,
    run: Run,
    segments: Sequence[Job],
    ratings: Iterable[ImportedRating],
    now: float,
) -> int:
    """Add segments, without a clip, and answers; returns how many said anything new.

    No lease is asked for, and an answer beyond the overlap is kept: it was given.

    Raises:
        ValueError: If a rating is of a segment that the run has not, or of no class, or a segment
            has other steps than that of the run.
    """
    for new in segments:
        number, is_new = add_segment(connection, run.id, new, with_job=False)
        if not is_new:
            _check_steps(connection, run.id, number, new)
    return sum(_import(connection, run, rating, now) for rating in ratings)


def read_segment_ids(connection: Connection, run_id: str) -> set[str]:
    """Return the ids of a run's segments, dropped ones among them."""
    ids = select(segment.c.id).where(segment.c.run_id == run_id)
    return set(connection.execute(ids).scalars())


def _check_steps(connection: Connection, run_id: str, number: int, new: Job) -> None:
    """Refuse a segment that is another one under an id that the run has: its ratings say so."""
    known = connection.execute(select(segment.c.blob).where(segment.c.number == number))
    blob = known.scalar_one()
    if blob == new.blob:
        return
    ours, theirs = unpack_segment(blob), unpack_segment(new.blob)
    if digest_of(ours.obs, ours.actions) != digest_of(theirs.obs, theirs.actions):
        raise ValueError(
            f"`segments` must be those of run {run_id!r}, got {new.segment_id!r} with other steps "
            "than it has there; name another run"
        )


def _import(connection: Connection, run: Run, new: ImportedRating, now: float) -> bool:
    if not SKIPPED <= new.rating < run.num_classes:
        raise ValueError(
            f"`rating` must lie in [0, {run.num_classes - 1}], or be {SKIPPED} for a skip, got "
            f"{new.rating} for {new.segment_id!r}"
        )
    asked = _query_of(connection, run.id, new.segment_id, now)
    _import_remark(connection, run, new, asked.id, now)
    last = last_event(connection, asked.id, new.rater)
    answered = last is not None and last.kind != "undo"
    rating = None if new.rating == SKIPPED else new.rating
    if answered and last.rating == rating:
        return False
    seq = 0 if last is None else last.seq
    origin = json.dumps([run.id, new.segment_id, new.rater, new.rating, seq])
    client_id = f"import {hashlib.sha256(origin.encode()).hexdigest()}"
    kind: Kind = "skip" if rating is None else "rate"
    deed = Event(client_id, asked.id, new.rater, kind, rating, new.shown_ms)
    append(connection, deed, asked, last, now)
    count_answer(connection, asked.id, int(not answered))
    return True


def _import_remark(
    connection: Connection, run: Run, new: ImportedRating, query_id: int, now: float
) -> None:
    """Bring in flag and comment where they are new; neither takes away what stands."""
    before = remark_at(connection, query_id, new.rater)
    flagged, comment = new.flagged or before[0], new.comment or before[1]
    if (flagged, comment) == before:
        return
    seq = connection.execute(select(func.max(remark.c.seq))).scalar_one()
    origin = json.dumps([run.id, new.segment_id, new.rater, flagged, comment, seq])
    client_id = f"import {hashlib.sha256(origin.encode()).hexdigest()}"
    append_remark(connection, Remark(client_id, query_id, new.rater, flagged, comment), now)


def _query_of(connection: Connection, run_id: str, segment_id: str, now: float) -> Any:
    """Return the locked query of a segment; a new one without a clip is shown to nobody."""
    same = (segment.c.run_id == run_id) & (segment.c.id == segment_id)
    number = connection.execute(select(segment.c.number).where(same)).scalar_one_or_none()
    if number is None:
        raise ValueError(
            f"`segment_id` must be a segment of run {run_id!r}, got {segment_id!r}; import from "
            "a file that holds segments (.npz), or into the database that showed it"
        )
    original = (query.c.segment == number) & query.c.repeat_for.is_(None)
    rows = select(query).where(original).with_for_update()
    found = connection.execute(rows).one_or_none()
    if found is None:
        add_query(connection, run_id, int(number), now)
        found = connection.execute(rows).one()
    return found
