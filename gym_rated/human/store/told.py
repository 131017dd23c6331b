"""Episodes whose true reward was shown to somebody: from then on no answer about them is given.

Nor is one changed or taken back, because who has seen the answer could choose what stands. It is
the episode that is closed, whoever asked: a name is a flag, and the next episode is a key away.
"""

from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, update

from gym_rated.human.store.failures import Conflict
from gym_rated.human.store.tables import query, segment, told
from gym_rated.human.store.upsert import add_if_new

_RUN: BindParameter[Any] = bindparam("of_run")
_EPISODE: BindParameter[Any] = bindparam("of_episode")
_IS_TOLD = select(told.c.run_id).where(told.c.run_id == _RUN, told.c.episode == _EPISODE)
# A recipe is JSON, and has the digest of the episode as a text.
_TOLD_OF_QUERY = (
    select(told.c.run_id)
    .join(segment, segment.c.run_id == told.c.run_id)
    .join(query, query.c.segment == segment.c.number)
    .where(query.c.id == bindparam("of_query"), segment.c.recipe.contains(told.c.episode))
    .limit(1)
)


def tell(connection: Connection, run_id: str, episode: str, rater: str, now: float) -> None:
    """Write down that the true reward of an episode is shown; what is open there is closed.

    Args:
        connection: A writing transaction.
        run_id: The run.
        episode: Digest of the episode, which the recipes of its segments have.
        rater: Who asked.
        now: The server's time.
    """
    add_if_new(connection, told, {"run_id": run_id, "episode": episode, "rater": rater, "at": now})
    of_episode = (segment.c.run_id == run_id) & segment.c.recipe.contains(episode)
    numbers = select(segment.c.number).where(of_episode)
    connection.execute(update(query).where(query.c.segment.in_(numbers)).values(expired=True))


def is_told(connection: Connection, run_id: str, episode: str) -> bool:
    """Say whether the true reward of an episode was shown."""
    values = {"of_run": run_id, "of_episode": episode}
    return connection.execute(_IS_TOLD, values).first() is not None


def refuse_told(connection: Connection, query_id: int | None) -> None:
    """Refuse an answer about an episode whose true reward was shown, or an undo of one.

    Raises:
        Conflict: If it was.
    """
    if connection.execute(_TOLD_OF_QUERY, {"of_query": query_id}).first() is not None:
        raise Conflict(
            "its true reward was shown: what was rated before stands; rate in an episode whose "
            "true reward nobody has seen"
        )
