"""Read command lines as a script would, without running it: a process that `scripts` starts.

    python -m gym_rated.bench.reading_flags SCRIPT < COMMANDS

Reads a JSON list of lists of words, and prints a JSON list of what is wrong with each, or null.
"""

import json
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, is_dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import tyro

from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.assembly.wording import as_flags
from gym_rated.bench.scripts import above_main
from gym_rated.edge import is_for_the_user

_BOXES = re.compile(r"[\u2500-\u257f\s]+")  # what tyro draws around its errors


def flags_of(path: Path) -> type[Any] | None:
    """Return the dataclass `Args` of a script; None if it has none above its main part."""
    above = above_main(path)
    if above is None:
        return None
    module = ModuleType("script_of_a_grid")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look there for their annotations
    sys.path.insert(0, str(path.parent))
    exec(compile(above, str(path), "exec"), vars(module))
    kind = vars(module).get("Args")
    return kind if isinstance(kind, type) and is_dataclass(kind) else None


def refusal(kind: type[Any], words: Sequence[str]) -> str | None:
    """Return in words why a command line is refused; None if it is taken."""
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run will say so itself
            if issubclass(kind, RunArgs):
                parse_args(kind, words)
            else:
                tyro.cli(kind, args=list(words))
    except SystemExit as ended:
        return _BOXES.sub(" ", said.getvalue()).strip() if ended.code else None
    except Exception as error:
        if not is_for_the_user(error):
            raise
        return as_flags(str(error), [field.name for field in fields(kind)])
    return None


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    sys.argv = sys.argv[1:]  # errors name the script
    with redirect_stdout(StringIO()):
        found = flags_of(Path(sys.argv[0]))
    print(json.dumps([None if found is None else refusal(found, words) for words in asked]))
