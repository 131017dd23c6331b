"""Rows of numbers in files that only grow, for what is too large to write anew every time.

A checkpoint of a replay memory would write hundreds of megabytes to say that a few thousand rows
are new. Here each save appends those to the last of a few files, and the checkpoint itself holds
nothing but the number of rows and a SHA-256 for each file. What a kill left behind the rows of the
last checkpoint is not read, and overwritten by the next save.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint.files import open_no_link, open_to_read, said_in_our_words
from gym_rated.checks import whole_number

_DTYPE = np.dtype("<f4")


class RowFiles:
    """A growing table of float32 rows, of which the newest are kept.

    Args:
        folder: Folder of the files, made when there is something to write.
        width: Numbers in a row.
        keep: How many of the newest rows must stay readable.
        rows_per_file: Rows after which a new file is begun; old ones are removed as a whole.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If a size is below 1.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> files = RowFiles(folder, width=2, keep=100)
        >>> files.append(np.ones((3, 2), np.float32))
        >>> again = RowFiles(folder, width=2, keep=100)
        >>> again.load_state_dict(files.state_dict()).shape
        (3, 2)
    """

    def __init__(
        self, folder: str | Path, width: int, keep: int, rows_per_file: int = 65_536
    ) -> None:
        self.folder = Path(folder)
        self.width = whole_number("width", width)
        self.keep = whole_number("keep", keep)
        self.rows_per_file = whole_number("rows_per_file", rows_per_file)
        self.num_rows = 0  # ever appended
        self._first_needed = 0  # the first file that the last state names
        self._hashes: dict[int, Any] = {}

    def append(self, rows: NDArray[np.float32]) -> None:
        """Write rows, shape (K, width), behind those there are, and wait until they are on disk."""
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"`rows` must have shape (K, {self.width}), got {rows.shape}")
        while len(rows):
            index, row = divmod(self.num_rows, self.rows_per_file)
            part, rows = rows[: self.rows_per_file - row], rows[self.rows_per_file - row :]
            data = np.ascontiguousarray(part, _DTYPE).tobytes()
            self._write(index, row * self.width * _DTYPE.itemsize, data)
            self._hashes.setdefault(index, hashlib.sha256()).update(data)
            self.num_rows += len(part)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold to find the rows again.

        Files that neither this state nor the one before it needs are removed: the checkpoint on
        disk may still be the one before.
        """
        for index in [i for i in self._hashes if i < self._first_needed]:
            self._path(index).unlink(missing_ok=True)
            del self._hashes[index]
        self._first_needed = max(0, self.num_rows - self.keep) // self.rows_per_file
        digests = {i: h.hexdigest() for i, h in self._hashes.items() if i >= self._first_needed}
        return {
            "num_rows": self.num_rows,
            "rows_per_file": self.rows_per_file,
            "sha256": digests,
        }

    def load_state_dict(self, state: dict[str, Any]) -> NDArray[np.float32]:
        """Continue from a state; returns the newest rows, at most `keep`, shape (K, width).

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file is damaged, or the state is of no such files.
        """
        self.num_rows = whole_number("num_rows", state["num_rows"], minimum=0)
        self.rows_per_file = whole_number("rows_per_file", state["rows_per_file"])
        digests = state["sha256"]
        end = -(-self.num_rows // self.rows_per_file)  # the first file that there is not yet
        if sorted(digests) != list(range(end - len(digests), end)) or (
            end and max(0, self.num_rows - self.keep) // self.rows_per_file not in digests
        ):
            raise ValueError(
                f"`state` must name the files of its {self.num_rows} rows, got {list(digests)[:9]}"
            )
        self._hashes, parts = {}, [np.zeros((0, self.width), np.float32)]
        for index, digest in sorted(digests.items()):
            data = self._read(index, min(self.rows_per_file, self._rows_from(index)))
            self._hashes[index] = hashlib.sha256(data)
            if self._hashes[index].hexdigest() != digest:
                raise ValueError(
                    f"`folder` must hold undamaged rows, got {self._path(index)} with another "
                    "SHA-256 than its checkpoint says; restore it from a copy, or begin a new run"
                )
            parts.append(np.frombuffer(data, _DTYPE).reshape(-1, self.width))
        self._first_needed = min(self._hashes, default=0)
        rows = np.concatenate(parts)[-self.keep :]
        if not np.isfinite(rows).all():
            raise ValueError(f"`folder` must hold finite numbers, got others in {self.folder}")
        return rows

    def _rows_from(self, index: int) -> int:
        return self.num_rows - index * self.rows_per_file

    def _path(self, index: int) -> Path:
        return self.folder / f"rows-{index:06d}.f32"

    def _write(self, index: int, offset: int, data: bytes) -> None:
        path = self._path(index)
        with said_in_our_words(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(path, "r+b", buffering=0, opener=open_no_link) as file:
                file.seek(offset)
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                file.truncate()
                os.fsync(file.fileno())

    def _read(self, index: int, num_rows: int) -> bytes:
        try:
            with open_to_read(self._path(index)) as file:
                there = os.fstat(file.fileno()).st_size  # not what a state says there is
                return file.read(min(there, num_rows * self.width * _DTYPE.itemsize))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"`folder` must hold the rows of its checkpoint, got {self.folder} without "
                f"{self._path(index).name}; restore it from a copy, or begin a new run"
            ) from None
