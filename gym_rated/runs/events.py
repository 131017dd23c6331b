"""TensorBoard's event files, written as the rows of metrics are: whole, or not at all.

TensorBoard's own `EventFileWriter` writes in a thread, where a full disk is noticed late and ends
in a traceback; records are made by its `RecordWriter`, which needs neither torch nor tensorflow.
"""

import json
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gym_rated.checkpoint.files import GrowingFile
from gym_rated.runs.rows import Row

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

SCORE = "score"
"""Tag of a run's score, which is written once, at its end."""

# flags that say where a run is, and not what
_PLACES = ("run_dir", "resume", "track", "track_project")
_numbers = count()  # of the files of this process


class EventFile:
    """One event file.

    Args:
        folder: Folder of the run, whose name the run has in TensorBoard.
        flags: What the run is made of, for the page HPARAMS: plain data. None is left out, and so
            is where the run lies; what is no number, bool or text becomes text.
    """

    def __init__(self, folder: Path, flags: Mapping[str, Any]) -> None:
        self._folder, self._flags = folder, flags
        self._file: GrowingFile | None = None

    def open(self, rows: Sequence[Row], step: int | None) -> None:
        """Make the file; where a run goes on at `step`, what others say of later ones is forgotten.

        Raises:
            OSError: If it cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event

        moment = f"{time.time():010.0f}.{platform.node()}.{os.getpid()}.{next(_numbers)}"
        self._file = GrowingFile(self._folder / f"events.out.tfevents.{moment}")
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self._describe(self._folder.resolve().name, self._flags)
        if step is not None:
            self._forget_from(step)
            for row in rows:
                if row.step == step:
                    self.add(row)

    def add(self, row: Row) -> None:
        """Add a row of metrics.

        Raises:
            OSError: If it does not fit on the disk.
        """
        self._add(row.step, row.numbers)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Add the score, if there is one."""
        score = result.get(SCORE)
        if isinstance(score, int | float) and math.isfinite(score):
            self._add(int(result.get("global_step", 0)), {SCORE: score})

    def close(self, error: BaseException | None = None) -> None:
        """Close the file; closing twice does no harm."""
        if self._file is not None:
            self._file.close()

    def _add(self, step: int, numbers: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=tag, simple_value=x) for tag, x in numbers.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=scalars)))

    def _describe(self, name: str, flags: Mapping[str, Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.hparams import summary_v2

        values = {
            flag: _shown(value)
            for flag, value in flags.items()
            if value is not None and flag not in _PLACES
        }
        metrics = [summary_v2.Metric(SCORE, display_name=SCORE)]
        names = [summary_v2.HParam(flag) for flag in values]
        for summary in (
            summary_v2.hparams_config_pb(names, metrics),
            summary_v2.hparams_pb(values, trial_id=name),
        ):
            self._write(Event(wall_time=time.time(), summary=summary))

    def _forget_from(self, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        session = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=step, session_log=session))

    def _write(self, event: "Event") -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        assert self._file is not None, "a sink is opened first"
        record = BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        self._file.add(record.getvalue())


def _shown(value: Any) -> bool | float | str:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and not any(isinstance(x, list | dict) for x in value):
        return " ".join(map(str, value))
    return json.dumps(value)
