"""`gym-rated status`: how far the rating of each run in a database is."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tyro

from gym_rated.agreeing import Agreeing
from gym_rated.agreeing import in_words as said
from gym_rated.cli.commands.databases import open_existing
from gym_rated.contradictions import in_words
from gym_rated.environments.seeded import REMEDY

if TYPE_CHECKING:
    from gym_rated.human.agreement import Agreement, Overlap
    from gym_rated.human.store import AgreementRow, Progress, RemarkRow, Run


SHOWN_REMARKS = 20
"""Flags and comments of a run that are shown, the latest ones."""


@dataclass
class StatusArgs:
    """Say how far the rating of each run is (needs the extra `human`)."""

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(StatusArgs, args=list(argv), prog="gym-rated status")
    with open_existing(args.db) as store:
        found = [
            (
                run,
                store.progress(run.id),
                store.agreement_rows(run.id),
                store.contradicting(run.id),
                store.agreeing(run.id),
                store.remarks(run.id),
            )
            for run in store.runs()
        ]
        print(f"{store.place.name}: {len(found)} run{'' if len(found) == 1 else 's'}")
    for run, progress, rows, shares, agreed, remarks in found:
        repeats, overlap = judge(run, rows)
        lines = describe(run, progress, time.time(), repeats, overlap, shares, agreed)
        print("\n" + "\n".join([*lines, *describe_remarks(remarks)]))


def judge(
    run: "Run", rows: Sequence["AgreementRow"]
) -> tuple[dict[str, "Agreement"], "Overlap | None"]:
    """Return how steady each rater is, and how far raters agree; None where there is one."""
    from gym_rated.human.agreement import judge_overlap, judge_raters

    rng = np.random.default_rng(0)
    repeats = {one.rater: one.repeats for one in judge_raters(rows, run.num_classes, rng)}
    return repeats, judge_overlap(rows, run.num_classes, rng) if len(repeats) > 1 else None


def describe(
    run: "Run",
    progress: "Progress",
    now: float,
    repeats: Mapping[str, "Agreement"],
    overlap: "Overlap | None" = None,
    contradicting: Mapping[str, float] | None = None,
    agreeing: Mapping[str, Agreeing] | None = None,
) -> list[str]:
    """Return lines about one run.

    Args:
        run: The run.
        progress: How far its rating is.
        now: Time from which others are as long ago, in seconds.
        repeats: Rater -> agreement of their first and second ratings of the same clips.
        overlap: Agreement between raters, where there are several.
        contradicting: Rater -> share of their ratings that contradict the rest, as far as the last
            fit of the reward can tell.
        agreeing: Rater -> how often the reward agreed with their newest ratings, while new.
    """
    shares = {} if contradicting is None else contradicting
    agreed = {} if agreeing is None else agreeing
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
    lines += [f"  {REMEDY}"] if any("did not repeat" in r for r in progress.drop_reasons) else []
    last = "never" if progress.last_at is None else _ago(now - progress.last_at)
    lines.append(f"  {progress.ratings_per_minute:.1f} ratings a minute, last answer {last}")
    for rater in progress.raters:
        counts = f"{rater.rated} rated, {rater.skipped} cannot tell"
        lines.append(f"  rater {rater.rater}: {counts}, last {_ago(now - rater.last_at)}")
        if rater.rater in repeats:  # else the only answer was taken back a moment ago
            lines.append(f"    the same clip twice: {repeats[rater.rater]}")
        if rater.rater in agreed:
            lines.append(f"    the learned reward {said(agreed[rater.rater])}")
        if rater.rater in shares:
            lines.append(f"    by the learned reward: {in_words(shares[rater.rater])}")
    lines += [] if overlap is None else [f"  between raters: {overlap}"]
    if progress.trainer is not None:
        seen = progress.trainer
        lines.append(f"  trainer at step {seen.step:,}, seen {_ago(now - seen.at)}")
    lines += [
        f"  clips by {worker.name}, seen {_ago(now - worker.at)}"
        + (f": {worker.problem}" if worker.problem else "")
        for worker in progress.workers
    ]
    return lines


def describe_remarks(remarks: Sequence["RemarkRow"]) -> list[str]:
    """Return lines about the flags and comments of a run: how many, and the latest of them."""
    standing = [remark for remark in remarks if remark.flagged or remark.comment]
    if not standing:
        return []
    flagged = sum(remark.flagged for remark in standing)
    commented = sum(bool(remark.comment) for remark in standing)
    lines = [f"  flagged {flagged}, commented on {commented}"]
    for remark in reversed(standing[-SHOWN_REMARKS:]):
        flag = "flagged " if remark.flagged else ""
        said = "".join(
            c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in remark.comment
        )
        line = f"    {flag}{remark.segment_id} by {remark.rater}"
        lines.append(f"{line}: {said}" if said else line)
    more = len(standing) - SHOWN_REMARKS
    return [*lines, f"    and {more} earlier: gym-rated export"] if more > 0 else lines


def _ago(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("status")
