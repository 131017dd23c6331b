"""From a segment to a clip: jobs for render workers, leased one at a time.

A job is a row that is gone when its clip is there. A worker that dies keeps its lease until it
expires; then another takes the job, and the number of the attempt tells a late worker from the one
whose job it is now.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gym_rated.checkpoint.documents import parse_json
from gym_rated.human.store.checks import check_bytes, check_text
from gym_rated.human.store.failures import Conflict, Unsound, sound_row
from gym_rated.human.store.leases import stands
from gym_rated.human.store.records import Clip, Codec, Job
from gym_rated.human.store.results import NewestClip, TakenJob
from gym_rated.human.store.tables import clip, job, query, segment
from gym_rated.human.store.told import refuse_told
from gym_rated.human.store.upsert import add_if_new

ATTEMPTS = 3
"""How often a job may be taken without becoming a clip."""


def add_jobs(connection: Connection, run_id: str, jobs: Sequence[Job], now: float) -> int:
    """Add segments that the run has not yet; returns how many were new.

    Each gets a job, or its query at once where it brings its clip along.
    """
    return sum(_add_one(connection, run_id, new, now) for new in jobs)


def _add_one(connection: Connection, run_id: str, new: Job, now: float) -> bool:
    number, is_new = add_segment(connection, run_id, new, with_job=new.clip is None)
    if is_new and new.clip is not None:
        add_query(connection, run_id, number, now, clip_sha256=_add_clip(connection, new.clip))
    return is_new


def add_asked(connection: Connection, run_id: str, new: Job, now: float) -> int:
    """Add a segment with its clip, or find it there; returns the number of its query.

    Raises:
        Conflict: If it is new, and the true reward of its episode was shown.
    """
    is_new = _add_one(connection, run_id, new, now)
    same = (segment.c.run_id == run_id) & (segment.c.id == new.segment_id)
    original = select(query.c.id).join(segment, segment.c.number == query.c.segment)
    found = connection.execute(original.where(same, query.c.repeat_for.is_(None))).scalar_one()
    if is_new:  # or it may have been answered before that
        refuse_told(connection, found)
    return int(found)


def add_segment(
    connection: Connection, run_id: str, new: Job, *, with_job: bool
) -> tuple[int, bool]:
    """Add a segment if the run has it not yet; returns its number, and whether it is new."""
    values = {
        "run_id": run_id,
        "id": new.segment_id,
        "blob": new.blob,
        "recipe": json.dumps(dict(new.recipe)),
        "step": new.step,
    }
    number = add_if_new(connection, segment, values)
    if number is None:
        same = (segment.c.run_id == run_id) & (segment.c.id == new.segment_id)
        return int(connection.execute(select(segment.c.number).where(same)).scalar_one()), False
    if with_job:
        _add_job(connection, number, None)
    return int(number), True


def _add_job(connection: Connection, number: int, codec: Codec | None) -> None:
    values = {"number": number, "codec": codec, "attempt": 0, "worker": "", "expires_at": 0.0}
    connection.execute(insert(job).values(values))


def take_job(connection: Connection, worker: str, lease_s: float, now: float) -> TakenJob | None:
    """Lease the oldest job that nobody works on; one taken too often is given up."""
    while True:
        free = (
            select(job, segment)
            .join(segment, segment.c.number == job.c.number)
            .where(~stands(job.c.expires_at, now))
            .order_by(job.c.number)
            .limit(1)
            .with_for_update(of=job, skip_locked=True)
        )
        row = connection.execute(free).one_or_none()
        if row is None:
            return None
        reason = f"the render worker ended {ATTEMPTS} times without a clip"
        if row.attempt < ATTEMPTS:
            try:
                taken = _job_of(row)
                break
            except Unsound as error:
                reason = str(error)
        _give_up(connection, row.number, reason)
    values = {"worker": worker, "attempt": row.attempt + 1, "expires_at": now + lease_s}
    connection.execute(update(job).where(job.c.number == row.number).values(values))
    return TakenJob(
        id=row.number,
        run_id=row.run_id,
        job=taken,
        attempt=row.attempt + 1,
        codec=row.codec,
    )


def _job_of(row: Any) -> Job:
    with sound_row("segment"):
        return Job(row.id, check_bytes("blob", row.blob), dict(parse_json(row.recipe)), row.step)


def renew_job(connection: Connection, taken: TakenJob, lease_s: float, now: float) -> bool:
    """Make a lease end later; returns False if another worker has the job now, or it is gone."""
    mine = (job.c.number == taken.id) & (job.c.attempt == taken.attempt)
    renewed = update(job).where(mine).values(expires_at=now + lease_s)
    return connection.execute(renewed).rowcount == 1


def finish_job(connection: Connection, taken: TakenJob, new: Clip, now: float) -> int:
    """Turn a job into a clip and its query; returns the query's id.

    Raises:
        Conflict: If another worker has the job now, or it was dropped.
    """
    original = (query.c.segment == taken.id) & query.c.repeat_for.is_(None)
    if not _is_mine(connection, taken):
        known = select(query.c.id).where(original, query.c.clip_sha256.is_not(None))
        found = connection.execute(known).scalar_one_or_none()
        if found is None:
            raise Conflict(f"job {taken.id} is no longer leased to this worker")
        return int(found)  # finished before: by this worker, which did not hear of it
    sha256 = _add_clip(connection, new)
    connection.execute(delete(job).where(job.c.number == taken.id))
    shown = update(query).where(query.c.segment == taken.id).values(clip_sha256=sha256)
    if connection.execute(shown).rowcount:
        return int(connection.execute(select(query.c.id).where(original)).scalar_one())
    return add_query(connection, taken.run_id, taken.id, now, clip_sha256=sha256)


def add_query(connection: Connection, run_id: str, number: int, now: float, **values: Any) -> int:
    """Ask about a segment; returns the query's id."""
    row = {"run_id": run_id, "segment": number, "answers": 0, "expired": False, "created_at": now}
    added = insert(query).values(row | values).returning(query.c.id)
    return int(connection.execute(added).scalar_one())


def drop_job(connection: Connection, taken: TakenJob, reason: str) -> None:
    """Give a job up; nothing happens if another worker has it now."""
    if _is_mine(connection, taken):
        _give_up(connection, taken.id, reason)


def expire(connection: Connection, run_id: str, before_step: int | None) -> int:
    """Ask no longer about old segments that nobody answered, drawn or not; returns how many."""
    old = select(segment.c.number).where(segment.c.run_id == run_id)
    old = old if before_step is None else old.where(segment.c.step < before_step)
    shown = select(query.c.segment).where(query.c.run_id == run_id)
    undrawn = select(job.c.number).where(job.c.number.in_(old), job.c.number.not_in(shown))
    numbers = list(connection.execute(undrawn).scalars())
    for number in numbers:
        _give_up(connection, number, "expired before it was drawn")
    is_open = query.c.segment.in_(old) & query.c.expired.is_(False) & (query.c.answers == 0)
    changed = connection.execute(update(query).where(is_open).values(expired=True))
    return len(numbers) + int(changed.rowcount)


def remake(connection: Connection, query_id: int, codec: Codec) -> bool:
    """Ask for another clip of a query's segment; returns False if one is on its way."""
    shown = select(query.c.segment).where(query.c.id == query_id).with_for_update()
    number = connection.execute(shown).scalar_one_or_none()
    if number is None:
        raise Conflict("this clip is not known here; reload the page")
    if connection.execute(select(job.c.number).where(job.c.number == number)).first():
        return False
    _add_job(connection, int(number), codec)
    return True


def read_clip(connection: Connection, sha256: str) -> Clip | None:
    """Return a clip by its digest."""
    row = connection.execute(select(clip).where(clip.c.sha256 == sha256)).one_or_none()
    if row is None:
        return None
    with sound_row("clip"):
        found = Clip(
            check_bytes("data", row.data), row.codec, row.width, row.height, row.fps, row.frames
        )
        if found.sha256 != sha256:
            raise ValueError("its data are not those that its digest says")
    return found


def newest_clip(connection: Connection, run_id: str) -> NewestClip | None:
    """Return the clip of the segment that was cut last, among those that have one."""
    rows = (
        select(query.c.clip_sha256, segment.c.step)
        .join(segment, segment.c.number == query.c.segment)
        .where(query.c.run_id == run_id, query.c.clip_sha256.is_not(None))
        .order_by(segment.c.step.desc(), segment.c.number.desc())
        .limit(1)
    )
    row = connection.execute(rows).one_or_none()
    return None if row is None else NewestClip(row.clip_sha256, row.step)


def read_segments(
    connection: Connection, run_id: str, after: int, limit: int
) -> Iterator[tuple[int, str, bytes]]:
    """Yield (number, id, blob) of a run's segments that were not dropped, the first added first."""
    rows = (
        select(segment.c.number, segment.c.id, segment.c.blob)
        .where(segment.c.run_id == run_id, segment.c.number > after, segment.c.dropped.is_(None))
        .order_by(segment.c.number)
        .limit(limit)
    )
    for row in connection.execute(rows):
        with sound_row("segment"):
            found = row.number, check_text("id", row.id), check_bytes("blob", row.blob)
        yield found


def _is_mine(connection: Connection, taken: TakenJob) -> bool:
    mine = select(job.c.number).where(job.c.number == taken.id, job.c.attempt == taken.attempt)
    return connection.execute(mine.with_for_update()).first() is not None


def _give_up(connection: Connection, number: int, reason: str) -> None:
    connection.execute(delete(job).where(job.c.number == number))
    has_clip = select(query.c.id).where(query.c.segment == number)
    if connection.execute(has_clip).first() is None:  # else the clip that it has must do
        dropped = update(segment).where(segment.c.number == number)
        connection.execute(dropped.values(dropped=reason))


def _add_clip(connection: Connection, new: Clip) -> str:
    add_if_new(connection, clip, {"sha256": new.sha256, **vars(new)})
    return new.sha256
