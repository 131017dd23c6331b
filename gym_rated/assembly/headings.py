"""A heading in --help for each group of flags that a dataclass inherits.

A group is a dataclass that inherits from no other, such as those of `gym_rated.assembly.groups`.
tyro draws a heading only around a field that is a dataclass itself, so it is shown each group as
such a field; the arguments stay flat, and no flag has the name of its group in it. What a script
adds stands first, then what all scripts share, as in the documentation.
"""

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from gym_rated.assembly.words import number_spec

_Args = TypeVar("_Args")


def parse_in_groups(default: _Args, words: Sequence[str]) -> _Args:
    """Read a command line, with --help by group.

    Args:
        default: Arguments, for where the command line says nothing.
        words: Words of the command line.
    """
    specs, registry = _specs(default), ConstructorRegistry()
    registry.primitive_rule(number_spec)

    def spec_of(info: StructTypeInfo) -> StructConstructorSpec | None:
        return specs.get(info.type)

    registry.struct_rule(spec_of)
    return tyro.cli(
        type(default),
        args=words,
        default=default,
        description=inspect.getdoc(type(default)),
        registry=registry,
        config=(tyro.conf.OmitArgPrefixes,),
    )


def groups_of(kind: type[Any]) -> list[type[Any]]:
    """Return the groups that a dataclass of arguments inherits: its own, then those of its bases.

    Args:
        kind: The dataclass. Its groups stand in the order of its fields, those that it names
            itself before those that another of its bases brings.
    """
    groups = [k for k in reversed(kind.__mro__) if is_dataclass(k) and k.__bases__ == (object,)]
    return sorted(groups, key=lambda group: group not in kind.__bases__)


def _specs(default: Any) -> dict[type[Any], StructConstructorSpec]:
    """Return how tyro is to make arguments and each of their groups."""
    kind = type(default)
    parts = {_heading(group): _part_of(default, group) for group in groups_of(kind)}
    shared = {field.name for part in parts.values() for field in fields(part)}

    def make(**values: Any) -> Any:
        of_groups = [vars(values.pop(heading)) for heading in parts]
        return kind(**values, **{k: v for flags in of_groups for k, v in flags.items()})

    nested = [StructFieldSpec(heading, type(part), part) for heading, part in parts.items()]
    own = [spec for spec in _flags_of(default) if spec.name not in shared]
    whole = {kind: StructConstructorSpec(make, (*own, *nested))}
    return whole | {
        type(part): StructConstructorSpec(type(part), tuple(_flags_of(part)))
        for part in parts.values()
    }


def _flags_of(args: Any) -> list[StructFieldSpec]:
    hints, texts = get_type_hints(type(args), include_extras=True), _texts_of(type(args))
    return [
        StructFieldSpec(
            field.name,
            _shown(hints[field.name], getattr(args, field.name)),
            getattr(args, field.name),
            texts.get(field.name),
        )
        for field in fields(args)
    ]


def _shown(hint: Any, default: Any) -> Any:
    """Return a type that --help shows without the words for nothing, which the text says."""
    look: dict[str, Any] = {}
    for kind, name in ((Path, "PATH"), (str, "STR")):
        if set(get_args(hint)) == {kind, NoneType}:
            look["metavar"] = name
    if default is None or default in ((), {}):
        look["help_behavior_hint"] = ""
    return Annotated[hint, tyro.conf.arg(**look)] if look else hint


def _texts_of(kind: type[Any]) -> dict[str, str]:
    """Return what is said below each field of a dataclass, in one line; tyro keeps line breaks."""
    try:
        tree = ast.parse(dedent(inspect.getsource(kind)))
    except (OSError, TypeError):  # made where there is no file
        return {}
    lines = getattr(tree.body[0], "body", [])
    return {
        line.target.id: " ".join(below.value.value.split())
        for line, below in pairwise(lines)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(below.value.value, str)
    }


def _heading(group: type[Any]) -> str:
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z][a-z]+", group.__name__.removesuffix("Args"))
    return "_".join(words).lower()


def _part_of(args: Any, group: type[Any]) -> Any:
    return group(**{field.name: getattr(args, field.name) for field in fields(group)})
