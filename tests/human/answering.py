"""A person without a browser: takes clips from the store, and answers by a rule."""

import threading
from collections.abc import Callable
from pathlib import Path

from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import Clip, Event, Store
from gym_rated.segments import Segment


def draw_all(store: Store) -> int:
    """Do what render workers do, with nothing to see; returns how many clips there are now."""
    drawn = 0
    while (taken := store.take_job("painter")) is not None:
        store.finish_job(taken, Clip(taken.job.segment_id.encode(), "webp", 8, 8, 50.0, 10))
        drawn += 1
    return drawn


def answer_all(store: Store, rule: Callable[[Segment], int], rater: str = "ann") -> int:
    """Rate everything that waits; returns how many clips were rated."""
    draw_all(store)
    run_ids = [run.id for run in store.runs()]
    segments = {name: unpack_segment(blob) for i in run_ids for name, blob in store.blobs(i)}
    rated = 0
    while (query := store.next_query(rater)) is not None:
        rating = rule(segments[query.segment_id])
        store.record(Event(f"{rater}-{query.id}", query.id, rater, "rate", rating))
        rated += 1
    return rated


class Answering:
    """Answer in a thread, for the length of a block, whatever comes into a database.

    Args:
        db: The database; waited for if it is not there yet.
        rule: Segment -> rating.
    """

    def __init__(self, db: Path, rule: Callable[[Segment], int]) -> None:
        self.db, self.rule, self.rated = db, rule, 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Answering":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self.db.exists():
            if self._is_over.wait(0.05):
                return
        with Store(self.db) as store:
            while not self._is_over.wait(0.05):
                self.rated += answer_all(store, self.rule)
