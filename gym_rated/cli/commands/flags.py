"""Flags that a command shares with the training scripts, and no others of theirs."""

from collections.abc import Sequence
from dataclasses import field, fields, make_dataclass, replace
from typing import Annotated, Any, TypeVar, get_type_hints

import tyro

from gym_rated.assembly.arguments import RatingArgs
from gym_rated.assembly.presets import PRESETS

_Args = TypeVar("_Args", bound=RatingArgs)


def only(*names: str) -> Any:
    """Return `RatingArgs` with all flags but `names` fixed to their defaults and hidden.

    Raises:
        ValueError: If a name is no flag of `RatingArgs`.
    """
    known = [f.name for f in fields(RatingArgs)]
    if unknown := set(names).difference(known):
        raise ValueError(f"`names` must be flags of RatingArgs, got {sorted(unknown)}")
    hints = get_type_hints(RatingArgs)
    fixed = [
        (f.name, Annotated[hints[f.name], tyro.conf.Fixed], field(default=f.default))
        for f in fields(RatingArgs)
        if f.name not in names
    ]
    return make_dataclass("RatingArgs", fixed, bases=(RatingArgs,))


def parse_flags(kind: type[_Args], argv: Sequence[str], command: str) -> _Args:
    """Read the flags of a command; those of a preset come first, so that others win over them."""
    config = (tyro.conf.SuppressFixed,)
    words, prog = list(argv), f"gym-rated {command}"
    args = tyro.cli(kind, args=words, prog=prog, config=config)
    default = replace(kind(), **PRESETS[args.preset])
    return tyro.cli(kind, args=words, prog=prog, config=config, default=default)
