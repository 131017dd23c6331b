"""The arguments of a training script: all groups of flags, read from the command line.

A script's `Args` inherits from `RunArgs`, and adds the agent's own flags. Presets only set flags,
which the command line may set otherwise. What is made of the flags is in
`gym_rated.assembly.parts`.
"""

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import tyro

from gym_rated.assembly.devices import check_device
from gym_rated.assembly.groups import (
    HumanArgs,
    Judge,
    QueryArgs,
    RaterArgs,
    RewardArgs,
    RewardModelArgs,
    TrainingArgs,
)
from gym_rated.assembly.headings import parse_in_groups
from gym_rated.assembly.presets import PRESETS, Preset
from gym_rated.assembly.ranges import check_ranges
from gym_rated.assembly.wording import flag, named_as
from gym_rated.checkpoint.state import MANIFEST
from gym_rated.choices import Answers, Reference, TaskName
from gym_rated.imports import check_imports_nothing, names_of_modules
from gym_rated.method import RANKED_TASKS
from gym_rated.runs.reading import read_config

_MAY_IMPORT = ("env_id", "env_kwargs")  # flags whose values name modules
_BEFORE: dict[str, Any] = {
    "squared_actions": False,
    "weight_decay": 0.0,
    "explore_until": "ready",
}
"""What runs did before there were flags for it, where the default is another by now."""
_GONE: dict[Any, Preset] = {"people": "pairs"}
"""Presets that there were, and what they come nearest to; a run has all flags that they set."""
_NEEDED: dict[str, tuple[TaskName, ...]] = {
    "scores": ("score",),
    "both": ("score",),
    "comparisons": ("comparison", "pairwise"),
}
"""The tasks of which one must be there to learn from some kinds of answers."""


@dataclass
class RunArgs(RewardModelArgs, HumanArgs, QueryArgs, RaterArgs, RewardArgs, TrainingArgs):
    """The flags of all groups; the `Args` of a script add the agent's.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Args(RunArgs):
        ...     learning_rate: float = 1e-3
        >>> args = parse_args(Args, ["--preset", "pairs", "--learning-rate", "0.01"])
        >>> args.tasks, args.learning_rate
        (('pairwise',), 0.01)
    """

    def __post_init__(self) -> None:
        """Know of no command line."""
        self.given: frozenset[str] | None = None
        """With `resume`, the flags on the command line that differ from those of the run; None
        where there was no command line: then those that differ from their defaults."""

    @property
    def captures_clips(self) -> bool:
        """Whether episodes are filmed as they happen."""
        return self.clips == "capture" and self.rater == "human" and self.reward == "rated"

    @property
    def trained_timesteps(self) -> int:
        """Steps that the agent is trained for; a script that goes by rollouts trains whole ones."""
        return self.total_timesteps

    def check_agent(self) -> None:
        """Refuse flags of a script's own that do not go together, with a ValueError."""


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
    if preset == "ours" and _is_ranked(seen) and seen.answers in ("ratings", "both"):
        default = replace(default, tasks=RANKED_TASKS)
    args = parse_in_groups(default, words)
    check_args(args)
    return args


def _is_ranked(args: _Glimpse | RunArgs) -> bool:
    """Return whether ratings are known to be places among all that their rater had seen by then."""
    is_relative = args.relative_to == "everything" and not args.regrade
    return args.rater == "synthetic" and is_relative


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


def check_args(args: RunArgs) -> None:
    """Refuse flags that are out of range, or contradict each other.

    Raises:
        TypeError: If something is no number that must be one.
        ValueError: If a flag is out of range, or with others makes a run that cannot do its job.
    """
    check_ranges(args)
    args.check_agent()
    _check_together(args)
    if args.reward_model is not None and not (Path(args.reward_model) / MANIFEST).is_file():
        raise ValueError(
            f"`reward_model` must be the folder of a saved model, got {args.reward_model}, where "
            "there is none; `gym-rated fit` makes one, and so does every rated run"
        )
    check_device(args)
    if args.reward == "rated":
        _check_rated(args)
        _warn_of_other_ratings(args)


def _check_together(args: RunArgs) -> None:
    """Refuse flags that contradict each other, in a run that was begun as well."""
    if (args.reward == "model") != (args.reward_model is not None):
        raise ValueError(
            "`reward_model` must be given with `--reward model` and only then, got "
            f"{args.reward_model} with --reward {args.reward}"
        )
    needed = _NEEDED.get(args.answers)
    if needed is not None and not set(needed) & set(args.tasks):
        raise ValueError(
            f"`tasks` must include {' or '.join(map(repr, needed))} with `--answers "
            f"{args.answers}`, got {args.tasks}"
        )
    if args.rater == "human":
        _check_human(args)
    if args.vectorization == "envpool":
        _check_envpool(args)


def _check_rated(args: RunArgs) -> None:
    """Refuse what leaves nothing to compare: a reward cannot be learned from it."""
    if args.num_ratings < 2:
        raise ValueError(
            f"`num_ratings` must be at least 2 to be compared, got {args.num_ratings}; ask for "
            "more, or train on another `reward`"
        )
    if args.skip_rate == 1 and args.rater == "synthetic":
        raise ValueError(
            "`skip_rate` must be below 1, got 1: a rater who can never tell teaches nothing"
        )
    if args.answers == "ratings" and not set(args.tasks) - {"score", "comparison"}:
        raise ValueError(
            f"`tasks` must include one that learns from ratings with `--answers ratings`, got "
            f"{args.tasks}; add ordinal, or let the rater give other `answers`"
        )


def _warn_of_other_ratings(args: RunArgs) -> None:
    """Warn where a rater that is computed gives other ratings than the task quantile reads."""
    if "quantile" in args.tasks and args.rater == "synthetic" and not _is_ranked(args):
        warnings.warn(
            "`tasks` has quantile, which reads a rating as a place among all that its rater had "
            f"seen by then, got --relative-to {args.relative_to} and regrade={args.regrade}; other "
            "ratings can make a reward that is badly wrong with it: take --tasks ordinal",
            stacklevel=3,
        )


def _check_human(args: RunArgs) -> None:
    if args.answers != "ratings":
        raise ValueError(f"`answers` must be ratings with `--rater human`, got {args.answers}")
    for name in ("mistake_rate", "slip_rate", "score_noise", "skip_rate", "shuffle_ratings"):
        if value := getattr(args, name):
            raise ValueError(
                f"`{name}` is of the synthetic rater, got {value} with `--rater human`"
            )
    for name in ("rater_name", "instructions"):
        if not getattr(args, name).strip():
            raise ValueError(f"`{name}` must be a word or more, got {getattr(args, name)!r}")
    names = {name.strip() for name in args.class_names}
    if args.class_names and ("" in names or len(names) < len(args.class_names)):
        raise ValueError(f"`class_names` must differ, and say something, got {args.class_names}")
    if args.class_names and len(names) != args.num_classes:
        raise ValueError(
            f"`class_names` must name each of the {args.num_classes} classes (`num_classes`), got "
            f"{args.class_names}"
        )


def _check_envpool(args: RunArgs) -> None:
    """Refuse what needs pictures of single environments, or episodes that are played again."""
    if args.capture_video or (args.rater == "human" and args.reward == "rated"):
        asked = "--capture-video" if args.capture_video else "--rater human"
        raise ValueError(
            f"`vectorization` must be sync or async with {asked}, got envpool: its episodes can "
            "neither be filmed nor played again"
        )


def describe_preset(args: RewardModelArgs) -> str:
    """Return one line that says what the preset set, and what other flags made of it."""
    preset = PRESETS[args.preset]
    flags = {name: getattr(args, name, value) for name, value in preset.items()}
    return f"preset {args.preset}: " + ", ".join(f"{k}={v}" for k, v in flags.items())


def args_state(args: RunArgs) -> dict[str, Any]:
    """Return arguments for a checkpoint, which holds no paths."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(args).items()}


def args_from_state(kind: type[_Args], state: Mapping[str, Any]) -> _Args:
    """Return arguments as a checkpoint or a config has them, as the script's dataclass `kind`.

    Args:
        kind: The script's dataclass of arguments; what it has and `state` has not is as it was
            before there was a flag for it.
        state: Name -> value: what `args_state` returned, or its form in JSON, which has neither
            tuples nor infinities.

    Raises:
        TypeError: If one is of another type than its flag.
        ValueError: If `state` has arguments that `kind` has not, or is no set of flags; or if one
            is out of range, or contradicts another.
    """
    hints = get_type_hints(kind)
    if missing := sorted({"env_id", "seed", "total_timesteps"} - set(state)):
        raise ValueError(f"`args` must hold the flags of a run, got none of {', '.join(missing)}")
    if unknown := sorted(set(state) - set(hints)):
        raise ValueError(
            f"`resume` must be a run of this script, got one with {', '.join(unknown)}, which are "
            "no flags of it; take the script, and the version of gym_rated, that began the run"
        )
    old = {name: value for name, value in _BEFORE.items() if name in hints} | dict(state)
    if old.get("preset") in _GONE:
        old["preset"] = _GONE[old["preset"]]
    args = kind(**{name: _as_typed(value, hints[name]) for name, value in old.items()})
    for name in state:
        if not _is_of(getattr(args, name), hints[name]):
            found = repr(getattr(args, name))
            raise TypeError(f"`{name}` must be of type {hints[name]}, got {found}")
    check_ranges(args)
    _check_together(args)
    return args


def args_of_run(kind: type[_Args], folder: Path) -> _Args:
    """Return the arguments with which a run was begun, or went on last; raises as `read_config`."""
    config = read_config(folder)
    last = [config, *config.get("resumed", [])][-1]
    return args_from_state(kind, last["args"])


def _as_typed(value: Any, hint: Any) -> Any:
    kinds = {get_origin(part) or part for part in (hint, *get_args(hint))}
    if isinstance(value, list) and tuple in kinds:
        return tuple(value)
    if isinstance(value, str) and Path in kinds:
        return Path(value)
    if isinstance(value, str) and float in kinds and str not in kinds:
        return float(value)
    return value


def _is_of(value: Any, annotation: Any) -> bool:
    """Return whether a value is what the annotation of a flag says."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return any(_is_of(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, tuple) and all(_is_of(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _is_of(k, inner[0]) and _is_of(v, inner[1]) for k, v in value.items()
        )
    kinds = (int, float) if annotation is float else annotation
    return isinstance(value, kinds) and (annotation is bool or not isinstance(value, bool))
