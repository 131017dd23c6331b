"""What the page shows beside the clip: the rater's own numbers, and how far the run is.

Second showings count like any other clip here, or a rater could tell them by a number that stands
still. Nothing here comes from the true reward: the store has none.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gym_rated.agreeing import Agreeing
from gym_rated.contradictions import FEWEST, as_fraction
from gym_rated.human.agreement import Agreement, compare, repeated_pairs
from gym_rated.human.app.examples import examples
from gym_rated.human.app.outlook import outlook
from gym_rated.human.app.story import story
from gym_rated.human.store import (
    SKIPPED,
    AgreementRow,
    HistoryRow,
    NewestClip,
    Progress,
    RemarkRow,
    Run,
    Store,
)

KEPT_S = 2.0
"""Seconds for which the standing answers of a run are read only once, however many ask."""
PACE_WINDOW_S = 600.0
NEWEST_REMARKS = 20
"""Flags and comments that are told, beside those on the clips that the page lists."""


class Board:
    """The numbers of a store, for all raters.

    Args:
        store: Where they come from.
        run_id: The only run that the page shows; all by default.
    """

    def __init__(self, store: Store, run_id: str | None = None):
        self._store = store
        self._run_id = run_id
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, Progress, list[AgreementRow], list[RemarkRow]]] = {}
        self._beats: dict[str, tuple[float, float]] = {}  # run -> a sign of life, when we saw it

    def forget(self) -> None:
        """Read anew at the next call: something was written."""
        with self._lock:
            self._read.clear()

    def show(self, rater: str, run_id: str | None = None) -> dict[str, Any]:
        """Return what the page of one rater shows of one run, the latest by default.

        Args:
            rater: Whose page.
            run_id: The run; one that is not there counts as not named.
        """
        runs = [run for run in self._store.runs() if self._run_id in (None, run.id)]
        run = next((run for run in runs if run.id == run_id), runs[-1] if runs else None)
        if run is None:
            return {"run": None, "runs": 0, "database": ""}
        progress, rows, remarks = self._look(run.id)
        mine = [row for row in rows if row.rater == rater]
        trainer = self._trainer(run.id, progress)
        learned = self._store.learned(run.id)
        end = end_of(run, progress)
        again = _again(mine, self._store.doubtful(run.id).get(rater, []))
        history = [_answer(row) for row in self._store.history(rater, run.id)]
        return {
            "runs": len(runs),
            "database": self._store.identity(),
            "run": _criterion(run),
            "total": sum(row.rating != SKIPPED for row in rows),
            "mine": _own(mine, run.num_classes),
            "waiting": progress.queries_open,
            "end": end,
            "story": None if end is None else story(mine, learned),
            "rendering": progress.jobs_waiting,
            "remaining": _remaining(run, progress),
            "planned": _planned(run, progress),
            "dropped": progress.jobs_dropped,
            "trainer": trainer,
            "outlook": outlook(run, progress, 0 if trainer is None else trainer["seen_s_ago"]),
            "newest": _newest(self._store.newest_clip(run.id)),
            "problem": _problem(progress),
            "agreement": own_agreement(mine, run.num_classes),
            "learned": _by_class(mine, run.num_classes, learned),
            "contradicting": _share(self._store.contradicting(run.id).get(rater)),
            "agreeing": _agreeing(self._store.agreeing(run.id).get(rater)),
            "doubtful": again,
            "remarks": _remarks(
                [row for row in remarks if row.rater == rater], mine, again, history
            ),
            "examples": examples(mine, run.num_classes),
            "history": history,
        }

    def is_finished(self, run_id: str | None = None) -> bool:
        """Return whether a run is over, the latest by default; a stopped one is not."""
        runs = [run for run in self._store.runs() if self._run_id in (None, run.id)]
        run = next((run for run in runs if run.id == run_id), runs[-1] if runs else None)
        if run is None:
            return False
        trainer = self._store.progress(run.id).trainer
        return trainer is not None and trainer.is_finished

    def _trainer(self, run_id: str, progress: Progress) -> dict[str, Any] | None:
        """Return how the training goes, and for how long nothing was heard of it.

        By two clocks, since that of the wall may be set: the longer time counts.
        """
        seen = progress.trainer
        if seen is None:
            return None
        now = time.monotonic()
        at, since = self._beats.get(run_id, (seen.at, now))
        self._beats[run_id] = (seen.at, since if at == seen.at else now)
        ago = max(time.time() - seen.at, now - self._beats[run_id][1])
        return {"step": seen.step, "learned_return": seen.learned_return, "seen_s_ago": round(ago)}

    def _look(self, run_id: str) -> tuple[Progress, list[AgreementRow], list[RemarkRow]]:
        now = time.monotonic()
        with self._lock:
            found = self._read.get(run_id)
        if found is None or now - found[0] > KEPT_S:
            progress = self._store.progress(run_id)
            remarks = self._store.remarks(run_id)
            found = (now, progress, self._store.agreement_rows(run_id), remarks)
            with self._lock:
                self._read[run_id] = found
        return found[1], found[2], found[3]


def own_agreement(mine: Sequence[AgreementRow], num_classes: int) -> dict[str, Any] | None:
    """Return how a rater's second answers to the same clip compare with the first.

    Args:
        mine: All standing answers of one rater.
        num_classes: Number of classes C.

    Returns:
        How many clips got a class twice, how many of them the same, and at most one apart; where
        there are enough, weighted kappa with its 95 % interval. None without such a clip.
    """
    first, second = repeated_pairs(mine)
    if not len(first):
        return None
    found = _compare(tuple(first.tolist()), tuple(second.tolist()), num_classes)
    num = found.num
    counts = {"exact": round(num * found.exact), "within_one": round(num * found.within_one)}
    kappa = found.kappa
    if kappa is None:
        return {"num": num, **counts}
    interval = {"kappa": kappa.estimate, "low": kappa.low, "high": kappa.high}
    return {"num": num, **counts, **interval}


@lru_cache(maxsize=256)
def _compare(first: tuple[int, ...], second: tuple[int, ...], num_classes: int) -> Agreement:
    return compare(first, second, num_classes, np.random.default_rng(0))


def _by_class(
    mine: Sequence[AgreementRow], num_classes: int, returns: Mapping[str, float]
) -> list[list[float]] | None:
    """Return learned returns of what a rater has rated, by class; never of other clips."""
    found: list[list[float]] = [[] for _ in range(num_classes)]
    for row in mine:
        if row.rating != SKIPPED and not row.repeat and row.segment_id in returns:
            found[row.rating].append(returns[row.segment_id])
    return found if any(found) else None


def _criterion(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "task": run.task,
        "env_id": run.env_id,
        "class_names": run.class_names,
        "class_texts": run.class_texts,
        "instructions": run.instructions,
        "segment_length": run.segment_length,
    }


def _own(mine: Sequence[AgreementRow], num_classes: int) -> dict[str, Any]:
    rated = [row for row in mine if row.rating != SKIPPED]
    counts = [sum(row.rating == c for row in rated) for c in range(num_classes)]
    return {
        "rated": len(rated),
        "skipped": len(mine) - len(rated),
        "counts": counts,
        "per_minute": _pace([row.at for row in mine]),
    }


def _pace(times: Sequence[float]) -> float | None:
    """Return answers per minute over a rater's last ten minutes of rating; None if too few.

    Args:
        times: When the answers were given, in the order of the log; a clock that was set in
            between begins a new count.
    """
    recent = list(times[-1:])  # the latest first
    for at in reversed(times[:-1]):
        if not recent[0] - PACE_WINDOW_S < at <= recent[-1]:
            break
        recent.append(at)
    if len(recent) < 3 or recent[0] <= recent[-1]:
        return None
    return 60 * (len(recent) - 1) / (recent[0] - recent[-1])


def _remaining(run: Run, progress: Progress) -> int:
    """Return how many ratings the run still asks for: what waits, or what is planned."""
    planned = run.config.get("num_ratings")
    left = planned - progress.asked if isinstance(planned, int) else 0
    return progress.unanswered + max(0, left)


def _planned(run: Run, progress: Progress) -> int | None:
    """Return how many clips the run asks for in all; None where it does not say."""
    planned = run.config.get("num_ratings")
    return max(planned, progress.asked) if isinstance(planned, int) else None


def end_of(run: Run, progress: Progress) -> str | None:
    """Return how far a run is over, as far as people are concerned.

    Returns:
        "finished": its training is over. "answered": it goes on, and will ask no more, for all
        that was planned is asked and answered. None: there is more to come, or nobody knows.
    """
    if progress.trainer is not None and progress.trainer.is_finished:
        return "finished"
    planned = run.config.get("num_ratings")
    is_all_asked = isinstance(planned, int) and progress.asked >= planned
    is_all_answered = progress.unanswered == progress.queries_open == 0
    return "answered" if is_all_asked and is_all_answered else None


def _share(share: float | None) -> dict[str, Any] | None:
    """Return a share in small numbers, and whether it is less; None where nobody can tell."""
    if share is None:
        return None
    few = 1, round(1 / FEWEST)
    num, among = as_fraction(share) or few
    return {"num": num, "among": among, "fewer": share < FEWEST}


def _agreeing(found: Agreeing | None) -> dict[str, Any] | None:
    """Return how often the reward agrees with a rater; None where nobody can tell."""
    return None if found is None else {"num": found.num, "percent": round(100 * found.share)}


def _again(mine: Sequence[AgreementRow], segments: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rated clips of some segments, in their order: those to look at again."""
    rated = {
        row.segment_id: {"query_id": row.query_id, "clip": row.clip_sha256, "rating": row.rating}
        for row in mine
        if row.rating != SKIPPED and row.clip_sha256 is not None and not row.repeat
    }
    return [rated[name] for name in segments if name in rated]


def _remarks(
    said: Sequence[RemarkRow], mine: Sequence[AgreementRow], *listed: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return a rater's remarks, the newest first: the last, and those on clips that are listed.

    One that was taken back is among them, so that another tab hears of it. `rating` is None where
    the clip has no answer.
    """
    ids = {one["query_id"] for entries in listed for one in entries}
    ratings = {row.query_id: row.rating for row in mine}
    chosen = [
        row for k, row in enumerate(reversed(said)) if k < NEWEST_REMARKS or row.query_id in ids
    ]
    return [
        {
            "query_id": row.query_id,
            "clip": row.clip_sha256,
            "rating": ratings.get(row.query_id),
            "flagged": row.flagged,
            "comment": row.comment,
        }
        for row in chosen
    ]


def _problem(progress: Progress) -> str:
    return next((worker.problem for worker in progress.workers if worker.problem), "")


def _newest(found: NewestClip | None) -> dict[str, Any] | None:
    return None if found is None else {"clip": found.clip_sha256, "step": found.step}


def _answer(row: HistoryRow) -> dict[str, Any]:
    return {"query_id": row.query_id, "clip": row.clip_sha256, "rating": row.rating}
