"""The command line: `gym-rated COMMAND`, each command in a module that is imported when used."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

import gym_rated
from gym_rated.edge import run_command
from gym_rated.imports import load_attribute


class Command(NamedTuple):
    """Where a command is, and what it does in a few words."""

    function: str
    summary: str


_IN = "gym_rated.cli.commands"
COMMANDS = {
    "rate": Command(f"{_IN}.rate:main", "serve clips to rate by hand"),
    "status": Command(f"{_IN}.status:main", "how far the rating by hand is"),
    "backup": Command(
        f"{_IN}.backup:main", "a copy of a database of ratings by hand, in use or not"
    ),
    "expire": Command(f"{_IN}.expire:main", "ask no longer about clips of policies that are gone"),
    "doctor": Command(f"{_IN}.doctor:main", "what rating by hand needs on this machine"),
    "export": Command(f"{_IN}.export:main", "ratings by hand out of their database, to a file"),
    "import": Command(f"{_IN}.import_:main", "ratings into a database of ratings by hand"),
    "fit": Command(f"{_IN}.fit:main", "fit a reward model to a ratings file"),
    "report": Command(f"{_IN}.report:main", "plots and tables of one or several runs"),
    "bench": Command(f"{_IN}.bench:main", "a grid of trainings, resumable, and its report"),
    "film": Command(f"{_IN}.film:main", "videos of the policy of a finished run"),
    "watch": Command(
        f"{_IN}.watch:main", "the policy of a run as it acts now, with its learned reward, to rate"
    ),
    "show": Command(f"{_IN}.show:main", "what is known of one rated segment"),
    "rate-minari": Command(f"{_IN}.minari:rate", "rate segments of recorded episodes"),
    "export-minari": Command(f"{_IN}.minari:export", "write rated segments as a Minari dataset"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Words of the command line; those of this process by default.

    Returns:
        The exit code: that of the command, 0 by default, or 2 where it refused what it was given.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return 0
    name, *rest = words
    if name == "--version":
        print(gym_rated.__version__)
        return 0
    if name not in COMMANDS:
        close = get_close_matches(name, COMMANDS, n=1)
        meant = f"; did you mean `{close[0]}`?" if close else ""
        print(f"gym-rated: there is no command `{name}`{meant}\n\n{usage()}", file=sys.stderr)
        return 2
    return run_command(f"gym-rated {name}", lambda: load_attribute(COMMANDS[name].function)(rest))


def run_alone(*name: str) -> NoReturn:
    """Run the command of a module that is itself run, by `python -m`."""
    sys.exit(main([*name, *sys.argv[1:]]))


def usage() -> str:
    """Return the list of commands."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: gym-rated COMMAND …",
            "",
            *lines,
            "",
            "gym-rated COMMAND --help says more of each.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
