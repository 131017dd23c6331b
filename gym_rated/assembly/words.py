"""What words of a command line stand for: numbers, several of them, and arguments by name.

tyro reads all of these by itself; read here, a wrong word is refused with the rule.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from tyro.constructors import PrimitiveConstructorSpec, PrimitiveTypeInfo

from gym_rated.choices import TrackerName

Value = bool | int | float | str
_RULES = {
    int: "must be a whole number, in digits such as 20000",
    float: "must be a number such as 0.5 or 1e-4",
}
_SHOWN = 40  # letters of a wrong word
_TRACKERS = get_args(TrackerName)


def number_spec(info: PrimitiveTypeInfo) -> "PrimitiveConstructorSpec[Any] | None":
    """Return how tyro is to read a number, one that may be None, or several; None for others."""
    hint = _bare(info.type)
    is_several, inner = get_origin(hint) is tuple, {_bare(part) for part in get_args(hint)}
    may_be_none = NoneType in inner
    kinds = ({hint} if not inner else inner - {NoneType, Ellipsis}) & set(_RULES)
    if len(kinds) != 1 or len(inner) > 2 or (inner and not (is_several or may_be_none)):
        return None
    kind = kinds.pop()
    name = kind.__name__.upper()

    def read(words: list[str]) -> Any:
        if may_be_none and words == ["None"]:
            return None
        numbers = tuple(_number(kind, word) for word in words)
        return numbers if is_several else numbers[0]

    return PrimitiveConstructorSpec(
        nargs="*" if is_several else 1,
        metavar=f"{name} [{name} ...]" if is_several else name,
        instance_from_str=read,
        is_instance=lambda value: is_several == isinstance(value, tuple),
        str_from_instance=lambda value: [str(v) for v in (value if is_several else [value])],
    )


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _number(kind: type[Any], word: str) -> Any:
    try:
        return kind(word)
    except ValueError:
        raise ValueError(f"it {_RULES[kind]}, got {word[:_SHOWN]!r}") from None


def _by_name(words: list[str]) -> dict[str, Value]:
    if len(words) % 2:
        raise ValueError(
            "it must be names and values in turn, such as: action_repeat 2, got "
            f"{len(words)} words: {' '.join(words)}"
        )
    names, values = words[::2], words[1::2]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"it must name each argument once, got {twice[0]} {len(twice)} times")
    return dict(zip(names, map(_value, values), strict=True))


def _value(word: str) -> Value:
    if word in ("True", "False"):
        return word == "True"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _in_turn(values: Mapping[str, Value]) -> list[str]:
    return [str(word) for pair in values.items() for word in pair]


def env_kwargs_words(env_kwargs: Mapping[str, Value]) -> list[str]:
    """Return the words of a command line that hand on arguments of an environment."""
    return ["--env-kwargs", *_in_turn(env_kwargs)] if env_kwargs else []


def _as_trackers(words: list[str]) -> tuple[str, ...]:
    if not words:  # CleanRL's flag of this name takes none
        raise ValueError(f"it must name {' or '.join(_TRACKERS)}, got nothing")
    for word in words:
        if word not in _TRACKERS:
            raise ValueError(f"it must name {' or '.join(_TRACKERS)}, got {word[:_SHOWN]!r}")
    return tuple(words)


Trackers = Annotated[
    tuple[TrackerName, ...],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="{" + ",".join(_TRACKERS) + "} ...",
        instance_from_str=_as_trackers,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: list(value),
    ),
]
"""Who else is told what a run logs: `--track wandb mlflow`."""

EnvKwargs = Annotated[
    dict[str, Value],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="NAME VALUE ...",
        instance_from_str=_by_name,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=_in_turn,
    ),
]
"""Arguments of an environment, typed as names and values: `--env-kwargs action_repeat 2`."""
