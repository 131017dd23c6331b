"""What a working fit reaches: the table of the check of the reward, and its verdicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = Mapping[str, Any]
KEYS = ("part", "env_id", "rater", "method", "num_ratings", "mistakes", "slips", "fitted")
COLUMNS = ("spearman_all", "spearman_best_third", "spearman_latest")
NEVER_RERATED = (
    "relative to the round",
    "relative to everything",
    "growing scale",
    "two raters",
)


@dataclass(frozen=True)
class Target:
    """A mean over seeds that a working fit reaches, or what another kind of fit reaches."""

    cells: Row
    """what the rows that are meant have in common"""
    column: str = "spearman_all"
    at_least: float | Row = 0.0
    """a number, or what the rows have in common whose mean is to be reached"""
    minus: float = 0.0
    """by how much it may stay below"""

    def verdict(self, rows: Sequence[Row]) -> str | None:
        """Say whether the rows meet it; None where there are none."""
        found = mean_of(rows, self.cells, self.column)
        if isinstance(self.at_least, Mapping):
            wanted = mean_of(rows, self.at_least, self.column)
            what = f"that of {words(self.at_least)}, {wanted:.3f}, less {self.minus}"
        else:
            wanted, what = self.at_least, f"{self.at_least}"
        if np.isnan(found) or np.isnan(wanted):
            return None
        word = "met" if found >= wanted - self.minus else "MISSED"
        where = words(self.cells)
        return f"{word}: {self.column} of {where}: {found:.3f}, expected at least {what}"


def words(cells: Row) -> str:
    """Name a kind of cells."""
    return ", ".join(map(str, cells.values()))


def mean_of(rows: Sequence[Row], cells: Row, column: str) -> float:
    """Return the mean of a column over the rows that agree with `cells`; NaN for none."""
    values = [row[column] for row in rows if cells.items() <= row.items()]
    return float(np.mean(values)) if values else float("nan")


def targets() -> list[Target]:
    """Return everything that is expected."""
    return [*_clean(), *_wrong(), *_pairs_alone()]


def _clean() -> list[Target]:
    clean = {"part": "clean", "mistakes": 0.0}
    found = [
        Target(clean | {"num_ratings": num, "method": method}, at_least=at_least)
        for num, at_least in ((200, 0.93), (50, 0.90))
        for method in ("ours", "wu2025", "rbrl")
    ]
    wrong = {"part": "clean", "mistakes": 0.2, "num_ratings": 200}
    methods = ("ours", "wu2025", "rbrl")
    return found + [Target(wrong | {"method": m}, at_least=0.78) for m in methods]


def _wrong() -> list[Target]:
    found = []
    for env_id in ("HalfCheetah-v5", "Hopper-v5"):
        cells = {"part": "wrong", "env_id": env_id}
        pair = cells | {"method": "wu2025"}, cells | {"method": "rbrl"}
        found.append(Target(pair[0], at_least=pair[1]))
    return found


def _pairs_alone() -> list[Target]:
    alone = {"part": "alone", "method": "ours", "rater": "comparisons"}
    rated = {"part": "alone", "method": "ours", "rater": "relative to everything"}
    return [Target(alone, at_least=rated, minus=0.05)]


def table(rows: Sequence[Row]) -> str:
    """Return mean (lowest) over seeds of the correlations, one line for each kind of cell."""
    lines = ["| " + " | ".join((*KEYS, *COLUMNS)) + " |", "|---" * (len(KEYS) + 3) + "|"]
    for kind, found in by_kind(rows, lambda row: tuple(row[key] for key in KEYS)).items():
        cells = [*map(str, kind), *(mean_and_lowest(found, name) for name in COLUMNS)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_kind(rows: Sequence[Row], kind_of: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Sort rows into kinds, in the order of their first one."""
    kinds: dict[Any, list[Row]] = {}
    for row in rows:
        kinds.setdefault(kind_of(row), []).append(row)
    return kinds


def mean_and_lowest(rows: Sequence[Row], column: str, digits: int = 3) -> str:
    """Return "mean (lowest)" of a column."""
    values = [row[column] for row in rows]
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f})"


def verdicts(rows: Sequence[Row]) -> str:
    """Say of each target whether the rows meet it; those without rows are left out."""
    found = [target.verdict(rows) for target in targets()]
    return "\n".join(line for line in found if line is not None)
