"""Whether an open database still is the file that its name leads to.

SQLite goes on writing into a file that was renamed, replaced or deleted behind it, and says that
all is well; what it writes then, nobody finds. So every transaction looks before it begins, and
again before it ends.
"""

from pathlib import Path

from gym_rated.human.store.failures import StoreMoved, failure

_Identity = tuple[int, int]


class Whereabouts:
    """The files of an open SQLite database, as they were when it was opened.

    Args:
        file: The database.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._log = file.with_name(f"{file.name}-wal")
        self._known = _identity(file)
        self._known_log: _Identity | None = None

    def check(self) -> None:
        """See that database and log are where they were.

        Raises:
            StoreMoved: If a name leads to another file, or to none.
        """
        if self.is_elsewhere:
            raise failure(StoreMoved, self._file)
        if self._known_log is not None and _identity(self._log) != self._known_log:
            raise StoreMoved(
                f"`db` {self._file} lost its log {self._log.name} while it was open, so nothing is "
                "written; end what has it open (page, trainer), and start it again"
            )

    @property
    def is_elsewhere(self) -> bool:
        """Whether the name of the database leads to another file, or to none."""
        return _identity(self._file) != self._known

    def note_log(self) -> None:
        """Take down which log it is: once a transaction has read, it lasts as long as we do."""
        if self._known_log is None:
            self._known_log = _identity(self._log)

    def forget_log(self) -> None:
        """Forget the log: the database was closed, and its log may be another next time."""
        self._known_log = None


def _identity(file: Path) -> _Identity | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
