"""Episodes for who watches: played one ahead in a thread, the last few kept, on disk too.

A rating is of an episode that was played, so that a browser may send one after the server was
killed: what was played last is read again from the disk then.
"""

import logging
import re
import shutil
import threading
from pathlib import Path
from typing import Protocol

from gym_rated.assembly.playing import Episode
from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint.restoring import restoring

log = logging.getLogger("gym_rated.assembly.theatre")
KEPT = 3
"""Episodes that are kept in memory: the one that is watched, the one before, and the next."""
ON_DISK = 6
"""Likewise on disk, where a sitting that was killed left some, too."""
_END_S = 10.0  # a step of a slow environment may take long
_NAME = re.compile(r"watched-(\d+)-(\d+)")


class Player(Protocol):
    """Who plays; see `gym_rated.assembly.playing.Watched`."""

    played: int

    def play(self, sitting: int, number: int, /) -> Episode:
        """Play an episode."""
        ...

    def stop(self) -> None:
        """Leave the episode that is being played; called in another thread."""
        ...

    def close(self) -> None:
        """Free what it plays with."""
        ...


class Theatre:
    """Play episodes one after another, as they are asked for.

    Args:
        player: Who plays; called in one thread only.
        folder: Where the last episodes are kept.
        sitting: Number of this sitting, above those of which ratings are there.

    Attributes:
        problem: Why no episode comes; "" if one does.
    """

    def __init__(self, player: Player, folder: Path, sitting: int = 0) -> None:
        self._player, self._folder = player, folder
        self.sitting = max([sitting, *(place[0] + 1 for place in _kept(folder))])
        self.problem = ""
        self._episodes: dict[str, Episode] = {}
        self._asked = -1  # the last number that somebody waits for
        self._is_over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def played(self) -> int:
        """Steps so far of the episode that is being played."""
        return self._player.played

    def after(self, last: str) -> Episode | None:
        """Return the episode after `last`, the first one for ""; None while it is being played."""
        match = _NAME.fullmatch(last)
        is_ours = match is not None and int(match[1]) == self.sitting
        wanted = int(match[2]) + 1 if match is not None and is_ours else 0
        with self._changed:
            self._asked = max(self._asked, wanted)
            self._changed.notify_all()
            later = [e for e in self._episodes.values() if e.number >= wanted]
        return min(later, key=lambda episode: episode.number, default=None)

    def episode(self, name: str) -> Episode | None:
        """Return an episode by its id, one of before the server was started anew too; or None."""
        with self._changed:
            found = self._episodes.get(name)
        if found is not None or not _NAME.fullmatch(name) or not (self._folder / name).is_dir():
            return found
        try:
            with restoring("episode", self._folder / name):
                return Episode.of_state(load_state(self._folder / name))
        except (FileNotFoundError, ValueError) as error:
            log.warning("%s", error)
            return None

    def close(self) -> None:
        """End the playing, within a step of the episode that is being played."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._player.stop()
        self._thread.join(_END_S)

    def _run(self) -> None:
        number = 0
        while self._is_wanted(number):
            number += self._try(number)
        self._player.close()

    def _is_wanted(self, number: int) -> bool:
        """Wait until an episode is to be played; returns False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or number <= self._asked + 1)
            return not self._is_over

    def _try(self, number: int) -> bool:
        """Play; where that fails, say so, and wait a while before the next try."""
        try:
            self._add(self._player.play(self.sitting, number))
        except Exception as error:
            if self._is_over:  # it was left
                return False
            log.exception("no episode could be played")
            self.problem = f"{type(error).__name__}: {error}"[:400]
            with self._changed:
                self._changed.wait_for(lambda: self._is_over, 5.0)
            return False
        self.problem = ""
        return True

    def _add(self, episode: Episode) -> None:
        save_state(self._folder / episode.id, episode.state_dict())
        with self._changed:
            self._episodes[episode.id] = episode
            while len(self._episodes) > KEPT:
                del self._episodes[next(iter(self._episodes))]
        for place in _kept(self._folder)[:-ON_DISK]:
            shutil.rmtree(self._folder / "watched-{}-{}".format(*place), ignore_errors=True)


def _kept(folder: Path) -> list[tuple[int, int]]:
    """Return sitting and number of the episodes in a folder, the oldest first."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    matches = [match for match in map(_NAME.fullmatch, names) if match is not None]
    return sorted((int(match[1]), int(match[2])) for match in matches)
