"""What comes out of the store: frozen records, and no database.

All times are server time, in seconds since 1970 (UTC).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gym_rated.human.store.records import Codec, Doing, Job, Kind


@dataclass(frozen=True)
class TakenJob:
    """A job that a render worker has leased.

    Attributes:
        id: Number of the job.
        run_id: Run that it belongs to.
        job: What to render.
        attempt: How often it was taken, this time included: the fencing token.
        codec: The codec that it must have, where a browser could not play another.
    """

    id: int
    run_id: str
    job: Job
    attempt: int
    codec: Codec | None = None


@dataclass(frozen=True)
class Query:
    """A clip to rate, leased to one rater; a second showing looks like a first.

    `segment_length` is that of the run's shortest segments, in steps, and `round` the number of the
    query round; None where they are not known. A second showing has that of the clips beside it.
    `flagged` and `comment` are what its rater has remarked on it so far.
    """

    id: int
    run_id: str
    segment_id: str
    clip_sha256: str
    fps: float
    frames: int
    class_names: tuple[str, ...]
    instructions: str
    task: str
    segment_length: int | None = None
    round: int | None = None
    flagged: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Recorded:
    """What became of an event: its place in the log, and whether it was there before."""

    seq: int
    repeated: bool
    query_id: int
    revision: int


@dataclass(frozen=True)
class AnswerRow:
    """One answer for the trainer.

    Attributes:
        segment_id: The segment's `id`.
        rater: Who answered.
        rating: 0 to C - 1, or `SKIPPED`; an answer that was taken back counts as skipped.
        revision: 0 for the first deed of this rater at this segment, one more for each later one.
        seq: Place in the log.
        kind: What the rater did.
    """

    segment_id: str
    rater: str
    rating: int
    revision: int
    seq: int
    kind: Kind


@dataclass(frozen=True)
class RaterProgress:
    """What one rater has done: clips rated and skipped now, and the time of the last deed."""

    rater: str
    rated: int
    skipped: int
    last_at: float


@dataclass(frozen=True)
class TrainerSeen:
    """The last sign of life of a trainer; its return is that of the learned reward.

    Attributes:
        step: Environment steps so far.
        learned_return: Return of the learned reward, if there was an episode.
        at: When it was seen.
        is_finished: Whether that was its last one: the run is over, and asks no more.
        doing: What it did then.
        steps_per_s: How fast it trains, waiting left out; None if not known.
    """

    step: int
    learned_return: float | None
    at: float
    is_finished: bool = False
    doing: Doing = ""
    steps_per_s: float | None = None


@dataclass(frozen=True)
class WorkerSeen:
    """The last sign of life of a render worker, and what is wrong with it, if anything."""

    name: str
    problem: str
    at: float


@dataclass(frozen=True)
class Progress:
    """How far a run's rating is; quality checks (second showings) do not count.

    Attributes:
        asked: Segments that people were asked about.
        jobs_waiting: Segments without a clip.
        jobs_dropped: Segments that could not be rendered.
        drop_reasons: Why, and how many each.
        queries_open: Clips that need (more) raters.
        unanswered: Segments that nobody has answered: waiting ones, and open clips.
        rated: Ratings that stand now.
        skipped: Clips that a rater could not tell about.
        class_counts: Ratings by class, worst first, C of them.
        raters: What each rater did, the busiest first.
        last_at: Time of the last answer.
        ratings_per_minute: Over the last ten minutes, all raters together; 0.0 if unknown.
        clip_s: Seconds that drawing one of the newest clips took; None if not known.
        trainer: Last sign of life of the trainer.
        workers: Last signs of life of the render workers.
    """

    asked: int
    jobs_waiting: int
    jobs_dropped: int
    drop_reasons: Mapping[str, int]
    queries_open: int
    unanswered: int
    rated: int
    skipped: int
    class_counts: tuple[int, ...]
    raters: tuple[RaterProgress, ...]
    last_at: float | None
    ratings_per_minute: float
    clip_s: float | None
    trainer: TrainerSeen | None
    workers: tuple[WorkerSeen, ...]


@dataclass(frozen=True)
class HistoryRow:
    """One of a rater's last answers, which a click can correct."""

    query_id: int
    clip_sha256: str | None
    rating: int


@dataclass(frozen=True)
class AgreementRow:
    """A standing answer, with what judging the rater needs, and showing the clip again.

    Attributes:
        segment_id: The segment.
        rater: Who answered.
        rating: 0 to C - 1, or `SKIPPED`.
        repeat: Whether it was a second showing.
        shown_ms: How long the clip was shown, in milliseconds.
        at: When the answer was given.
        query_id: The clip's query.
        clip_sha256: The clip; None where the answer was imported.
        step: Environment steps of the run when the segment was cut.
        round: Number of the query round that asked for it; None if not known.
        length: Steps of the segment; None if not known.
    """

    segment_id: str
    rater: str
    rating: int
    repeat: bool
    shown_ms: int | None
    at: float
    query_id: int = 0
    clip_sha256: str | None = None
    step: int = 0
    round: int | None = None
    length: int | None = None


@dataclass(frozen=True)
class RemarkRow:
    """What stands of a rater's remarks on one clip.

    Attributes:
        query_id: The clip's query.
        segment_id: Its segment.
        rater: Who says it.
        flagged: Whether something is wrong with the clip.
        comment: A line of text; "" for none.
        at: When it was said last.
        clip_sha256: The clip; None where there is none.
        seq: Place among all remarks.
    """

    query_id: int
    segment_id: str
    rater: str
    flagged: bool
    comment: str
    at: float
    clip_sha256: str | None
    seq: int


@dataclass(frozen=True)
class NewestClip:
    """The clip of the latest segment of a run: what the agent does now."""

    clip_sha256: str
    step: int


@dataclass(frozen=True)
class EventRow:
    """One row of the log, with where its segment comes from."""

    seq: int
    segment_id: str
    rater: str
    kind: Kind
    rating: int
    revision: int
    repeat: bool
    current: bool
    shown_ms: int | None
    at: float
    clip_sha256: str | None
    step: int
    recipe: Mapping[str, Any]
