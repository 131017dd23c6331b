"""Runs: what is asked, and who is at work on them."""

import json
import math
from collections.abc import Mapping
from typing import Any, get_args

from sqlalchemy import Connection, and_, func, select, update

from gym_rated.checkpoint.documents import parse_json
from gym_rated.human.store.failures import sound_row
from gym_rated.human.store.records import Doing, Run
from gym_rated.human.store.results import TrainerSeen, WorkerSeen
from gym_rated.human.store.tables import heartbeat, run
from gym_rated.human.store.upsert import add_if_new, upsert

_FINISHED = "finished"  # where others have a problem
_DOING: tuple[Doing, ...] = get_args(Doing)
_FIXED = ("num_classes", "class_names", "instructions", "env_id")


def open_run(connection: Connection, new: Run, now: float) -> None:
    """Add a run, or find it there; what may change (overlap, task, …) is brought up to date.

    Raises:
        ValueError: If the run is there with another criterion, or of another environment.
    """
    values = _values(new)
    latest = connection.execute(select(func.max(run.c.created_at))).scalar_one()
    if latest is not None:  # whatever the clock says: the first run stays the first
        now = max(now, math.nextafter(latest, math.inf))
    if add_if_new(connection, run, {"id": new.id, "created_at": now} | values) is not None:
        return
    known = run_of(connection.execute(select(run).where(run.c.id == new.id)).one())
    for name in _FIXED:
        ours, theirs = getattr(known, name), getattr(new, name)
        if ours != theirs:
            raise ValueError(
                f"`{name}` of run {new.id!r} must stay {ours!r}, got {theirs!r}: ratings of two "
                "scales must not mix; name another run"
            )
    connection.execute(update(run).where(run.c.id == new.id).values(values))


def read_runs(connection: Connection) -> list[Run]:
    """Return all runs, the oldest first."""
    return [run_of(row) for row in connection.execute(select(run).order_by(run.c.created_at))]


def first_created(connection: Connection) -> str:
    """Return the time at which the first run was added, to the microsecond; empty without one."""
    at = connection.execute(select(func.min(run.c.created_at))).scalar_one()
    return "" if at is None else f"{at:.6f}"


def read_run(connection: Connection, run_id: str) -> Run:
    """Return one run.

    Raises:
        ValueError: If there is no such run.
    """
    row = connection.execute(select(run).where(run.c.id == run_id)).one_or_none()
    if row is None:
        known = [r.id for r in read_runs(connection)]
        raise ValueError(f"`run_id` must be a run of the store, got {run_id!r}; it has {known}")
    return run_of(row)


def run_of(row: Any) -> Run:
    """Make a `Run` of a row of its table.

    Raises:
        Unsound: If it is of no run.
    """
    with sound_row("run"):
        return Run(
            id=row.id,
            num_classes=row.num_classes,
            class_names=tuple(parse_json(row.class_names)),
            instructions=row.instructions,
            task=row.task,
            env_id=row.env_id,
            config=parse_json(row.config),
            overlap=row.overlap,
            duplicate_rate=row.duplicate_rate,
        )


def _values(new: Run) -> dict[str, Any]:
    return {
        "num_classes": new.num_classes,
        "class_names": json.dumps(new.class_names),
        "instructions": new.instructions,
        "criterion_hash": new.criterion_hash,
        "task": new.task,
        "env_id": new.env_id,
        "config": json.dumps(dict(new.config)),
        "overlap": new.overlap,
        "duplicate_rate": new.duplicate_rate,
    }


def beat(connection: Connection, kind: str, name: str, values: Mapping[str, Any]) -> None:
    """Write down a sign of life of a trainer (named after its run) or a worker."""
    row: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "step": None,
        "learned_return": None,
        "problem": "",
    }
    row |= values
    if row["learned_return"] is not None and not math.isfinite(row["learned_return"]):
        row["learned_return"] = None
    upsert(connection, heartbeat, row)


def beat_of_trainer(
    connection: Connection,
    run_id: str,
    step: int,
    learned_return: float | None,
    doing: Doing,
    steps_per_s: float | None,
    now: float,
) -> None:
    """Write down a sign of life of a run's trainer, with what it does."""
    values = {"step": step, "learned_return": learned_return, "at": now}
    speed = f" {steps_per_s:.6g}" if doing and steps_per_s else ""
    beat(connection, "trainer", run_id, values | {"problem": doing + speed})


def end(connection: Connection, run_id: str, now: float) -> None:
    """Write down that a run is finished; a sign of life of its trainer takes that back."""
    seen = read_trainer(connection, run_id)
    values: dict[str, Any] = {"step": 0, "problem": _FINISHED, "at": now}
    values |= {} if seen is None else {"step": seen.step, "learned_return": seen.learned_return}
    beat(connection, "trainer", run_id, values)


def read_trainer(connection: Connection, run_id: str) -> TrainerSeen | None:
    """Return the last sign of life of a run's trainer."""
    where = and_(heartbeat.c.kind == "trainer", heartbeat.c.name == run_id)
    row = connection.execute(select(heartbeat).where(where)).one_or_none()
    if row is None:
        return None
    doing, speed = _read_doing(row.problem)
    is_finished = row.problem == _FINISHED
    return TrainerSeen(row.step, row.learned_return, row.at, is_finished, doing, speed)


def _read_doing(text: str) -> tuple[Doing, float | None]:
    """Return what a trainer did, and how fast; nothing where another program wrote the text."""
    word, _, number = text.partition(" ")
    doing: Doing | None = next((known for known in _DOING if known == word), None)
    try:
        speed = float(number)
    except ValueError:
        speed = math.nan
    return doing or "", speed if doing and math.isfinite(speed) and speed > 0 else None


def read_workers(connection: Connection) -> tuple[WorkerSeen, ...]:
    """Return the last sign of life of each render worker, the latest first."""
    rows = select(heartbeat).where(heartbeat.c.kind == "worker").order_by(heartbeat.c.at.desc())
    return tuple(WorkerSeen(r.name, r.problem, r.at) for r in connection.execute(rows))
