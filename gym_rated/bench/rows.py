"""The row of a unit: what came of its run, in one small file that is whole or not there.

A row says of what configuration it is, and has a checksum of itself. It is made from the run's own
folder, whose result seals what the run wrote.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.bench.unit import Unit, canonical
from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.files import read_file, replace_file
from gym_rated.checks import check_number, check_text, whole_number
from gym_rated.runs import read_metrics, read_result
from gym_rated.runs.names import EPISODE_LENGTH, METRICS, SCORE_EPISODES, TRUE_RETURN
from gym_rated.runs.reading import read_config
from gym_rated.runs.series import Metrics, finite_rows

ROW = "row.json"
"""File of the row in a unit's folder."""
CURVE_POINTS = 25
"""Points of the curve that a row keeps."""

_FORMAT = 1


@dataclass(frozen=True)
class Row:
    """What came of a run.

    Attributes:
        score: The run's score, in reward units.
        steps: Environment steps of the last row that it logged, summed over environments.
        num_ratings: Ratings that it got; None where it got none.
        episode_length: Mean steps of the last 50 episodes; None where that was not logged.
        problem: Why nothing was learned from ratings; None where something was.
        curve: Mean true return in each of 25 equal stretches of the steps; None where no episode
            ended.
        gym_rated: Version that made it.
        commit: Its commit, if that is known.
        cpu: The processor, if that is known.
    """

    score: float
    steps: int
    num_ratings: int | None = None
    episode_length: float | None = None
    problem: str | None = None
    curve: tuple[float | None, ...] = ()
    gym_rated: str | None = None
    commit: str | None = None
    cpu: str | None = None

    def __post_init__(self) -> None:
        """Check what was made as what was read."""
        check_number("score", self.score)
        whole_number("steps", self.steps, minimum=0)
        if self.num_ratings is not None:
            whole_number("num_ratings", self.num_ratings, minimum=0)
        if self.episode_length is not None:
            check_number("episode_length", self.episode_length, 0, inf)
        for name in ("problem", "gym_rated", "commit", "cpu"):
            if getattr(self, name) is not None:
                check_text(name, getattr(self, name))
        if len(self.curve) not in (0, CURVE_POINTS):
            raise ValueError(
                f"`curve` must have {CURVE_POINTS} points or none, got {len(self.curve)}"
            )
        for point in self.curve:
            if point is not None:
                check_number("curve", point)


def make_row(unit: Unit, run: Path) -> Row:
    """Return the row of a finished run.

    Args:
        unit: What was run.
        run: The run's folder.

    Raises:
        FileNotFoundError: If the run has not finished.
        ValueError: If the run is damaged, is of another seed, environment or version than the unit,
            or has no score.
    """
    result, config = read_result(run), read_config(run)
    metrics = read_metrics(run) if (run / METRICS).exists() else {}
    _check_is_of(unit, config, run)
    score = result["score"]
    if not isinstance(score, int | float):
        raise ValueError(
            f"`score` must be a number, got {score} in {run}: no episode ended, or one was without "
            "bounds; train for longer"
        )
    steps = max((int(at.max()) for at, _ in metrics.values() if len(at)), default=0)
    lengths = finite_rows(*metrics.get(EPISODE_LENGTH, ((), ())))[1][-SCORE_EPISODES:]
    made_on = _made_on(config)
    return Row(
        float(score),
        steps,
        result.get("num_ratings"),
        float(lengths.mean()) if len(lengths) else None,
        result.get("problem"),
        thin_curve(metrics, steps),
        **made_on,
    )


def thin_curve(metrics: Metrics, steps: int) -> tuple[float | None, ...]:
    """Return the mean true return in each of `CURVE_POINTS` equal stretches of the steps."""
    at, returns = finite_rows(*metrics.get(TRUE_RETURN, ((), ())))
    if not len(at):
        return ()
    stretch = np.minimum(at * CURVE_POINTS // steps, CURVE_POINTS - 1)
    return tuple(_mean(returns[stretch == i]) for i in range(CURVE_POINTS))


def write_row(path: Path, unit: Unit, row: Row) -> None:
    """Write a row such that a kill leaves it whole, or as it was."""
    content = {"format": _FORMAT, "config": dict(unit.config), "row": asdict(row)}
    sealed = content | {"sha256": hashlib.sha256(canonical(content)).hexdigest()}
    replace_file(path, (json.dumps(sealed, indent=1, allow_nan=False) + "\n").encode())


def read_row(path: Path, config: Mapping[str, Any] | None = None) -> tuple[Mapping[str, Any], Row]:
    """Read a row, and of what configuration it is.

    Args:
        path: The file.
        config: What it must be of; None takes any.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, of another configuration, or of another version.
    """
    try:
        content = parse_json(read_file(path))
        found, row = _unsealed(content)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"its row `{path}` is damaged ({error})") from error
    if config is not None and canonical(found) != canonical(config):
        raise ValueError(f"its row `{path}` is of another configuration")
    return found, row


def _unsealed(content: Any) -> tuple[Mapping[str, Any], Row]:
    if not isinstance(content, dict) or "sha256" not in content:
        raise ValueError("it has no checksum")
    rest = {name: value for name, value in content.items() if name != "sha256"}
    if hashlib.sha256(canonical(rest)).hexdigest() != content["sha256"]:
        raise ValueError("its checksum is another")
    if rest.get("format") != _FORMAT:
        raise ValueError(f"its format is {rest.get('format')}, not {_FORMAT}")
    values = dict(rest["row"])
    if set(values) != {field.name for field in fields(Row)}:
        raise ValueError("it has other columns")
    return dict(rest["config"]), Row(**values | {"curve": tuple(values["curve"])})


def _check_is_of(unit: Unit, config: Mapping[str, Any], run: Path) -> None:
    """Refuse the run of a script that did not do as it was told."""
    args = config["args"]
    found = {
        "seed": args.get("seed", unit.seed),
        "env_id": args.get("env_id", unit.config["env_id"]),
        "gym_rated": config.get("versions", {}).get("gym_rated", unit.config["gym_rated"]),
    }
    for name, value in found.items():
        if value != unit.config[name]:
            raise ValueError(
                f"`{name}` must be {unit.config[name]} in the run of {unit}, got {value} in {run}"
            )


def _made_on(config: Mapping[str, Any]) -> dict[str, str | None]:
    versions, cpu = config.get("versions", {}), config.get("cpu")
    return {
        "gym_rated": versions.get("gym_rated"),
        "commit": config.get("commit"),
        "cpu": cpu.get("model") if isinstance(cpu, Mapping) else None,
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 2) if len(values) else None
