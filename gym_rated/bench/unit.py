"""A unit of work: one run of one script with one seed, known by the hash of its configuration."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gym_rated
from gym_rated.assembly.words import env_kwargs_words
from gym_rated.bench.grid import RANDOM, Grid, Task
from gym_rated.bench.scripts import Script, find_script, module_script

RANDOM_EPISODES = 100
"""Episodes of uniformly random actions for each task and seed."""
EDITION = ("gym_rated", "script_sha256")
"""What of a configuration a newer version changes."""
Cell = tuple[str, str, str, int]
"""Task, arm, setting and seed."""


@dataclass(frozen=True)
class Unit:
    """One run.

    Attributes:
        task: Name of its task.
        arm: Name of its arm, "random" for random actions.
        setting: Name of its setting; empty for random actions, which have none.
        seed: Its seed.
        script: What is run.
        words: The words of its command line, but for the folder.
        config: All that its numbers depend on, as plain data.
    """

    task: str
    arm: str
    setting: str
    seed: int
    script: Script
    words: tuple[str, ...]
    config: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Hash of the configuration: the first 16 digits of the SHA-256 of its canonical JSON."""
        return hashlib.sha256(canonical(self.config)).hexdigest()[:16]

    @property
    def setup(self) -> str:
        """The same of the configuration without version and script's content."""
        same = {name: value for name, value in self.config.items() if name not in EDITION}
        return hashlib.sha256(canonical(same)).hexdigest()[:16]

    @property
    def cell(self) -> Cell:
        """Of which cell of a grid it is, and which of its seeds."""
        return self.task, self.arm, self.setting, self.seed

    def __str__(self) -> str:
        """Return the unit as it is named on a terminal."""
        return "/".join(filter(None, (self.task, self.arm, self.setting, str(self.seed))))


def canonical(value: Any) -> bytes:
    """Return plain data as JSON of which there is only one: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def units_of(grid: Grid) -> list[Unit]:
    """Return the units of a grid, all of one seed first, so that what is done is comparable.

    Cells that are the same run by their flags have units of one key: it is run once.

    Raises:
        ValueError: If a script is not there.
    """
    scripts: dict[str, Script] = {}
    return list(_units(grid, scripts))


def _units(grid: Grid, scripts: dict[str, Script]) -> Iterator[Unit]:
    for seed in grid.seeds:
        for name, task in grid.tasks.items():
            if task.random is None:
                script = module_script("gym_rated.bench.random_actions")
                episodes = ("--episodes", str(RANDOM_EPISODES))
                yield _unit((name, RANDOM, ""), task, script, seed, episodes)
            for setting, of_setting in grid.settings.items():
                for arm, of_arm in grid.arms.items():
                    named = of_arm.script or task.script
                    if named not in scripts:
                        at = f"tasks.{name}" if of_arm.script is None else f"arms.{arm}"
                        scripts[named] = find_script(f"{at}.script", named, grid.path.parent)
                    ratings = of_setting if of_arm.rated else ()
                    flags = (*task.flags, *ratings, *of_arm.flags)
                    yield _unit((name, arm, setting), task, scripts[named], seed, flags)


def _unit(
    cell: tuple[str, str, str], task: Task, script: Script, seed: int, flags: tuple[str, ...]
) -> Unit:
    words = ["--env-id", task.env_id, "--seed", str(seed), *env_kwargs_words(task.env_kwargs)]
    config = {
        "script": script.name,
        "script_sha256": script.sha256,
        "env_id": task.env_id,
        "env_kwargs": dict(task.env_kwargs),
        "flags": list(flags),
        "seed": seed,
        "gym_rated": gym_rated.__version__,
    }
    return Unit(*cell, seed, script, (*words, *flags), config)


def folder_of(unit: Unit, folder: Path) -> Path:
    """Return the folder of a unit within that of all."""
    return folder / unit.key
