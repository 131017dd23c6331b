"""The store: everything that trainer, render workers and page have to say to each other.

They never talk to one another. Each opens the database, and what one has committed the others
find, after a crash as well.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gym_rated.agreeing import Agreeing
from gym_rated.checks import whole_number
from gym_rated.human.store import (
    answers,
    backup,
    events,
    imports,
    jobs,
    learned,
    progress,
    queries,
    remarks,
    runs,
    told,
)
from gym_rated.human.store.checks import (
    check_digest,
    check_name,
    check_stored,
    check_text,
    is_digest,
)
from gym_rated.human.store.engine import Database
from gym_rated.human.store.leases import check_lease
from gym_rated.human.store.places import check_room, place_of
from gym_rated.human.store.records import (
    Clip,
    Codec,
    Doing,
    Event,
    ImportedRating,
    Job,
    Remark,
    Run,
)
from gym_rated.human.store.results import (
    AgreementRow,
    AnswerRow,
    EventRow,
    HistoryRow,
    NewestClip,
    Progress,
    Query,
    Recorded,
    RemarkRow,
    TakenJob,
)

RESERVE_BYTES = 50_000_000
"""What segments and clips leave free on the disk, so that ratings can still be written."""


class Store:
    """Runs, segments, clips and answers in one database; safe for many processes and threads.

    A process opens its own; a store does not survive a fork.

    Args:
        url: A file such as "runs/r1/ratings.db", which is made if it is not there,
            "sqlite:///FILE", or "postgresql://USER@HOST/NAME".
        reserve_bytes: Room on the disk below which no segment or clip is added (SQLite only).
        clock: Server time in seconds; the database's by default.

    Raises:
        StoreError: If the database cannot be opened, with the remedy; `StoreNewer` if a newer
            version made it.
        ValueError: If the file lies on a network file system, or is something else.

    Example:
        >>> import tempfile
        >>> store = Store(tempfile.mkdtemp() + "/ratings.db")
        >>> store.open_run(Run("r1", 2, ("falls", "stands"), "Does it stay upright?"))
        >>> store.add_jobs("r1", [Job("0-0-0", b"segment", {"env_id": "CartPole-v1"})])
        >>> taken = store.take_job("worker")
        >>> asked = store.finish_job(taken, Clip(b"video", "webp", 240, 240, 50.0, 50))
        >>> query = store.next_query("ann")
        >>> _ = store.record(Event("e1", query.id, "ann", "rate", rating=1))
        >>> [(a.segment_id, a.rating) for a in store.answers_since("r1", None)[0]]
        [('0-0-0', 1)]
        >>> store.close()
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        *,
        reserve_bytes: int = RESERVE_BYTES,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.place = place_of(url)
        self.reserve_bytes = whole_number("reserve_bytes", reserve_bytes, minimum=0)
        self._db = Database(self.place, clock)

    def __enter__(self) -> Self:
        """Return the store, to close it at the end of a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # ---- runs

    def open_run(self, run: Run) -> None:
        """Add a run, or find it there; task, config, overlap and duplicate rate may change.

        Raises:
            ValueError: If the run is known with other classes, instructions or environment.
        """
        with self._db.write() as connection:
            runs.open_run(connection, run, self._db.now(connection))

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first."""
        with self._db.read() as connection:
            return runs.read_runs(connection)

    def identity(self) -> str:
        """Return what tells this database from another at the same place: when its first run began.

        Empty before the first run.
        """
        with self._db.read() as connection:
            return runs.first_created(connection)

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises:
            ValueError: If there is no such run.
        """
        with self._db.read() as connection:
            return runs.read_run(connection, run_id)

    def seen_trainer(
        self,
        run_id: str,
        step: int,
        learned_return: float | None = None,
        doing: Doing = "",
        steps_per_s: float | None = None,
    ) -> None:
        """Write down that the trainer is alive, for the page; never hand over a true return.

        Args:
            run_id: The run.
            step: Environment steps so far.
            learned_return: Return of the learned reward, if there was an episode.
            doing: What it does now.
            steps_per_s: How fast it trains, waiting left out; None if not known.
        """
        with self._db.write() as connection:
            now = self._db.now(connection)
            trained = (run_id, step, learned_return)
            runs.beat_of_trainer(connection, *trained, doing, steps_per_s, now)

    def end_run(self, run_id: str) -> None:
        """Write down that a run is finished, for the page; the next sign of life takes it back."""
        with self._db.write() as connection:
            runs.end(connection, runs.read_run(connection, run_id).id, self._db.now(connection))

    def set_learned(self, run_id: str, returns: Mapping[str, float]) -> None:
        """Keep what the reward model makes of segments, for the page.

        Args:
            run_id: The run.
            returns: Segment id -> return of the learned reward; never hand over a true return.
        """
        with self._db.write() as connection:
            learned.write_learned(connection, run_id, returns)

    def learned(self, run_id: str) -> dict[str, float]:
        """Return segment id -> learned return, as `set_learned` had it last."""
        with self._db.read() as connection:
            return learned.read_learned(connection, run_id)

    def set_contradicting(self, run_id: str, shares: Mapping[str, float]) -> None:
        """Keep the share of each rater's ratings that contradict the rest.

        Args:
            run_id: The run.
            shares: Rater -> share, see `gym_rated.contradictions`; those of before are forgotten.
        """
        with self._db.write() as connection:
            learned.write_contradicting(connection, run_id, shares, self._db.now(connection))

    def contradicting(self, run_id: str) -> dict[str, float]:
        """Return rater -> share of ratings, as `set_contradicting` had it last."""
        with self._db.read() as connection:
            return learned.read_contradicting(connection, run_id)

    def set_agreeing(self, run_id: str, found: Mapping[str, Agreeing]) -> None:
        """Keep how often the reward agrees with each rater's newest ratings (rater -> that)."""
        with self._db.write() as connection:
            learned.write_agreeing(connection, run_id, found, self._db.now(connection))

    def agreeing(self, run_id: str) -> dict[str, Agreeing]:
        """Return rater -> how often the reward agrees, as `set_agreeing` had it last."""
        with self._db.read() as connection:
            return learned.read_agreeing(connection, run_id)

    def set_doubtful(self, run_id: str, segments: Mapping[str, Sequence[str]]) -> None:
        """Keep the segments that each rater should look at again (rater -> ids)."""
        with self._db.write() as connection:
            learned.write_doubtful(connection, run_id, segments, self._db.now(connection))

    def doubtful(self, run_id: str) -> dict[str, list[str]]:
        """Return rater -> segments to look at again, as `set_doubtful` had them last."""
        with self._db.read() as connection:
            return learned.read_doubtful(connection, run_id)

    def seen_worker(self, worker: str, problem: str = "") -> None:
        """Write down that a render worker is alive, and what is wrong with it, if anything."""
        with self._db.write() as connection:
            values = {"problem": check_text("problem", problem), "at": self._db.now(connection)}
            runs.beat(connection, "worker", worker, values)

    # ---- segments and clips

    def add_jobs(self, run_id: str, jobs_to_add: Sequence[Job]) -> None:
        """Ask about segments; those that the run has already are left as they are.

        A segment that brings no clip along waits for a worker to make one.

        Raises:
            StoreFull: If less than the reserve is free on the disk.
            ValueError: If there is no such run.
        """
        check_room(self.place, self.reserve_bytes, "segments")
        with self._db.write() as connection:
            runs.read_run(connection, run_id)
            jobs.add_jobs(connection, run_id, jobs_to_add, self._db.now(connection))

    def take_job(self, worker: str, lease_s: float = 120) -> TakenJob | None:
        """Lease the oldest segment without a clip; None if there is none.

        A job taken three times without a result is dropped.
        """
        check_name("worker", worker)
        check_lease(lease_s)
        with self._db.write() as connection:
            return jobs.take_job(connection, worker, lease_s, self._db.now(connection))

    def renew_job(self, taken: TakenJob, lease_s: float) -> bool:
        """Make the lease of a job end later, which must be done while the work on it lasts.

        Returns:
            False if another worker has the job now, or it is done.
        """
        check_lease(lease_s)
        with self._db.write() as connection:
            return jobs.renew_job(connection, taken, lease_s, self._db.now(connection))

    def finish_job(self, taken: TakenJob, clip: Clip) -> int:
        """Put a clip and its query in the place of a job; returns the query's id.

        Doing so twice is no error.

        Raises:
            Conflict: If the lease expired and another worker has the job.
            StoreFull: If less than the reserve is free on the disk; the job stays.
        """
        check_room(self.place, self.reserve_bytes, "clips")
        with self._db.write() as connection:
            return jobs.finish_job(connection, taken, clip, self._db.now(connection))

    def drop_job(self, taken: TakenJob, reason: str) -> None:
        """Give a segment up: `Progress` counts it under `reason`."""
        check_text("reason", reason)
        with self._db.write() as connection:
            jobs.drop_job(connection, taken, reason)

    def remake(self, query_id: int, codec: Codec = "webp") -> bool:
        """Ask for another clip of a query, because a browser cannot play the one it has.

        The query keeps its clip until `finish_job` brings the other.

        Returns:
            False if another is on its way already.

        Raises:
            Conflict: If there is no such query.
        """
        check_stored("query_id", query_id)
        with self._db.write() as connection:
            return jobs.remake(connection, query_id, codec)

    def clip(self, sha256: str) -> Clip | None:
        """Return a clip by the digest of its bytes; None if there is none."""
        if not is_digest(sha256):
            return None
        with self._db.read() as connection:
            return jobs.read_clip(connection, sha256)

    def newest_clip(self, run_id: str) -> NewestClip | None:
        """Return the clip of a run's latest segment; None if no clip is there."""
        with self._db.read() as connection:
            return jobs.newest_clip(connection, run_id)

    def blobs(self, run_id: str) -> Iterator[tuple[str, bytes]]:
        """Yield (segment id, blob) of a run in the order of adding, without dropped ones."""
        after = 0
        while True:
            with self._db.read() as connection:
                page = list(jobs.read_segments(connection, run_id, after, limit=100))
            if not page:
                return
            yield from ((segment_id, blob) for _, segment_id, blob in page)
            after = page[-1][0]

    # ---- rating

    def ask(self, run_id: str, new: Job, rater: str, lease_s: float = 90) -> int:
        """Give a rater a segment of their own choice to rate; returns the number of its query.

        A segment that the run has is left as it is, and may get another answer.

        Args:
            run_id: The run.
            new: The segment, with its clip.
            rater: Who chose it.
            lease_s: Seconds for which nobody else gets the seat, at most 120.

        Raises:
            Conflict: If the segment is new, and the true reward of its episode was shown.
            StoreFull: If less than the reserve is free on the disk.
            ValueError: If there is no such run, or the segment has no clip.
        """
        check_name("rater", rater)
        check_lease(lease_s)
        if new.clip is None:
            raise ValueError(f"`new` must bring its clip along, got {new.segment_id!r} without")
        check_room(self.place, self.reserve_bytes, "segments")
        with self._db.write() as connection:
            now = self._db.lock_rater(connection, rater)
            runs.read_run(connection, run_id)
            query_id = jobs.add_asked(connection, run_id, new, now)
            queries.give(connection, query_id, rater, now + lease_s)
        return query_id

    def tell(self, run_id: str, episode: str, rater: str) -> None:
        """Write down that the true reward of an episode is about to be shown.

        From when this returns, on disk, nobody's answer about the episode is taken, changed or
        taken back.

        Args:
            run_id: The run.
            episode: Digest of the episode, as the recipes of its segments have it.
            rater: Who asked.

        Raises:
            StoreFull: If the disk is full; the reward must not be shown then.
            ValueError: If there is no such run, or the digest is none.
        """
        check_name("rater", rater)
        check_digest("episode", episode)
        with self._db.write() as connection:
            now = self._db.lock_rater(connection, rater)
            runs.read_run(connection, run_id)
            told.tell(connection, run_id, episode, rater, now)
        self._db.settle()

    def is_told(self, run_id: str, episode: str) -> bool:
        """Say whether the true reward of an episode was shown, by its digest."""
        with self._db.read() as connection:
            return told.is_told(connection, run_id, episode)

    def next_query(
        self,
        rater: str,
        *,
        run_id: str | None = None,
        exclude: Collection[int] = (),
        lease_s: float = 90,
    ) -> Query | None:
        """Lease a clip to a rater; None if there is none for this rater now.

        Args:
            rater: Who asks. Tabs of one rater get the same clip.
            run_id: Only clips of this run; of all by default.
            exclude: Queries that the page has already; leases on them are renewed. At most 100.
            lease_s: Seconds for which nobody else gets the seat, at most 120.
        """
        check_name("rater", rater)
        check_lease(lease_s)
        in_hand = [check_stored("exclude", query_id) for query_id in exclude]
        if len(in_hand) > 100:
            raise ValueError(f"`exclude` must name at most 100 queries, got {len(in_hand)}")
        with self._db.write() as connection:
            now = self._db.lock_rater(connection, rater)
            return queries.next_query(connection, rater, run_id, in_hand, lease_s, now)

    def record(self, event: Event) -> Recorded:
        """Write down what a rater did; when this returns, it is on disk.

        An event with a known `client_id` is not written again. An undo opens the clip again for
        its rater, who holds it for 90 s.

        Raises:
            Conflict: If the rater has no seat at this clip (any more), or nothing to take back, or
                the true reward of the clip's episode was shown.
            ValueError: If the class does not exist.
            StoreFull: If the disk is full; send the event again later.
        """
        with self._db.write() as connection:
            now = self._db.lock_rater(connection, event.rater)
            done = events.record(connection, event, now)
        self._db.settle()
        return done

    def remark(self, new: Remark) -> Recorded:
        """Write down a flag or a comment; when this returns, it is on disk.

        A remark with a known `client_id` is not written again. Answers are left as they are.

        Raises:
            Conflict: If the clip was never given to the rater.
            StoreFull: If the disk is full; send the remark again later.
        """
        with self._db.write() as connection:
            now = self._db.lock_rater(connection, new.rater)
            done = remarks.add_remark(connection, new, now)
        self._db.settle()
        return done

    def remarks(self, run_id: str) -> list[RemarkRow]:
        """Return what stands of all flags and comments of a run, the latest last."""
        with self._db.read() as connection:
            return remarks.read_remarks(connection, run_id)

    def history(self, rater: str, run_id: str, limit: int = 10) -> list[HistoryRow]:
        """Return a rater's standing answers, the newest first."""
        with self._db.read() as connection:
            return answers.read_history(connection, rater, run_id, limit)

    def expire(self, run_id: str, before_step: int | None = None) -> int:
        """Ask no longer about what nobody has answered; answers that come all the same are kept.

        Args:
            run_id: The run.
            before_step: Only about segments from before this step of the run; None for all.

        Returns:
            How many clips and segments without a clip that were.
        """
        with self._db.write() as connection:
            return jobs.expire(connection, run_id, before_step)

    def import_ratings(
        self,
        run_id: str,
        segments: Sequence[Job],
        ratings: Iterable[ImportedRating],
        *,
        new_run: Run | None = None,
    ) -> int:
        """Bring in ratings that were given elsewhere, all of them or none.

        Args:
            run_id: The run.
            segments: Segments that the run may not have yet; they get no clip.
            ratings: Ratings of segments of the run. One that stands already is left out, so that
                the same file may be imported twice.
            new_run: The run itself, where it is not there yet; it is made together with the rest.

        Returns:
            How many said anything new.

        Raises:
            StoreFull: If there are segments, and less than the reserve is free on the disk.
            ValueError: If there is no such run, segment or class, or the run has other steps under
                the id of a segment.
        """
        if segments:
            check_room(self.place, self.reserve_bytes, "segments")
        with self._db.write() as connection:
            now = self._db.now(connection)
            if new_run is not None:
                runs.open_run(connection, new_run, now)
            run = runs.read_run(connection, run_id)
            return imports.import_ratings(connection, run, segments, ratings, now)

    # ---- reading

    def segment_ids(self, run_id: str) -> set[str]:
        """Return the ids of a run's segments, those without a clip among them."""
        with self._db.read() as connection:
            return imports.read_segment_ids(connection, run_id)

    def back_up(self, target: str | os.PathLike[str]) -> dict[str, int]:
        """Copy the database to a new file, while others may write (SQLite only).

        Args:
            target: The copy: one file, complete, readable by its owner only.

        Returns:
            Name of each table -> its rows in the copy, which was read again and found whole.

        Raises:
            FileExistsError: If there is a file of that name.
            StoreError: If there is no room, or the copy is not whole.
            ValueError: If the database is not a file.
        """
        if self.place.file is None:
            raise ValueError(
                f"`db` must be a file to be copied, got {self.place.name}; copy a PostgreSQL "
                "database with its own program: pg_dump --schema=gym_rated --format=custom"
            )
        with self._db.read() as connection:
            return backup.back_up(connection, Path(target).expanduser().absolute())

    def answers_since(self, run_id: str, cursor: Any) -> tuple[list[AnswerRow], Any]:
        """Return the answers of a run that a reader has not had, and the next cursor.

        Args:
            run_id: The run.
            cursor: What the last call returned (JSON), or None for all answers.

        Returns:
            Answers in the order of the log, corrections and undos (as skipped) among them; second
            showings are left out.

        Raises:
            StoreBehind: If the database lacks answers that the cursor has passed: it is an older
                copy.
        """
        with self._db.read() as connection:
            now = self._db.now(connection)
            in_order = self._db.is_sqlite
            return answers.answers_since(connection, run_id, cursor, now, in_order=in_order)

    def pending(self, run_id: str) -> int:
        """Return how many segments nobody has answered, those without a clip among them."""
        with self._db.read() as connection:
            return progress.count_unanswered(connection, run_id)

    def progress(self, run_id: str) -> Progress:
        """Return how far a run is.

        Raises:
            ValueError: If there is no such run.
        """
        with self._db.read() as connection:
            return progress.read_progress(connection, run_id, self._db.now(connection))

    def agreement_rows(self, run_id: str) -> list[AgreementRow]:
        """Return all standing answers, second showings among them, to judge raters by."""
        with self._db.read() as connection:
            return answers.agreement_rows(connection, run_id)

    def events(self, run_id: str) -> list[EventRow]:
        """Return the whole log of a run, for export."""
        with self._db.read() as connection:
            return list(answers.read_events(connection, run_id))
