"""The arguments of a training script: all groups of flags, read from the command line.

A script's `Args` inherits from `RunArgs`, and adds the agent's own flags. Presets only set flags,
which the command line may set otherwise. What is made of the flags is in
`gym_rated.assembly.parts`.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import tyro

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
from gym_rated.checks import whole_number


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

    @property
    def captures_clips(self) -> bool:
        """Whether episodes are filmed as they happen."""
        return self.clips == "capture" and self.rater == "human" and self.reward == "rated"


_PATHS = ("reward_model", "run_dir", "resume")

_Args = TypeVar("_Args", bound=RunArgs)
_Model = TypeVar("_Model", bound=RewardModelArgs)
_Any = TypeVar("_Any")


@dataclass
class _Glimpse:
    """What decides about a script's preset."""

    preset: Preset | None = None
    rater: Judge = "synthetic"


def parse_args(kind: type[_Args], argv: Sequence[str] | None = None) -> _Args:
    """Read the command line of a script; flags on it win over those of its preset.

    Where people rate, the preset is `people` unless another is named.

    Args:
        kind: The script's dataclass of arguments.
        argv: Words of the command line; those of this process by default.

    Raises:
        ValueError: If flags contradict each other.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    seen, default = glimpse(_Glimpse, words), kind()
    preset = seen.preset or default.preset
    if seen.preset is None and seen.rater == "human":
        preset = "people"
        print("--rater human: preset people, as people do not rate again; --preset takes another")
    args = parse_in_groups(with_preset(default, preset), words)
    check_args(args)
    return args


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
    """Refuse flags that contradict each other, or ask for nothing, with a ValueError."""
    for name in ("num_envs", "total_timesteps"):
        whole_number(name, getattr(args, name))
    if (args.reward == "model") != (args.reward_model is not None):
        raise ValueError(
            "`reward_model` must be given with `--reward model` and only then, got "
            f"{args.reward_model} with --reward {args.reward}"
        )
    needed = {"scores": "score", "comparisons": "pairwise"}.get(args.answers)
    if needed is not None and needed not in args.tasks:
        raise ValueError(
            f"`tasks` must include {needed!r} with `--answers {args.answers}`, got {args.tasks}"
        )
    if args.rater == "human":
        _check_human(args)


def _check_human(args: RunArgs) -> None:
    if args.answers != "ratings":
        raise ValueError(f"`answers` must be ratings with `--rater human`, got {args.answers}")
    for name in ("mistake_rate", "slip_rate", "skip_rate", "shuffle_ratings"):
        if value := getattr(args, name):
            raise ValueError(
                f"`{name}` is of the synthetic rater, got {value} with `--rater human`"
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
    """Return the arguments that `args_state` was given, as the script's dataclass `kind`.

    Raises:
        TypeError: If one is of another type than its flag.
        ValueError: If flags contradict each other.
    """
    paths = {name: Path(state[name]) for name in _PATHS if state[name] is not None}
    args = kind(**{**state, **paths})
    for name, annotation in get_type_hints(kind).items():
        if not _is_of(getattr(args, name), annotation):
            raise TypeError(f"`{name}` must be of type {annotation}, got {getattr(args, name)!r}")
    check_args(args)
    return args


def _is_of(value: Any, annotation: Any) -> bool:
    """Return whether a value is what the annotation of a flag says."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_of(value, inner[0])
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
