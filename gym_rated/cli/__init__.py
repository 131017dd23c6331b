"""The command line `gym-rated`: `cli` finds the command, `commands` holds one file for each."""

from gym_rated.cli.cli import COMMANDS, main, usage

__all__ = ["COMMANDS", "main", "usage"]
