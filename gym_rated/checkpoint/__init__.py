"""Nested state on disk: atomic, checksummed, without pickle; and what else is read strictly."""

from gym_rated.checkpoint.files import replace_file
from gym_rated.checkpoint.state import load_state, save_state

__all__ = ["load_state", "replace_file", "save_state"]
