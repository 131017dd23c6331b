"""A grid of trainings as a TOML file describes it: tasks x arms x settings x seeds."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gym_rated.checkpoint.files import read_file
from gym_rated.checkpoint.kinds import what_is_at
from gym_rated.checks import check_number, whole_number

TRUE = "true"
"""The arm that is trained on the true reward: the end of the line that scores are placed on."""
RANDOM = "random"
"""What uniformly random actions are called among the arms: the line's other end."""

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,99}", re.ASCII)  # files and cells of tables are named so
_OURS = ("--env-id", "--env-kwargs", "--seed", "--run-dir", "--resume")
_REMEDY = "the grid sets it: see `env_id`, `env_kwargs` and `seeds`"


@dataclass(frozen=True)
class Task:
    """What is learned, and by what agent.

    Attributes:
        env_id: Id of the environment.
        script: Name of a script in scripts/, or the path of one from the folder of the grid.
        flags: Flags of the script, the same for all arms.
        env_kwargs: Arguments of the environment.
        random: Score of uniformly random actions; None where it is to be measured.
    """

    env_id: str
    script: str
    flags: tuple[str, ...] = ()
    env_kwargs: Mapping[str, bool | int | float | str] = field(
        default_factory=lambda: MappingProxyType({})
    )
    random: float | None = None


@dataclass(frozen=True)
class Arm:
    """What is compared.

    Attributes:
        flags: Flags of the script.
        script: A script of its own, in the place of the task's.
        rated: Whether the flags of a setting are for it; else all settings share its runs.
    """

    flags: tuple[str, ...] = ()
    script: str | None = None
    rated: bool = True


@dataclass(frozen=True)
class Grid:
    """What is to be run.

    Attributes:
        path: The file.
        seeds: Seeds of every cell.
        tasks: Name -> task.
        arms: Name -> arm; that on the true reward is called "true".
        settings: Name -> flags; one without flags, "default", where the file has none.
        baseline: The arm that the others are compared with, or None.
        tuning_seeds: Further seeds, which are run and reported only where they are asked for.
    """

    path: Path
    seeds: tuple[int, ...]
    tasks: Mapping[str, Task]
    arms: Mapping[str, Arm]
    settings: Mapping[str, tuple[str, ...]]
    baseline: str | None = None
    tuning_seeds: tuple[int, ...] = ()

    def only(
        self,
        tasks: Collection[str] = (),
        arms: Collection[str] = (),
        settings: Collection[str] = (),
        seeds: Collection[int] = (),
    ) -> "Grid":
        """Return a part of the grid; what is empty leaves all of its kind.

        Raises:
            ValueError: If something is not in the grid.
        """
        all_seeds = dict.fromkeys((*self.seeds, *self.tuning_seeds))
        return replace(
            self,
            tasks=_part("tasks", self.tasks, tasks),
            arms=_part("arms", self.arms, arms),
            settings=_part("settings", self.settings, settings),
            seeds=tuple(_part("seeds", all_seeds, seeds)) if seeds else self.seeds,
        )


def read_grid(path: str | Path) -> Grid:
    """Read a grid.

    Args:
        path: A TOML file, see docs/benchmark.md.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If a value is of the wrong type.
        ValueError: If it is no TOML, has a key that grids have not or lacks one that they need, a
            seed twice, a name that no file can have, or a flag that the grid itself sets.
    """
    path = Path(path)
    try:
        content = tomllib.loads(read_file(path).decode())
    except ValueError as error:
        if "`" in str(error):  # said by `read_file`
            raise
        no_text = isinstance(error, UnicodeDecodeError)
        found = f", {what_is_at(path)}" if no_text else f": {error}"
        raise ValueError(f"`grid` must be a TOML file, got {path}{found}") from error
    if not content:
        raise ValueError(f"`grid` must hold a grid, got {path}, {what_is_at(path)}")
    _check_keys("grid", content, needed=("grid", "tasks", "arms"), known=("settings",))
    grid = _table("grid", content["grid"])
    _check_keys("[grid]", grid, needed=("seeds",), known=("baseline", "tuning_seeds"))
    arms = dict(_arms(content["arms"]))
    seeds = _seeds("grid.seeds", grid["seeds"])
    tuning_seeds = _seeds("grid.tuning_seeds", grid.get("tuning_seeds", []), least=0)
    both = [seed for seed in tuning_seeds if seed in seeds]
    if both:
        raise ValueError(
            f"`grid.tuning_seeds` must not be reported, got {both[0]}, which is among `grid.seeds`"
        )
    return Grid(
        path,
        seeds,
        dict(_tasks(content["tasks"])),
        arms,
        dict(_settings(content.get("settings", {"default": {}}))),
        None if "baseline" not in grid else check_baseline("grid.baseline", grid["baseline"], arms),
        tuning_seeds,
    )


def check_baseline(name: str, value: Any, arms: Collection[str]) -> str:
    """Return an arm to compare with, or refuse it with a ValueError that lists those there are."""
    if value not in arms:
        raise ValueError(f"`{name}` must be one of the arms {', '.join(arms)}, got {value!r}")
    return str(value)


def _tasks(value: Any) -> Iterator[tuple[str, Task]]:
    for name, table in _tables("tasks", value):
        _check_keys(
            f"[{name}]",
            table,
            needed=("env_id", "script"),
            known=("flags", "env_kwargs", "random"),
        )
        random = table.get("random")
        yield (
            name.removeprefix("tasks."),
            Task(
                _text(f"{name}.env_id", table["env_id"]),
                _text(f"{name}.script", table["script"]),
                _flags(f"{name}.flags", table.get("flags", [])),
                _env_kwargs(f"{name}.env_kwargs", table.get("env_kwargs", {})),
                None if random is None else check_number(f"{name}.random", random),
            ),
        )


def _arms(value: Any) -> Iterator[tuple[str, Arm]]:
    for name, table in _tables("arms", value):
        _check_keys(f"[{name}]", table, needed=(), known=("flags", "script", "rated"))
        short = name.removeprefix("arms.")
        if short == RANDOM:
            raise ValueError(
                f"`arms` must not have {RANDOM!r}, got one: random actions are measured for every "
                "task without it; name the arm otherwise"
            )
        script, rated = table.get("script"), table.get("rated", True)
        if not isinstance(rated, bool):
            raise TypeError(f"`{name}.rated` must be true or false, got {rated!r}")
        yield (
            short,
            Arm(
                _flags(f"{name}.flags", table.get("flags", [])),
                None if script is None else _text(f"{name}.script", script),
                rated,
            ),
        )


def _settings(value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, table in _tables("settings", value):
        _check_keys(f"[{name}]", table, needed=(), known=("flags",))
        yield name.removeprefix("settings."), _flags(f"{name}.flags", table.get("flags", []))


def _tables(name: str, value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tables of a table, at least one, with their names checked."""
    found = _table(name, value)
    if not found:
        raise ValueError(f"`{name}` must hold at least one table, got none; write [{name}.NAME]")
    for key in found:
        if not _NAME.fullmatch(key):
            raise ValueError(
                f"`{name}` must have names of letters, digits, '_', '.', '+' and '-' that begin "
                f"with one of the first two, at most 100, got {key[:120]!r}"
            )
    return [(f"{name}.{key}", _table(f"{name}.{key}", table)) for key, table in found.items()]


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"`{name}` must be a table, got {value!r}; write [{name}]")
    return value


def _check_keys(
    name: str, table: Mapping[str, Any], needed: Sequence[str], known: Sequence[str]
) -> None:
    for key in needed:
        if key not in table:
            raise ValueError(f"`{name}` must have the key {key!r}, got none; add it")
    known = (*needed, *known)
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise ValueError(f"`{name}` must have no key that grids have not, got {key!r}; {meant}")


def _seeds(name: str, value: Any, least: int = 1) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) < least:
        raise TypeError(f"`{name}` must be a list of at least one seed, got {value!r}")
    seeds = tuple(whole_number(name, seed, minimum=0, maximum=2**31 - 1) for seed in value)
    twice = [seed for seed in seeds if seeds.count(seed) > 1]
    if twice:
        raise ValueError(f"`{name}` must name each seed once, got {twice[0]} twice")
    return seeds


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value:
        raise TypeError(f"`{name}` must be text, got {value!r}")
    return value


def _flags(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise TypeError(
            f"`{name}` must be a list of text, got {value!r}; write the words of a command line "
            'one by one, numbers too: ["--num-ratings", "200"]'
        )
    for word in value:
        flag = word.partition("=")[0].replace("_", "-")
        if flag in _OURS:
            raise ValueError(f"`{name}` must not set {flag}, got {word!r}; {_REMEDY}")
    return tuple(value)


def _env_kwargs(name: str, value: Any) -> Mapping[str, bool | int | float | str]:
    table = _table(name, value)
    for key, item in table.items():
        if not isinstance(item, bool | int | float | str):
            raise TypeError(f"`{name}.{key}` must be a number, text or a bool, got {item!r}")
    return MappingProxyType(dict(table))


def _part(name: str, there: Mapping[Any, Any], wanted: Collection[Any]) -> dict[Any, Any]:
    for item in wanted:
        if item not in there:
            known = ", ".join(map(str, there))
            raise ValueError(f"`{name}` must be of the grid, which has {known}, got {item!r}")
    return {item: there[item] for item in there if item in wanted or not wanted}
