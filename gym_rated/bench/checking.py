"""Refuse, before any work, what its script would refuse: flags, and environments without a name."""

from collections import defaultdict
from collections.abc import Sequence

import gymnasium as gym

from gym_rated.bench.grid import RANDOM
from gym_rated.bench.scripts import Script, refused_flags
from gym_rated.bench.unit import Unit
from gym_rated.environments.making import own_words


def check_units(units: Sequence[Unit]) -> None:
    """Refuse units whose script would refuse its flags, as far as that can be known.

    Raises:
        ValueError: If a script refuses flags, or an environment is not registered.
    """
    by_script: dict[Script, dict[tuple[str, ...], Unit]] = defaultdict(dict)
    for unit in units:
        if unit.arm != RANDOM:
            by_script[unit.script].setdefault(_without_seed(unit.words), unit)
        elif ":" not in unit.config["env_id"]:
            with own_words(unit.config["env_id"]):
                gym.spec(unit.config["env_id"])
    for script, asked in by_script.items():
        commands = [(*unit.words, "--run-dir", unit.key) for unit in asked.values()]
        for unit, refused in zip(asked.values(), refused_flags(script, commands), strict=True):
            if refused is not None:
                raise ValueError(
                    f"`flags` of {unit.task}/{unit.arm}/{unit.setting} must be taken by "
                    f"{script.path}, got {' '.join(unit.config['flags'])}, which it refuses: "
                    f"{refused}"
                )


def _without_seed(words: Sequence[str]) -> tuple[str, ...]:
    at = words.index("--seed")
    return (*words[:at], *words[at + 2 :])
