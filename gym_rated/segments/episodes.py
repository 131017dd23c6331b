"""Which rows of a buffer are of which episode, and the raw actions of each."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Episode:
    """The rows of one episode of one environment.

    Attributes:
        number: The how manieth of its environment it is, from 0.
        first_row: Its first row.
        stop: The row after its last; None while it runs.
        terminated: Whether it ended in a terminal state.
        raw_actions: Actions as the environment got them, where they are kept.
    """

    number: int
    first_row: int
    stop: int | None = None
    terminated: bool = False
    raw_actions: list[NDArray[Any]] = field(default_factory=list)

    def end(self, row: int) -> int:
        """Return the row after its last one so far, where `row` is the next to be filled."""
        return row if self.stop is None else self.stop


class Episodes:
    """The episodes of each of N environments that have rows in the ring, the oldest first.

    Args:
        num_envs: Number of environments N.
    """

    def __init__(self, num_envs: int) -> None:
        self._counts = [0] * num_envs
        self._kept: list[deque[Episode]] = [deque() for _ in range(num_envs)]

    def of(self, env_index: int) -> Iterator[Episode]:
        """Yield the episodes of an environment, the oldest first."""
        return iter(self._kept[env_index])

    def begin(self, env_index: int, row: int, oldest: int) -> None:
        """Begin an episode at a row, and forget those that ended at the oldest row or before."""
        episodes = self._kept[env_index]
        if episodes and episodes[-1].first_row == row:
            episodes.pop()  # it was reset before its first step
        while episodes and episodes[0].stop is not None and episodes[0].stop <= oldest:
            episodes.popleft()
        episodes.append(Episode(self._counts[env_index], first_row=row))
        self._counts[env_index] += 1

    def end(self, env_index: int, row: int, terminated: bool) -> None:
        """End the episode that runs, if one does; `row` is the one after its last."""
        episodes = self._kept[env_index]
        if episodes and episodes[-1].stop is None:
            episodes[-1].stop = row
            episodes[-1].terminated = terminated

    def keep_raw(self, raw_actions: Iterable[NDArray[Any]]) -> None:
        """Keep the raw action of each environment whose episode runs; N of them."""
        for episodes, raw_action in zip(self._kept, raw_actions, strict=True):
            if episodes and episodes[-1].stop is None:
                episodes[-1].raw_actions.append(raw_action)

    def since(self, env_index: int, first_row: int, row: int) -> list[tuple[int, int]]:
        """Return the rows of each episode from `first_row` up to `row`, as (first, stop)."""
        found = []
        for episode in reversed(self._kept[env_index]):
            if episode.end(row) <= first_row:
                break
            found.append((max(episode.first_row, first_row), episode.end(row)))
        return found[::-1]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of everything, for a checkpoint."""
        fields = [[_fields(episode) for episode in episodes] for episodes in self._kept]
        raw = [[a for e in episodes for a in e.raw_actions] for episodes in self._kept]
        return {
            "num_episodes": list(self._counts),
            "episodes": [np.array(rows, np.int64).reshape(-1, 5) for rows in fields],
            "raw_actions": [np.array(actions) for actions in raw],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned of as many environments; it may have more keys."""
        self._counts = list(state["num_episodes"])
        rows_of, actions_of = state["episodes"], state["raw_actions"]
        for episodes, rows, actions in zip(self._kept, rows_of, actions_of, strict=True):
            episodes.clear()
            raw = iter(actions)
            for number, first_row, stop, terminated, num_raw in rows.tolist():
                episode = Episode(number, first_row, None if stop < 0 else stop, bool(terminated))
                episode.raw_actions = list(islice(raw, num_raw))
                episodes.append(episode)


def _fields(episode: Episode) -> list[int]:
    stop = -1 if episode.stop is None else episode.stop
    num_raw = len(episode.raw_actions)
    return [episode.number, episode.first_row, stop, int(episode.terminated), num_raw]
