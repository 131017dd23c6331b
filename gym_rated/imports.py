"""What is imported late: attributes named as text, and optional packages, with their extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from typing import Any

from gymnasium.error import DependencyNotInstalled

EXTRAS = {
    "mujoco": "mujoco",
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


def load_attribute(name: str) -> Any:
    """Import `"module:attr"`; an attribute may have attributes, as `"module:Class.method"`.

    Raises:
        ValueError: If the text is not of that form.
    """
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise ValueError(f"`name` must have the form 'module:attr', got {name!r}")
    return attrgetter(attribute)(import_module(module))
