"""A heading in --help for each group of flags that a dataclass inherits.

A group is a dataclass that inherits from no other, such as those of `gym_rated.assembly.groups`.
tyro draws a heading only around a field that is a dataclass itself, so it is shown each group as
such a field; the arguments stay flat, and no flag has the name of its group in it.
"""

import inspect
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec

_Args = TypeVar("_Args")


def parse_in_groups(default: _Args, words: Sequence[str]) -> _Args:
    """Read a command line, with --help by group.

    Args:
        default: Arguments, for where the command line says nothing.
        words: Words of the command line.
    """
    kind, spec, registry = type(default), _in_groups(default), ConstructorRegistry()
    registry.struct_rule(lambda info: spec if info.type is kind else None)
    flat_names = (tyro.conf.OmitArgPrefixes,)
    return tyro.cli(
        kind,
        args=words,
        default=default,
        description=inspect.getdoc(kind),
        registry=registry,
        config=flat_names,
    )


def groups_of(kind: type[Any]) -> list[type[Any]]:
    """Return the groups that a dataclass of arguments inherits, in the order of its fields."""
    return [k for k in reversed(kind.__mro__) if is_dataclass(k) and k.__bases__ == (object,)]


def _in_groups(default: Any) -> StructConstructorSpec:
    kind, hints = type(default), get_type_hints(type(default), include_extras=True)
    parts = {_heading(group): _part_of(default, group) for group in groups_of(kind)}
    shared = {field.name for part in parts.values() for field in fields(part)}

    def make(**values: Any) -> Any:
        of_groups = [vars(values.pop(heading)) for heading in parts]
        return kind(**values, **{k: v for flags in of_groups for k, v in flags.items()})

    nested = [StructFieldSpec(heading, type(part), part) for heading, part in parts.items()]
    own = [
        StructFieldSpec(field.name, hints[field.name], getattr(default, field.name))
        for field in fields(kind)
        if field.name not in shared
    ]
    return StructConstructorSpec(make, (*own, *nested))


def _heading(group: type[Any]) -> str:
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z][a-z]+", group.__name__.removesuffix("Args"))
    return "_".join(words).lower()


def _part_of(args: Any, group: type[Any]) -> Any:
    return group(**{field.name: getattr(args, field.name) for field in fields(group)})
