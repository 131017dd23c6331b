"""The only run format: one folder a run, readable with nothing but JSON.

`config.json` says what ran and on what, `metrics.jsonl` holds one line a log call, TensorBoard's
event files beside it hold the same tags, as trackers do where they are asked for, and `result.json`
is written last, with the SHA-256 of what the run made. A run that was killed is resumed at a
checkpoint, which knows how many rows had been logged: those after it are dropped, so nothing is
logged twice.
"""

import json
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from gym_rated.checkpoint.files import GrowingFile, replace_file
from gym_rated.choices import TrackerName
from gym_rated.runs.lock import lock_folder
from gym_rated.runs.mirror import Mirror
from gym_rated.runs.names import CHECKPOINT, COLUMNS, CONFIG, FORMAT, METRICS, RESULT, SEALED
from gym_rated.runs.provenance import provenance
from gym_rated.runs.reading import digest, read_config, read_rows
from gym_rated.runs.rows import Row, Sink
from gym_rated.runs.sinks import choose_sinks


class RunWriter:
    """Writes one run; a context manager that closes its files.

    Args:
        folder: The run's folder, made if missing.
        config: The script's arguments; paths become text, NaN and infinities "nan" and "inf".
        script: Name of what trains, such as "ppo": a report groups runs by it.
        tensorboard: Whether to write TensorBoard event files beside the metrics.
        track: Trackers that get the same, "wandb" and "mlflow". One that fails later is left alone
            with a warning; the run goes on without it.
        track_project: Their project or experiment; by default what their variables say, or
            "gym_rated".
        resume: Whether to continue the run that `folder` holds.
        resume_step: With `resume`, the step of the checkpoint that training continues from; rows of
            later steps are dropped.
        stamp: With `resume`, the `stamp` in that checkpoint, which knows which rows to drop even
            among those of the same step.
        is_held: Whether the caller holds the folder, see `gym_rated.runs.lock`; else the writer
            does until it is closed.

    Raises:
        FileExistsError: If `folder` holds a run and `resume` is False.
        FileNotFoundError: If `folder` holds no run and `resume` is True.
        ImportError: If the package of a tracker is missing.
        OSError: If `folder` is no folder, or cannot be written to.
        RuntimeError: If another process writes to this folder.
        TypeError: If `config` holds something that JSON does not.
        ValueError: If `resume` and `resume_step` do not go together, the metrics are damaged, or
            `track` names a tracker that cannot begin a new run.

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
        track: Sequence[TrackerName] = (),
        track_project: str | None = None,
        resume: bool = False,
        resume_step: int | None = None,
        stamp: Mapping[str, Any] | None = None,
        is_held: bool = False,
    ) -> None:
        if resume != (resume_step is not None):
            raise ValueError(
                "`resume_step` must be given with `resume=True` and only then, got"
                f" {resume_step} with `resume={resume}`; pass the checkpoint's step"
            )
        self.folder = Path(folder)
        check_folder(self.folder, resume)
        start = {"format": FORMAT, "args": plain(config, "config"), **provenance()}
        version = start["versions"].get("gym_rated")
        self._made_by = {"format": FORMAT, "gym_rated": version, "script": script}
        if script is not None:
            start = {"script": script, **start}
        self._lock = None if is_held else lock_folder(self.folder)
        try:
            check_folder(self.folder, resume)  # once more, as others may have been here
            self._sinks: list[Sink] = choose_sinks(  # first, as a tracker may refuse
                self.folder,
                start,
                is_new=not resume,
                tensorboard=tensorboard,
                track=track,
                project=track_project,
            )
        except BaseException:
            self._let_go()
            raise
        try:
            self._open(start, resume_step, (stamp or {}).get("num_rows"))
        except BaseException as error:
            self._close_sinks(error)
            raise

    def _open(self, start: dict[str, Any], step: int | None, num_rows: int | None) -> None:
        rows: list[dict[str, Any]] = []
        if step is None:
            _write_json(self.folder / CONFIG, start)
        else:
            rows = _rewind(self.folder, step, num_rows)
            _note_resumption(self.folder, {"step": step, **start})
        self._num_rows = len(rows)
        self._start_s = time.monotonic() - (float(rows[-1]["time_s"]) if rows else 0.0)
        self._began_s = time.time() - (time.monotonic() - self._start_s)
        self._metrics = GrowingFile(self.folder / METRICS)
        known = [self._as_row(k, row) for k, row in enumerate(rows)]
        for sink in self._sinks:
            sink.open(known, step)

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Write one row of metrics; it is safe from a kill of this process when this returns.

        Args:
            step: Environment steps so far, summed over envs, at least 0.
            values: Tag -> number. NaN and infinities are written as null.

        Raises:
            ValueError: If `step` is negative, or a tag is "step" or "time_s".
            TypeError: If a value is no number.
            OSError: If the row does not fit on the disk; then no part of it is there.
        """
        if step < 0:
            raise ValueError(f"`step` must be at least 0, got {step}")
        if taken := set(values).intersection(COLUMNS):
            raise ValueError(f"`values` must not use the tags {COLUMNS}, got {sorted(taken)}")
        numbers = {tag: _number(tag, value) for tag, value in values.items()}
        row: dict[str, Any] = {"step": int(step)}
        row["time_s"] = round(time.monotonic() - self._start_s, 3)
        row |= {tag: x if math.isfinite(x) else None for tag, x in numbers.items()}
        self._metrics.add((json.dumps(row, allow_nan=False) + "\n").encode())
        taken_over = self._as_row(self._num_rows, row | numbers)
        self._num_rows += 1
        for sink in self._sinks:
            sink.add(taken_over)

    def stamp(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the state of a checkpoint with what wrote it, and how far the run is logged.

        Args:
            state: All that the rest of the run depends on; a key "stamp" is ours.

        Returns:
            `state`, and "stamp" with format, version of gym_rated, script and number of rows,
            which are on the disk from now on.
        """
        self._metrics.sync()
        return {**state, "stamp": self._made_by | {"num_rows": self._num_rows}}

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
        for sink in self._sinks:
            sink.finish(row)
        self._metrics.close()
        _write_json(self.folder / RESULT, {**row, "sha256": _digests(self.folder)})
        self.close()

    @property
    def tracked(self) -> dict[str, str]:
        """Name of each tracker -> where it shows the run."""
        mirrors = [sink for sink in self._sinks if isinstance(sink, Mirror)]
        return {mirror.name: mirror.place for mirror in mirrors if mirror.place is not None}

    def close(self) -> None:
        """Close the files; closing twice does no harm."""
        self._metrics.close()
        self._close_sinks(None)

    def _close_sinks(self, error: BaseException | None) -> None:
        try:
            for sink in self._sinks:
                sink.close(error)
        finally:
            self._let_go()

    def _as_row(self, number: int, row: Mapping[str, Any]) -> Row:
        """Return a row of `metrics.jsonl` as sinks take it; null is NaN."""
        numbers = {k: math.nan if x is None else x for k, x in row.items() if k not in COLUMNS}
        return Row(number, row["step"], self._began_s + row["time_s"], numbers)

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()

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
        self._metrics.close()
        self._close_sinks(error)


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


def check_folder(folder: Path, resume: bool) -> None:
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


def _rewind(folder: Path, step: int, num_rows: int | None) -> list[dict[str, Any]]:
    """Drop the rows that a checkpoint does not know, and the result; return the rows that stay.

    Checkpoints of format 1 know no number of rows: then those of later steps are dropped.
    """
    path = folder / METRICS
    found = read_rows(path) if path.exists() else []
    rows = [row for row in found[:num_rows] if row["step"] <= step]
    if num_rows is not None and len(rows) < num_rows:
        warnings.warn(
            f"{path} has only {len(rows)} of the {num_rows} rows that were there at the checkpoint;"
            " the run goes on without them",
            stacklevel=4,
        )
    replace_file(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    (folder / RESULT).unlink(missing_ok=True)
    return rows


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
