"""The only run format: one folder a run, readable with nothing but JSON.

`config.json` says what ran and on what, `metrics.jsonl` holds one line a log call, TensorBoard's
event files beside it hold the same tags, and `result.json` is written last, with the SHA-256 of
what the run made. A run that was killed is resumed at a step: what it had logged after that step is
dropped, so no step is logged twice.
"""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gym_rated.checkpoint.files import replace_file
from gym_rated.runs.names import CHECKPOINT, COLUMNS, CONFIG, METRICS, RESULT, SEALED
from gym_rated.runs.provenance import provenance
from gym_rated.runs.reading import digest, read_config, read_rows

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter


class RunWriter:
    """Writes one run; a context manager that closes its files.

    Args:
        folder: The run's folder, made if missing.
        config: The script's arguments; paths become text, NaN and infinities "nan" and "inf".
        script: Name of what trains, such as "ppo": a report groups runs by it.
        tensorboard: Whether to write TensorBoard event files beside the metrics.
        resume: Whether to continue the run that `folder` holds.
        resume_step: With `resume`, the step of the checkpoint that training continues from; rows of
            later steps are dropped.

    Raises:
        FileExistsError: If `folder` holds a run and `resume` is False.
        FileNotFoundError: If `folder` holds no run and `resume` is True.
        TypeError: If `config` holds something that JSON does not.
        ValueError: If `resume` and `resume_step` do not go together, or the metrics are damaged.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with RunWriter(folder, {"seed": 1}, tensorboard=False) as run:
        ...     run.log(128, {"charts/episodic_return": -1.5})
        >>> from gym_rated.runs import read_metrics
        >>> read_metrics(folder)["charts/episodic_return"]
        (array([128]), array([-1.5]))
    """

    def __init__(
        self,
        folder: str | Path,
        config: Mapping[str, Any],
        *,
        script: str | None = None,
        tensorboard: bool = True,
        resume: bool = False,
        resume_step: int | None = None,
    ) -> None:
        if resume != (resume_step is not None):
            raise ValueError(
                "`resume_step` must be given with `resume=True` and only then, got"
                f" {resume_step} with `resume={resume}`; pass the checkpoint's step"
            )
        self.folder = Path(folder)
        _check_folder(self.folder, resume)
        start = {"args": plain(config, "config"), **provenance()}
        if script is not None:
            start = {"script": script, **start}
        offset_s = 0.0
        if resume_step is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_json(self.folder / CONFIG, start)
        else:
            offset_s = _rewind(self.folder, resume_step)
            _note_resumption(self.folder, {"step": resume_step, **start})
        self._start_s = time.monotonic() - offset_s
        self._metrics = (self.folder / METRICS).open("a", encoding="utf-8")
        self._events = _open_events(self.folder, resume_step) if tensorboard else None

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Write one row of metrics; it is safe from a kill of this process when this returns.

        Args:
            step: Environment steps so far, summed over envs, at least 0.
            values: Tag -> number. NaN and infinities are written as null.

        Raises:
            ValueError: If `step` is negative, or a tag is "step" or "time_s".
            TypeError: If a value is no number.
        """
        if step < 0:
            raise ValueError(f"`step` must be at least 0, got {step}")
        if taken := set(values).intersection(COLUMNS):
            raise ValueError(f"`values` must not use the tags {COLUMNS}, got {sorted(taken)}")
        numbers = {tag: _number(tag, value) for tag, value in values.items()}
        row: dict[str, Any] = {"step": int(step)}
        row["time_s"] = round(time.monotonic() - self._start_s, 3)
        row |= {tag: x if math.isfinite(x) else None for tag, x in numbers.items()}
        self._metrics.write(json.dumps(row, allow_nan=False) + "\n")
        self._metrics.flush()
        if self._events is not None:
            _add_scalars(self._events, int(step), numbers)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Close the run with its final row, and seal what it made by SHA-256.

        Sealed are config, metrics, policy.safetensors, reward_model/ and ratings/; the checkpoint
        has checksums of its own.

        Args:
            result: Plain data; a key "sha256" is ours.

        Raises:
            ValueError: If `result` has a key "sha256".
            TypeError: If `result` holds something that JSON does not.
        """
        if "sha256" in result:
            raise ValueError('`result` must not have the key "sha256", got one; rename it')
        row = plain(result, "result")
        self.close()
        _write_json(self.folder / RESULT, {**row, "sha256": _digests(self.folder)})

    def close(self) -> None:
        """Close the files; closing twice does no harm."""
        self._metrics.close()
        if self._events is not None:
            self._events.close()
            self._events = None

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files, whatever happened."""
        self.close()


def plain(value: Any, path: str) -> Any:
    """Turn arguments and results into what JSON holds, everywhere readable.

    Args:
        value: Nested mappings, lists, tuples, paths, numbers (numpy's too), text, bool, None.
        path: Name of `value` for the error.

    Raises:
        TypeError: If something in `value` is none of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(item, f"{path}.{i}") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{path}.{key}") for key, item in value.items()}
    raise TypeError(f"`{path}` must be plain data, got {type(value).__name__}; turn it into text")


def _number(tag: str, value: Any) -> int | float:
    if isinstance(value, bool | int | np.integer | np.bool_):
        return int(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`values[{tag!r}]` must be a number, got {value!r}") from None


def _check_folder(folder: Path, resume: bool) -> None:
    """Refuse to mix two runs in one folder, and to resume what is not there."""
    holds_run = any((folder / name).exists() for name in (CONFIG, METRICS, RESULT, CHECKPOINT))
    if holds_run and not resume:
        raise FileExistsError(
            f"`folder` must not hold a run already, got {folder}; resume it, or choose another"
        )
    if resume and not (folder / CONFIG).is_file():
        raise FileNotFoundError(
            f"`folder` must hold the run to resume, got {folder} without {CONFIG}; check the path"
        )


def _rewind(folder: Path, step: int) -> float:
    """Drop the rows after `step` and the result; return the time_s of the last row that stays."""
    path = folder / METRICS
    rows = [r for r in read_rows(path) if r["step"] <= step] if path.exists() else []
    replace_file(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    (folder / RESULT).unlink(missing_ok=True)
    return float(rows[-1]["time_s"]) if rows else 0.0


def _note_resumption(folder: Path, start: Mapping[str, Any]) -> None:
    """Add to `config.json` that the run went on, from which step, with what and on what."""
    config = read_config(folder)
    config.setdefault("resumed", []).append(start)
    _write_json(folder / CONFIG, config)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    replace_file(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def _digests(folder: Path) -> dict[str, str]:
    """Hash the files that a result seals, by their name within `folder`."""
    tops = [folder / name for name in SEALED]
    files = [path for top in tops for path in sorted([top, *top.rglob("*")]) if path.is_file()]
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def _open_events(folder: Path, resume_step: int | None) -> "EventFileWriter":
    """Open TensorBoard's own writer, which needs neither torch nor tensorflow."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    if resume_step is not None:  # makes TensorBoard forget what an earlier file says of later steps
        session = SessionLog(status=SessionLog.START)
        writer.add_event(Event(wall_time=time.time(), step=resume_step + 1, session_log=session))
    return writer


def _add_scalars(writer: "EventFileWriter", step: int, numbers: Mapping[str, float]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    scalars = [Summary.Value(tag=tag, simple_value=x) for tag, x in numbers.items()]
    writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=scalars)))
