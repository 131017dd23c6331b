"""A row of metrics, and what may take the rows of a run beside `metrics.jsonl`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Row(NamedTuple):
    """One row of metrics.

    Attributes:
        number: How many rows of the run are before it.
        step: Environment steps so far.
        time_s: When it was logged, in seconds since 1970; for rows from before a resumption, as if
            the run had gone on without a pause.
        numbers: Tag -> number, NaN where there is none.
    """

    number: int
    step: int
    time_s: float
    numbers: Mapping[str, float]


class Sink(Protocol):
    """What takes the rows of a run, such as TensorBoard's files."""

    def open(self, rows: Sequence[Row], step: int | None) -> None:
        """Begin.

        Args:
            rows: What the run had logged before, when it goes on.
            step: Where it goes on; None where it begins.
        """
        ...

    def add(self, row: Row) -> None:
        """Take a row."""
        ...

    def finish(self, result: Mapping[str, Any]) -> None:
        """Take the run's result, which is not in its folder yet."""
        ...

    def close(self, error: BaseException | None = None) -> None:
        """End; with the error that ended the run, if one did. Closing twice does no harm."""
        ...
