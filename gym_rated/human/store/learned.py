"""What the reward model makes of rated segments, for the page to set beside the ratings."""

import math
from collections.abc import Mapping

from sqlalchemy import Connection, select

from gym_rated.human.store.tables import learned, segment
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
