"""What is imported late: attributes named as text, and optional packages, with their extra.

A name that a person typed may import what it names. A name out of a file or a database may not.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from types import ModuleType
from typing import Any

from gymnasium.error import DependencyNotInstalled

EXTRAS = {
    "mujoco": "mujoco",
    "box2d": "box2d",
    "Box2D": "box2d",
    "envpool": "envpool",
    "dm_control": "dm-control",
    "shimmy": "dm-control",
    "moviepy": "video",
    "pygame": "video",
    "minari": "minari",
    "h5py": "minari",
    "stable_baselines3": "sb3",
    "av": "human",
    "PIL": "human",
    "sqlalchemy": "human",
    "fastapi": "human",
    "uvicorn": "human",
    "psycopg": "postgres",
    "pyarrow": "parquet",
    "ray": "cluster",
    "wandb": "wandb",
    "mlflow": "mlflow",
}
"""Optional package -> extra of gym_rated that brings it."""


@contextmanager
def named_extras() -> Iterator[None]:
    """Turn a missing optional package into an error that says how to install it.

    Raises:
        ImportError: In the place of an error about a package of `EXTRAS`; other errors pass.
    """
    try:
        yield
    except (ImportError, DependencyNotInstalled) as error:
        missing = getattr(error, "name", None)
        mentioned = [name for name in EXTRAS if name == missing or f"[{name}]" in str(error)]
        mentioned += [name for name in ("moviepy", "pygame", "h5py") if name in str(error).lower()]
        if not mentioned:
            raise
        raise ImportError(
            f"`{mentioned[0]}` is not installed; pip install 'gym_rated[{EXTRAS[mentioned[0]]}]'"
        ) from error


def check_installed(package: str) -> None:
    """Refuse an optional package that is missing; it is looked for, and not imported.

    Args:
        package: One of `EXTRAS`.

    Raises:
        ImportError: If it is not installed, with the extra that brings it.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:  # a folder of that name is no package
        raise ImportError(
            f"`{package}` is not installed; pip install 'gym_rated[{EXTRAS[package]}]'"
        )


def load_attribute(name: str) -> Any:
    """Import `"module:attr"`; an attribute may have attributes, as `"module:Class.method"`.

    Raises:
        ValueError: If the text is not of that form.
    """
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise ValueError(f"`name` must have the form 'module:attr', got {name!r}")
    return attrgetter(attribute)(import_module(module))


def import_typed(argument: str, name: str) -> ModuleType:
    """Import the module of `"module:name"`, which a user typed; it may lie in the working folder.

    Args:
        argument: Name of the argument that was typed, for errors.
        name: What was typed.

    Raises:
        ImportError: If there is no such module, or a package that it needs is missing.
        ValueError: If the text is not of that form.
    """
    module, _, rest = name.partition(":")
    if not module or not rest or ":" in rest:
        raise ValueError(f"`{argument}` must have the form module:name, got {name!r}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # of a package that the module needs
        raise ImportError(
            f"`{argument}` must name a module that can be imported, got {name!r}; there is no "
            f"{error.name!r} among what is installed, nor in {here}"
        ) from error


def names_of_modules(value: Any) -> list[str]:
    """Return the texts in `value`, however deep, that would import a module.

    Gymnasium imports the module of "module:Id", and `load_attribute` that of "module:attr".
    """
    if isinstance(value, str):
        return [value] if ":" in value else []
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return [name for item in value for name in names_of_modules(item)]
    return []


def check_imports_nothing(
    argument: str, value: Any, source: object, remedy: str, typed: Collection[str] = ()
) -> None:
    """Refuse what was read from a file or a database and would import a module.

    Args:
        argument: Name of the argument that `value` is for.
        value: An id of an environment, or arguments of one.
        source: Where it was read.
        remedy: What to do instead: how to name it oneself.
        typed: Names that the user gave, which may import.

    Raises:
        ValueError: If a text in `value` names a module, and is not among `typed`.
    """
    refused = [name for name in names_of_modules(value) if name not in typed]
    if refused:
        raise ValueError(
            f"`{argument}` must name no module to import where it is read from {source}, got "
            f"{refused[0]!r}: a file may come from anybody; {remedy}"
        )
