"""TensorBoard's event files, written as the rows of metrics are: whole, or not at all.

TensorBoard's own `EventFileWriter` writes in a thread, where a full disk is noticed late and ends
in a traceback; records are made by its `RecordWriter`, which needs neither torch nor tensorflow.
"""

import json
import os
import platform
import time
from collections.abc import Mapping
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gym_rated.checkpoint.files import GrowingFile

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

SCORE = "score"
"""Tag of a run's score, which is written once, at its end."""

_PLACES = ("run_dir", "resume")  # flags that say where a run is, and not what
_numbers = count()  # of the files of this process


class EventFile:
    """One event file.

    Args:
        folder: Folder of the run.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        moment = f"{time.time():010.0f}.{platform.node()}.{os.getpid()}.{next(_numbers)}"
        self._file = GrowingFile(folder / f"events.out.tfevents.{moment}")
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """Add a row of metrics; what is None is NaN.

        Raises:
            OSError: If it does not fit on the disk.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [
            Summary.Value(tag=tag, simple_value=float("nan") if x is None else x)
            for tag, x in numbers.items()
        ]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=scalars)))

    def describe(self, name: str, flags: Mapping[str, Any]) -> None:
        """Say what the run is made of, for TensorBoard's page HPARAMS.

        Args:
            name: What the run is called there.
            flags: Plain data. None is left out, and so is where the run lies; what is no number,
                bool or text becomes text.

        Raises:
            OSError: If it does not fit on the disk.
        """
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

    def forget_from(self, step: int) -> None:
        """Make TensorBoard forget what earlier files say of this step and later ones."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        session = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=step, session_log=session))

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._file.close()

    def _write(self, event: "Event") -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        record = BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        self._file.add(record.getvalue())


def _shown(value: Any) -> bool | float | str:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and not any(isinstance(x, list | dict) for x in value):
        return " ".join(map(str, value))
    return json.dumps(value)
