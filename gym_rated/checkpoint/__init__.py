"""Nested state on disk: atomic, checksummed, without pickle; and what else is read strictly."""

from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays
from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.files import replace_file
from gym_rated.checkpoint.restoring import check_finite, restoring
from gym_rated.checkpoint.state import load_state, save_state

__all__ = [
    "check_finite",
    "load_state",
    "pack_arrays",
    "parse_json",
    "replace_file",
    "restoring",
    "save_state",
    "unpack_arrays",
]
