"""What the reward model makes of rated segments, and of raters, for the page and the commands."""

import json
import math
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select

from gym_rated.agreeing import Agreeing
from gym_rated.checkpoint.documents import parse_json
from gym_rated.human.store.checks import check_text
from gym_rated.human.store.failures import sound_row
from gym_rated.human.store.tables import heartbeat, learned, segment
from gym_rated.human.store.upsert import upsert


def write_learned(connection: Connection, run_id: str, returns: Mapping[str, float]) -> None:
    """Keep the learned returns of segments; unknown segments and values without sense are left."""
    wanted = {name: float(value) for name, value in returns.items() if math.isfinite(value)}
    rows = select(segment.c.number, segment.c.id)
    rows = rows.where(segment.c.run_id == run_id, segment.c.id.in_(wanted))
    for row in connection.execute(rows).all():
        upsert(connection, learned, {"segment": row.number, "learned_return": wanted[row.id]})


def read_learned(connection: Connection, run_id: str) -> dict[str, float]:
    """Return segment id -> learned return."""
    rows = (
        select(segment.c.id, learned.c.learned_return)
        .join(learned, learned.c.segment == segment.c.number)
        .where(segment.c.run_id == run_id)
        .order_by(segment.c.number)
    )
    return {row.id: float(row.learned_return) for row in connection.execute(rows)}


def write_contradicting(
    connection: Connection, run_id: str, shares: Mapping[str, float], now: float
) -> None:
    """Keep the share of each rater's ratings that contradict the rest, and no earlier ones."""
    kind = _contradicting(run_id)
    connection.execute(delete(heartbeat).where(heartbeat.c.kind == kind))
    for rater, share in shares.items():
        row = {"kind": kind, "name": rater, "learned_return": float(share), "problem": ""}
        upsert(connection, heartbeat, row | {"at": now})


def read_contradicting(connection: Connection, run_id: str) -> dict[str, float]:
    """Return rater -> share of ratings that contradict the rest; what is no share is left out."""
    rows = select(heartbeat.c.name, heartbeat.c.learned_return)
    rows = rows.where(heartbeat.c.kind == _contradicting(run_id)).order_by(heartbeat.c.name)
    found = connection.execute(rows).all()
    return {name: share for name, share in found if isinstance(share, float) and 0 <= share <= 1}


def write_agreeing(
    connection: Connection, run_id: str, found: Mapping[str, Agreeing], now: float
) -> None:
    """Keep how often the reward agrees with each rater, and nothing earlier."""
    kind = f"agreeing {run_id}"
    connection.execute(delete(heartbeat).where(heartbeat.c.kind == kind))
    for rater, one in found.items():
        row = {"kind": kind, "name": rater, "step": one.num, "learned_return": one.share}
        upsert(connection, heartbeat, row | {"problem": str(one.pairs), "at": now})


def read_agreeing(connection: Connection, run_id: str) -> dict[str, Agreeing]:
    """Return rater -> how often the reward agrees; what is no such number is left out."""
    rows = select(heartbeat).where(heartbeat.c.kind == f"agreeing {run_id}")
    found = {}
    for row in connection.execute(rows.order_by(heartbeat.c.name)):
        share, num, pairs = row.learned_return, row.step, row.problem
        is_sound = isinstance(share, float) and 0 <= share <= 1 and type(num) is int
        if is_sound and pairs.isascii() and pairs.isdigit():
            found[row.name] = Agreeing(num, int(pairs), share)
    return found


def write_doubtful(
    connection: Connection, run_id: str, segments: Mapping[str, Sequence[str]], now: float
) -> None:
    """Keep which segments each rater should look at again, and no earlier ones."""
    kind = f"doubtful {run_id}"
    connection.execute(delete(heartbeat).where(heartbeat.c.kind == kind))
    for rater, ids in segments.items():
        row = {"kind": kind, "name": rater, "problem": json.dumps(list(ids)), "at": now}
        upsert(connection, heartbeat, row)


def read_doubtful(connection: Connection, run_id: str) -> dict[str, list[str]]:
    """Return rater -> segments to look at again."""
    rows = select(heartbeat).where(heartbeat.c.kind == f"doubtful {run_id}")
    found = {}
    for row in connection.execute(rows.order_by(heartbeat.c.name)):
        with sound_row("heartbeat"):
            found[row.name] = [check_text("problem", name) for name in parse_json(row.problem)]
    return found


def _contradicting(run_id: str) -> str:
    """Return the kind of the signs of life that are about raters, and bring the share."""
    return f"contradicting {run_id}"
