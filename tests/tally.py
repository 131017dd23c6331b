"""What a suite of trials tried, kind by kind, and what became of each trial.

A suite asks for the fixture `tally` and records every trial in it. After the run pytest prints one
table a suite; `--write-tally` also writes it to `benchmarks/results/trust/<suite>.json`, from where
`docs/reliability.md` takes it.
"""

import json
import platform
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["kept", "refused", "lost"]
OUTCOMES: tuple[Outcome, ...] = ("kept", "refused", "lost")
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "trust"


class Tally:
    """Counts the trials of one suite by kind.

    Args:
        suite: Name of the suite, such as "faults".
    """

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._lost: list[str] = []

    def record(self, kind: str, outcome: Outcome, example: str = "") -> None:
        """Count one trial.

        Args:
            kind: What was tried, such as "kill at a checkpoint, PPO".
            outcome: "kept": all is there, and right. "refused": nothing was taken, and the error
                was in our own words. "lost": all else, such as a wrong value or a foreign error.
            example: What was lost, for the reader of the table.
        """
        if outcome not in OUTCOMES:
            raise ValueError(f"`outcome` must be one of {OUTCOMES}, got {outcome!r}")
        self._counts[kind][outcome] += 1
        if outcome == "lost":
            self._lost.append(f"{kind}: {example}")

    @property
    def lost(self) -> list[str]:
        """What was lost, a line a trial."""
        return list(self._lost)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a kind: its trials, and how many ended how."""
        return [
            {"kind": kind, "tried": counts.total()} | {name: counts[name] for name in OUTCOMES}
            for kind, counts in sorted(self._counts.items())
        ]

    def lines(self) -> list[str]:
        """Return the table as text, with a sum, and then what was lost."""
        rows = self.rows()
        names = ("tried", *OUTCOMES)
        rows.append({"kind": "sum"} | {name: sum(row[name] for row in rows) for name in names})
        width = max(len(row["kind"]) for row in rows)
        lines = [" " * width + "".join(f"{name:>10}" for name in names)]
        lines += [f"{r['kind']:<{width}}" + "".join(f"{r[n]:>10}" for n in names) for r in rows]
        return lines + [f"lost: {example}" for example in self._lost]

    def write(self, folder: Path = RESULTS) -> Path:
        """Write the table as JSON, to be committed, and return where."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.suite}.json"
        start = {"command": f"make test-{self.suite}", "python": platform.python_version()}
        content = {**start, "rows": self.rows(), "lost": self._lost}
        path.write_text(json.dumps(content, indent=1) + "\n")
        return path
