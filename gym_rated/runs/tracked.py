"""What a tracker is told of a run, what it must be able to do, and its ids in the run's folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.files import read_file, replace_file
from gym_rated.runs.names import POLICY, RESULT, REWARD_MODEL, TRACKING, VIDEOS
from gym_rated.runs.rows import Row

DEFAULT_PROJECT = "gym_rated"
Status = Literal["finished", "failed", "killed"]

_SHOWN = (RESULT, POLICY, REWARD_MODEL, VIDEOS)  # what people said, and checkpoints, stay here
_SECRET = ("rater_db",)  # flags that may hold a password
_LONGEST_ID = 500  # in letters


@dataclass(frozen=True)
class TrackedRun:
    """A run as a tracker shows it.

    Attributes:
        folder: The run's folder.
        project: Project or experiment that it belongs to; None for what the client's own variables
            say, and else `DEFAULT_PROJECT`.
        name: What it is called.
        group: What is called alike but for the seed.
        script: What trains; None where that is not known.
        flags: Name -> plain data; none that may hold a password.
        made_on: Versions, commit and processor.
    """

    folder: Path
    project: str | None
    name: str
    group: str
    script: str | None
    flags: Mapping[str, Any]
    made_on: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path, project: str | None, start: Mapping[str, Any]) -> "TrackedRun":
        """Return it from what `config.json` says of the run."""
        flags, script = start["args"], start.get("script")
        what = [flags.get("env_id"), script, arm_of(flags) if "reward" in flags else None]
        group = "__".join(str(part) for part in what if part) or folder.resolve().name
        name = f"{group}__{flags['seed']}" if "seed" in flags else folder.resolve().name
        return cls(
            folder,
            project,
            name,
            group,
            script,
            {flag: value for flag, value in flags.items() if flag not in _SECRET},
            {k: v for k, v in start.items() if k in ("versions", "commit", "cpu")},
        )

    def products(self) -> Iterator[tuple[Path, str]]:
        """Yield the files of the run that are shown, each with its name within the folder."""
        for name in _SHOWN:
            top = self.folder / name
            for path in sorted([top, *top.rglob("*")]):
                if path.is_file() and not path.is_symlink():
                    yield path, path.relative_to(self.folder).as_posix()


def arm_of(flags: Mapping[str, Any]) -> str:
    """Return what the agent of a run was paid: "true", "rated", its preset if not ours, "shuffled".

    Args:
        flags: The flags of its script.
    """
    reward = str(flags.get("reward", "unknown"))
    if reward != "rated":
        return reward
    if flags.get("shuffle_ratings"):
        return "shuffled"
    preset = str(flags.get("preset", "ours"))
    return "rated" if preset == "ours" else preset


class Begun(NamedTuple):
    """How a tracked run began.

    Attributes:
        ids: What finds it again, for `tracking.json`.
        num_rows: How many rows it has already.
        place: Where to look at it.
    """

    ids: Mapping[str, str]
    num_rows: int
    place: str


class Tracker(Protocol):
    """The client of a tracker; whatever it raises is its affair, and ends no training."""

    def begin(self, run: TrackedRun, ids: Mapping[str, str]) -> Begun:
        """Begin a tracked run, or go on with that of `ids`."""
        ...

    def send(self, rows: Sequence[Row]) -> None:
        """Send rows, in their order."""
        ...

    def end(self, status: Status, result: Mapping[str, Any]) -> None:
        """Send the result, empty for none, and of a finished run its products; then end."""
        ...


def read_ids(folder: Path, name: str) -> dict[str, str]:
    """Return the ids that a tracker knows a run by; none where it does not.

    Args:
        folder: The run's folder.
        name: Name of the tracker.

    Raises:
        ValueError: If `tracking.json` is damaged.
    """
    ids = _read(folder / TRACKING).get(name, {})
    if not isinstance(ids, dict) or not all(map(_is_id, ids.values())):
        raise ValueError(
            f"`folder` must hold an undamaged {TRACKING}, got {str(ids)[:80]!r} for {name}; remove "
            "it, and the run is tracked anew"
        )
    return ids


def write_ids(folder: Path, name: str, ids: Mapping[str, str]) -> None:
    """Note the ids that a tracker knows a run by, beside those of others."""
    known = _read(folder / TRACKING) | {name: dict(ids)}
    replace_file(folder / TRACKING, (json.dumps(known, indent=2) + "\n").encode())


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = parse_json(read_file(path))
    except ValueError as error:
        raise ValueError(
            f"`folder` must hold an undamaged {TRACKING}, got {path}: {error}; remove it, and the "
            "run is tracked anew"
        ) from error
    return found if isinstance(found, dict) else {}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_ID
