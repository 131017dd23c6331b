"""The format of a run: one folder, written as it goes, read with nothing but JSON."""

from gym_rated.runs.reading import is_finished, read_metrics, read_result
from gym_rated.runs.writer import RunWriter

__all__ = ["RunWriter", "is_finished", "read_metrics", "read_result"]
