"""The arguments of a run as its files keep them, those of earlier versions too."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gym_rated.assembly.checking import check_together
from gym_rated.assembly.presets import Preset
from gym_rated.assembly.ranges import check_ranges
from gym_rated.assembly.run_args import RunArgs
from gym_rated.runs.reading import read_config

_BEFORE: dict[str, Any] = {
    "squared_actions": False,
    "weight_decay": 0.0,
    "explore_until": "ready",
}
"""What runs did before there were flags for it, where the default is another by now."""
_GONE: dict[Any, Preset] = {"people": "pairs"}
"""Presets that there were, and what they come nearest to; a run has all flags that they set."""

_Args = TypeVar("_Args", bound=RunArgs)


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
    check_together(args)
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
