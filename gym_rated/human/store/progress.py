"""How far the rating of a run is."""

from collections import Counter
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import Connection, and_, func, select

from gym_rated.human.store.results import Progress, RaterProgress
from gym_rated.human.store.runs import read_run, read_trainer, read_workers
from gym_rated.human.store.tables import current, event, job, query, segment

RATE_WINDOW_S = 600.0
_NEWEST_CLIPS = 30
_SAME_ROUND_S = 30.0  # clips further apart were not drawn one after the other


def read_progress(connection: Connection, run_id: str, now: float) -> Progress:
    """Count what there is of a run.

    Raises:
        ValueError: If there is no such run.
    """
    run = read_run(connection, run_id)
    reasons = _drop_reasons(connection, run_id)
    standing = _standing(connection, run_id)
    classes: Counter[int | None] = Counter()
    for row in standing:
        classes[row.rating] += row.number
    rated = sum(number for rating, number in classes.items() if rating is not None)
    waiting = _count_waiting(connection, run_id)
    return Progress(
        asked=_count_asked(connection, run_id),
        jobs_waiting=waiting,
        jobs_dropped=sum(reasons.values()),
        drop_reasons=reasons,
        queries_open=_count_queries(connection, run_id, run.overlap),
        unanswered=waiting + _count_queries(connection, run_id, 1),
        rated=rated,
        skipped=classes[None],
        class_counts=tuple(classes[c] for c in range(run.num_classes)),
        raters=_raters(connection, standing),
        last_at=_last_at(connection, run_id),
        ratings_per_minute=_speed(connection, run_id, now),
        clip_s=_clip_seconds(connection, run_id),
        trainer=read_trainer(connection, run_id),
        workers=read_workers(connection),
    )


def count_unanswered(connection: Connection, run_id: str) -> int:
    """Return how many segments nobody has answered, those without a clip among them."""
    return _count_waiting(connection, run_id) + _count_queries(connection, run_id, 1)


def _count_asked(connection: Connection, run_id: str) -> int:
    rows = select(func.count()).select_from(segment).where(segment.c.run_id == run_id)
    return int(connection.execute(rows).scalar_one())


def _count_waiting(connection: Connection, run_id: str) -> int:
    shown = select(query.c.segment).where(query.c.run_id == run_id)
    rows = (
        select(func.count())
        .select_from(job)
        .join(segment, segment.c.number == job.c.number)
        .where(segment.c.run_id == run_id, segment.c.number.not_in(shown))
    )
    return int(connection.execute(rows).scalar_one())


def _count_queries(connection: Connection, run_id: str, fewer_answers_than: int) -> int:
    wanted = and_(
        query.c.run_id == run_id,
        query.c.answers < fewer_answers_than,
        query.c.repeat_of.is_(None),
        query.c.expired.is_(False),
    )
    rows = select(func.count()).select_from(query).where(wanted)
    return int(connection.execute(rows).scalar_one())


def _drop_reasons(connection: Connection, run_id: str) -> dict[str, int]:
    rows = (
        select(segment.c.dropped, func.count())
        .where(segment.c.run_id == run_id, segment.c.dropped.is_not(None))
        .group_by(segment.c.dropped)
        .order_by(func.count().desc(), segment.c.dropped)
    )
    return {reason: int(number) for reason, number in connection.execute(rows)}


def _standing(connection: Connection, run_id: str) -> list[Any]:
    """Return how many standing answers each rater gave of each class."""
    rows = (
        select(current.c.rater, current.c.rating)
        .add_columns(func.count().label("number"), func.max(current.c.seq).label("last_seq"))
        .join(query, query.c.id == current.c.query_id)
        .where(query.c.run_id == run_id, query.c.repeat_of.is_(None), current.c.kind != "undo")
        .group_by(current.c.rater, current.c.rating)
    )
    return list(connection.execute(rows))


def _times(connection: Connection, seqs: set[int]) -> dict[int, float]:
    """Return when events of the log were."""
    rows = select(event.c.seq, event.c.at).where(event.c.seq.in_(seqs))
    return {row.seq: float(row.at) for row in connection.execute(rows)}


def _raters(connection: Connection, standing: list[Any]) -> tuple[RaterProgress, ...]:
    last: dict[str, int] = {}  # the latest is the last in the log: a clock may be set
    for row in standing:
        last[row.rater] = max(row.last_seq, last.get(row.rater, 0))
    at = _times(connection, set(last.values()))
    found = [
        RaterProgress(
            rater=name,
            rated=sum(r.number for r in standing if r.rater == name and r.rating is not None),
            skipped=sum(r.number for r in standing if r.rater == name and r.rating is None),
            last_at=at[last[name]],
        )
        for name in sorted(last)
    ]
    return tuple(sorted(found, key=lambda rater: -rater.rated))


def _last_at(connection: Connection, run_id: str) -> float | None:
    rows = (
        select(event.c.at)
        .join(query, query.c.id == event.c.query_id)
        .where(query.c.run_id == run_id, event.c.kind != "undo")
        .order_by(event.c.seq.desc())
        .limit(1)
    )
    at: float | None = connection.execute(rows).scalar_one_or_none()
    return at


def _speed(connection: Connection, run_id: str, now: float) -> float:
    rows = (
        select(func.count(), func.min(event.c.at), func.max(event.c.at))
        .join(query, query.c.id == event.c.query_id)
        .where(query.c.run_id == run_id, event.c.kind == "rate")
        .where(event.c.at.between(now - RATE_WINDOW_S, now))
    )
    number, first_at, last_at = connection.execute(rows).one()
    return 60.0 * (number - 1) / (last_at - first_at) if number > 1 and last_at > first_at else 0.0


def _clip_seconds(connection: Connection, run_id: str) -> float | None:
    """Return how long drawing a clip took, by the times between the newest ones."""
    rows = (
        select(query.c.created_at)
        .where(query.c.run_id == run_id, query.c.repeat_of.is_(None))
        .order_by(query.c.id.desc())
        .limit(_NEWEST_CLIPS)
    )
    times = list(connection.execute(rows).scalars())
    gaps = [later - earlier for later, earlier in pairwise(times)]
    drawn = [gap for gap in gaps if 0 < gap < _SAME_ROUND_S]
    return median(drawn) if drawn else None
