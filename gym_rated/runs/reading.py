"""Read what a run has written: metrics of any run, and the result of a finished one."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.kinds import without
from gym_rated.runs.names import COLUMNS, CONFIG, FORMAT, METRICS, RESULT

_LONGEST_NAME = 200  # of an environment or a script, in letters: files are named after them


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
            f"`folder` must hold a run, got {without(folder, CONFIG)}; check the path"
        )
    config = _read_mapping(path)
    args, versions = config.get("args"), config.get("versions", {})
    if not isinstance(args, dict):
        raise _damaged(path, f"its args are {str(args)[:80]!r}")
    if not isinstance(versions, dict):
        raise _damaged(path, f"its versions are {str(versions)[:80]!r}")
    check_format(config.get("format", 1), versions.get("gym_rated"), path)
    if not isinstance(config.get("resumed", []), list):
        raise _damaged(path, f"what it says of resumptions is {str(config['resumed'])[:80]!r}")
    for name, value in (("script", config.get("script")), ("env_id", args.get("env_id"))):
        if value is not None and not (isinstance(value, str) and value.isprintable()):
            raise _damaged(path, f"its {name} is {str(value)[:80]!r}, no printable text")
        if value is not None and not 0 < len(value) <= _LONGEST_NAME:
            raise _damaged(path, f"its {name} is of {len(value)} letters")
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
    result = _read_mapping(path)
    sealed = result.get("sha256")
    score = result.get("score")
    if not isinstance(sealed, dict) or not (_is_number(score) or score in ("nan", "inf", "-inf")):
        raise _damaged(path, "it seals nothing, or its score is no number")
    for name, sealed_digest in sealed.items():
        found = Path(folder) / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise _damaged(path, f"it seals {name!r}, which is outside the folder")
        if not found.is_file() or digest(found) != sealed_digest:
            raise ValueError(
                f"`folder` must hold the files that {RESULT} sealed, got {found} changed or"
                " missing; restore it, or run again"
            )
    return result


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_bytes())
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(found, dict):
        raise _damaged(path, f"it holds {str(found)[:80]!r}")
    return found


def _damaged(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"`folder` must hold an undamaged {path.name}, got {path}: {reason}; restore it from a "
        "copy, or run again"
    )


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
        row = parse_json(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not set(COLUMNS) <= set(row):
        return None
    if not all(map(_is_number, row.values())):
        return None
    step = row["step"]
    return row if isinstance(step, int) and step >= 0 and row["time_s"] is not None else None


def _is_number(value: Any) -> bool:
    """Return whether a value is null, or a number that numpy keeps in 64 bits; a bool is none."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 2**63
    return value is None or isinstance(value, float)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, as a result seals it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
