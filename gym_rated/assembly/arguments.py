"""The arguments of a training script: all groups of flags, read from the command line.

A script's `Args` inherits from `RunArgs`, and adds the agent's own flags. Presets only set flags,
which the command line may set otherwise. What is made of the flags is in
`gym_rated.assembly.parts`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import tyro

from gym_rated.assembly.checking import check_args, is_ranked
from gym_rated.assembly.groups import Judge, RewardModelArgs
from gym_rated.assembly.headings import parse_in_groups
from gym_rated.assembly.presets import PRESETS, Preset
from gym_rated.assembly.run_args import RunArgs as RunArgs
from gym_rated.assembly.stored import args_of_run
from gym_rated.assembly.wording import flag, named_as
from gym_rated.choices import Answers, Reference
from gym_rated.imports import check_imports_nothing, names_of_modules
from gym_rated.method import RANKED_TASKS

_MAY_IMPORT = ("env_id", "env_kwargs", "features")  # flags whose values name modules


_Args = TypeVar("_Args", bound=RunArgs)
_Model = TypeVar("_Model", bound=RewardModelArgs)
_Any = TypeVar("_Any")


@dataclass
class _Glimpse:
    """What decides about a script's defaults."""

    preset: Preset | None = None
    resume: Path | None = None
    rater: Judge = "synthetic"
    relative_to: Reference = "everything"
    answers: Answers = "ratings"
    regrade: bool = False


def parse_args(kind: type[_Args], argv: Sequence[str] | None = None) -> _Args:
    """Read the command line of a script; flags on it win over those of its preset.

    With `--resume`, what is not on the command line is as in the run, and `given` of the arguments
    names what differs. What is known of the rater decides which task of `ours` learns from classes:
    `quantile` where they are ranks among all that was seen, as those of the synthetic rater are by
    default, and else `ordinal`.

    Args:
        kind: The script's dataclass of arguments.
        argv: Words of the command line; those of this process by default.

    Raises:
        FileNotFoundError: If there is no run to resume.
        ValueError: If flags contradict each other, or the run to resume is damaged.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    seen, default = glimpse(_Glimpse, words), kind()
    if seen.resume is not None:
        return _parse_beside_run(kind, seen.resume, words)
    preset = seen.preset or default.preset
    default = with_preset(default, preset)
    if (
        preset == "ours"
        and is_ranked(seen.rater, seen.relative_to, regrade=seen.regrade)
        and seen.answers in ("ratings", "both")
    ):
        default = replace(default, tasks=RANKED_TASKS)
    args = parse_in_groups(default, words)
    check_args(args)
    return args


def _parse_beside_run(kind: type[_Args], folder: Path, words: list[str]) -> _Args:
    """Read a command line that resumes a run: the run's arguments are its defaults."""
    with named_as(folder="resume"):
        run = args_of_run(kind, folder)
    run = replace(run, run_dir=None, resume=None)
    usual = {name: getattr(kind(), name) for name in _MAY_IMPORT if _imports(run, name)}
    args = parse_in_groups(replace(run, **usual), words)
    check_names(args, run, folder)
    args.given = differing(args, run) - {"resume"}
    check_unchanged(args, run, args.given)
    return args


def check_unchanged(args: RunArgs, run: RunArgs, given: frozenset[str]) -> None:
    """Refuse flags that are to be others than those of the run that goes on.

    Args:
        args: Arguments as the user gave them; `total_timesteps` and `device` may be others.
        run: Those of the run.
        given: Names of what the user gave.

    Raises:
        ValueError: With each flag, what it is in the run, and what was given.
    """
    changed = [
        f"`{name}` must be {getattr(run, name)}, got {getattr(args, name)}"
        for name in sorted(given - {"total_timesteps", "device"})
        if getattr(args, name) != getattr(run, name)
    ]
    if changed:
        raise ValueError(
            f"{'; '.join(changed)}: a run goes on with its own flags; leave out what differs, or "
            "begin another run"
        )


def check_names(typed: RunArgs, read: RunArgs, source: Path) -> None:
    """Refuse arguments of a run that would import a module which was not typed as well.

    Args:
        typed: Arguments as the user gave them.
        read: Arguments as a file has them.
        source: The file.

    Raises:
        ValueError: If a name in `read` is of a module, and not in `typed`.
    """
    for name in _MAY_IMPORT:
        check_imports_nothing(
            name,
            getattr(read, name),
            source,
            f"if you trust it, resume with {flag(name)} as in the run's beginning",
            typed=names_of_modules(getattr(typed, name)),
        )


def _imports(args: RunArgs, name: str) -> bool:
    return bool(names_of_modules(getattr(args, name)))


def differing(args: RunArgs, others: RunArgs) -> frozenset[str]:
    """Return the names of the flags in which two sets of arguments differ."""
    names = [field.name for field in fields(args)]
    return frozenset(name for name in names if getattr(args, name) != getattr(others, name))


def glimpse(kind: type[_Any], words: Sequence[str]) -> _Any:
    """Read a few flags of a command line, because defaults depend on them.

    Args:
        kind: Dataclass of these flags, all with defaults.
        words: The command line. Whatever else is on it is left for the parser.
    """
    return tyro.cli(kind, args=words, return_unknown_args=True, add_help=False)[0]


def with_preset(args: _Model, preset: Preset) -> _Model:
    """Return `args` with those of a preset's flags that they have set as the preset sets them."""
    names = {field.name for field in fields(args)}
    flags = {name: value for name, value in PRESETS[preset].items() if name in names}
    return replace(args, preset=preset, **flags)


def describe_preset(args: RewardModelArgs) -> str:
    """Return one line that says what the preset set, and what other flags made of it."""
    preset = PRESETS[args.preset]
    flags = {name: getattr(args, name, value) for name, value in preset.items()}
    return f"preset {args.preset}: " + ", ".join(f"{k}={v}" for k, v in flags.items())
