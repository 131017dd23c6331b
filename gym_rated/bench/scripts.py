"""The scripts that a grid names: where they are, and whether they take the flags they will get."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gym_rated.bench.environ import variables_of_runs
from gym_rated.runs.reading import digest

_CHECKOUT = Path(__file__).parents[2] / "scripts"


@dataclass(frozen=True)
class Script:
    """A program that trains, and writes the run format.

    Attributes:
        path: Its file.
        command: What Python is called with to run it.
        sha256: Digest of the file: an edited script makes other runs.
    """

    path: Path
    command: tuple[str, ...]
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem


def find_script(argument: str, name: str, beside: Path) -> Script:
    """Return the script that a grid names.

    Args:
        argument: Where it is named, for the error.
        name: A name is looked for in scripts/ of the checkout that gym_rated is imported from,
            then of the working folder; a path is one from the folder of the grid.
        beside: That folder.

    Raises:
        ValueError: If there is no such file, or it is no Python.
    """
    is_path = name.endswith(".py") or "/" in name
    places = [beside / name] if is_path else [f / f"{name}.py" for f in (_CHECKOUT, _here())]
    for path in places:
        if path.is_file():
            _check_syntax(argument, path)
            return Script(path, (str(path.absolute()),), digest(path))
    looked = " or ".join(dict.fromkeys(str(path) for path in places))
    raise ValueError(
        f"`{argument}` must name a script of scripts/, or the path of one from the folder of the "
        f"grid, got {name!r}: there is no {looked}"
    )


def above_main(path: Path) -> ast.Module | None:
    """Return what of a script stands above `if __name__ == "__main__":` and is safe to execute.

    It has a dataclass `Args` of the flags there, as ours do; None if it has not, or if there is no
    such line, so that to import it would be to run it.
    """
    body = ast.parse(path.read_bytes()).body
    main = next((i for i, node in enumerate(body) if _is_main(node)), 0)
    has_flags = any(isinstance(node, ast.ClassDef) and node.name == "Args" for node in body[:main])
    return ast.Module(body[:main], []) if has_flags else None


def module_script(module: str) -> Script:
    """Return a module of the package that is run as a script."""
    path = Path(__file__).parents[1].joinpath(*module.split(".")[1:]).with_suffix(".py")
    return Script(path, ("-P", "-m", module), digest(path))


def refused_flags(script: Script, commands: Sequence[Sequence[str]]) -> list[str | None]:
    """Ask a script, in a process of its own, which command lines it would refuse.

    Of a script that has no `above_main` nothing is known before it runs.

    Args:
        script: The script.
        commands: Words of command lines.

    Returns:
        For each of them why it is refused, or None.

    Raises:
        RuntimeError: If the script cannot even be read so far.
    """
    if above_main(script.path) is None:
        return [None] * len(commands)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gym_rated.bench.reading_flags", str(script.path.absolute())],
        input=json.dumps([list(words) for words in commands]),
        capture_output=True,
        text=True,
        env=os.environ | variables_of_runs(),
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"`script` must be one that can be imported, got {script.path}, which ends with:\n"
            f"{done.stderr.strip()[-2_000:]}"
        )
    answers: list[str | None] = json.loads(done.stdout.splitlines()[-1])
    return answers


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _here() -> Path:
    return Path("scripts")


def _check_syntax(argument: str, path: Path) -> None:
    try:
        compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"`{argument}` must be Python, got {path}: {error}") from error
