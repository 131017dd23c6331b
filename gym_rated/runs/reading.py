"""Read what a run has written: metrics of any run, and the result of a finished one."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.runs.names import COLUMNS, CONFIG, FORMAT, METRICS, RESULT


def read_metrics(folder: str | Path) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Read the metrics of a run, finished, running or killed.

    Args:
        folder: The run's folder.

    Returns:
        Tag -> (steps, values), both of shape (rows with that tag,), in the order of logging; null
        is NaN. "time_s", seconds since the run began, is a tag too. A last line that a kill tore
        is left out.

    Raises:
        FileNotFoundError: If there are no metrics.
        ValueError: If any other line is damaged.
    """
    columns: dict[str, tuple[list[int], list[float]]] = {}
    for row in read_rows(Path(folder) / METRICS):
        for tag, value in row.items():
            if tag != "step":
                steps, values = columns.setdefault(tag, ([], []))
                steps.append(row["step"])
                values.append(math.nan if value is None else value)
    return {tag: (np.array(s, np.int64), np.array(v, float)) for tag, (s, v) in columns.items()}


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read what a run is: its script, arguments, versions, and where it was resumed.

    Args:
        folder: The run's folder.

    Returns:
        The content of `config.json`; "args" is there, and is a dict.

    Raises:
        FileNotFoundError: If there is no run.
        ValueError: If `config.json` is damaged, or of a newer format.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise FileNotFoundError(
            f"`folder` must hold a run, got {folder} without {CONFIG}; check the path"
        )
    try:
        config: Any = json.loads(path.read_bytes())
    except ValueError:
        config = None
    if not isinstance(config, dict) or not isinstance(config.get("args"), dict):
        raise ValueError(
            f"`folder` must hold an undamaged {CONFIG}, got {path} of {path.stat().st_size} bytes "
            "that says of no arguments; restore it from a copy"
        )
    check_format(config.get("format", 1), config.get("versions", {}).get("gym_rated"), path)
    return config


def check_format(found: Any, version: Any, path: Path) -> None:
    """Refuse a run of a newer format than `FORMAT` with a ValueError.

    Args:
        found: Number of the format.
        version: Version of gym_rated that wrote it, None if not known.
        path: Where it stands.
    """
    if not isinstance(found, int) or found > FORMAT:
        raise ValueError(
            f"`folder` must hold a run of format {FORMAT} or older, got {path} of format {found}, "
            f"written by gym_rated {version or 'of unknown version'}; update gym_rated"
        )


def is_finished(folder: str | Path) -> bool:
    """Return whether a run has written its result."""
    return (Path(folder) / RESULT).exists()


def read_result(folder: str | Path) -> dict[str, Any]:
    """Read the final row of a finished run, refusing it if a sealed file has changed since.

    Args:
        folder: The run's folder.

    Returns:
        What `RunWriter.write_result` was given, and "sha256": file -> digest.

    Raises:
        FileNotFoundError: If the run has not finished.
        ValueError: If `result.json` or a file that it sealed is damaged, changed or missing.
    """
    path = Path(folder) / RESULT
    if not path.is_file():
        raise FileNotFoundError(
            f"`folder` must hold a finished run, got {folder} without {RESULT}; resume the run"
        )
    try:
        result: dict[str, Any] = json.loads(path.read_bytes())
        sealed = dict(result["sha256"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"`folder` must hold an undamaged {RESULT}, got {path} of {path.stat().st_size} bytes; "
            "remove it, and resume the run to have it made again"
        ) from None
    for name, sealed_digest in sealed.items():
        found = Path(folder) / name
        if not found.is_file() or digest(found) != sealed_digest:
            raise ValueError(
                f"`folder` must hold the files that {RESULT} sealed, got {found} changed or"
                " missing; restore it, or run again"
            )
    return result


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read whole rows of metrics; what follows the last line break counts only if it is one."""
    if not path.is_file():
        raise FileNotFoundError(
            f"`folder` must hold a run, got {path.parent} without {path.name}; check the path"
        )
    *lines, tail = path.read_bytes().split(b"\n")
    rows = []
    for i, line in enumerate(lines):
        row = _parse_row(line)
        if row is None:
            raise ValueError(
                f"`folder` must hold undamaged metrics, got line {i + 1} of {path}:"
                f" {line[:60]!r}; restore the file, or remove that line"
            )
        rows.append(row)
    last = _parse_row(tail)
    return rows if last is None else [*rows, last]


def _parse_row(line: bytes) -> dict[str, Any] | None:
    """Return the row that `line` is, or None if it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not set(COLUMNS) <= set(row):
        return None
    numbers = all(isinstance(value, int | float | None) for value in row.values())
    return row if numbers and isinstance(row["step"], int) else None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, as a result seals it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
