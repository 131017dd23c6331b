"""`gym-rated status`: how far the rating of each run in a database is."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

from gym_rated.extras import named_extras

if TYPE_CHECKING:
    from gym_rated.human.store import Progress, Run


@dataclass
class StatusArgs:
    """Say how far the rating of each run is (needs the extra `human`)."""

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    args = tyro.cli(StatusArgs, args=list(argv), prog="gym-rated status")
    with named_extras():
        from gym_rated.human.store import Store
        from gym_rated.human.store.places import place_of
    file = place_of(args.db).file
    if file is not None and not file.exists():
        raise FileNotFoundError(f"`db` must be a database of ratings, got {file}, which is not")
    with Store(args.db) as store:
        found = [(run, store.progress(run.id)) for run in store.runs()]
        print(f"{store.place.name}: {len(found)} run{'' if len(found) == 1 else 's'}")
    for run, progress in found:
        print("\n" + "\n".join(describe(run, progress, time.time())))


def describe(run: "Run", progress: "Progress", now: float) -> list[str]:
    """Return lines about one run; times are as long ago as seen from `now`, in seconds."""
    counts = ", ".join(
        f"{name} {count}"
        for name, count in zip(run.class_names, progress.class_counts, strict=True)
    )
    lines = [
        f"run {run.id} ({run.env_id or 'no environment named'}): {run.instructions}",
        f"  rated {progress.rated} ({counts}), cannot tell {progress.skipped}",
        f"  waiting {progress.unanswered}, of which {progress.jobs_waiting} without a clip yet",
    ]
    lines += [f"  dropped {n}: {reason}" for reason, n in progress.drop_reasons.items()]
    last = "never" if progress.last_at is None else _ago(now - progress.last_at)
    lines.append(f"  {progress.ratings_per_minute:.1f} ratings a minute, last answer {last}")
    lines += [
        f"  rater {rater.rater}: {rater.rated} rated, {rater.skipped} cannot tell, "
        f"last {_ago(now - rater.last_at)}"
        for rater in progress.raters
    ]
    if progress.trainer is not None:
        seen = progress.trainer
        lines.append(f"  trainer at step {seen.step:,}, seen {_ago(now - seen.at)}")
    lines += [
        f"  clips by {worker.name}, seen {_ago(now - worker.at)}"
        + (f": {worker.problem}" if worker.problem else "")
        for worker in progress.workers
    ]
    return lines


def _ago(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
