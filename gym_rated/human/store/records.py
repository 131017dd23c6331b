"""What goes into the store and what comes out of it: frozen records, and no database.

All times are server time, in seconds since 1970 (UTC).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gym_rated.checks import whole_number

SKIPPED = -1  # as gym_rated.raters.SKIPPED: the rating of a segment nobody can tell about
MOST_CLASSES = 10  # a key of the keyboard for each
_LARGEST = 2**63 - 1  # what a database keeps in one whole number

Kind = Literal["rate", "skip", "undo"]
Codec = Literal["h264", "vp9", "webp"]


@dataclass(frozen=True)
class Run:
    """What raters of one run are asked.

    Attributes:
        id: Name of the run, unique in the store.
        num_classes: Number of rating classes C, 2 to 10.
        class_names: What each class means, worst first, C of them.
        instructions: The criterion, in words.
        task: Name of the task on the page, where there are several.
        env_id: Environment that the segments come from.
        config: Whatever else is worth keeping, as JSON.
        overlap: How many raters rate each segment, at least 1.
        duplicate_rate: Share of second showings among the clips that a rater sees, in [0, 1).

    Raises:
        TypeError: If a number is no int, or a text no str.
        ValueError: If a value is out of range, or the names are not C.
    """

    id: str
    num_classes: int
    class_names: tuple[str, ...]
    instructions: str
    task: str = ""
    env_id: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    overlap: int = 1
    duplicate_rate: float = 0.08

    def __post_init__(self) -> None:
        """Check the fields."""
        check_name("id", self.id)
        classes = whole_number("num_classes", self.num_classes, minimum=2)
        if classes > MOST_CLASSES:
            raise ValueError(f"`num_classes` must be at most {MOST_CLASSES}, got {classes}")
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if len(self.class_names) != classes:
            raise ValueError(
                f"`class_names` must name each of the {classes} classes, got {self.class_names}"
            )
        for name in ("instructions", "task", "env_id"):
            check_text(name, getattr(self, name))
        for name in self.class_names:
            check_text("class_names", name)
        whole_number("overlap", self.overlap)
        if not 0 <= self.duplicate_rate < 1:
            raise ValueError(f"`duplicate_rate` must lie in [0, 1), got {self.duplicate_rate}")

    @property
    def criterion_hash(self) -> str:
        """Digest of what the rater was asked: another one means another scale."""
        asked = json.dumps([self.num_classes, list(self.class_names), self.instructions])
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True)
class Job:
    """A segment to ask about, which needs a clip or brings it along.

    Attributes:
        segment_id: Unique in the run.
        blob: The segment, as `gym_rated.human.segment_blob.pack_segment` makes it.
        recipe: How to replay it, as JSON: env_id, env_kwargs, episode_seed, first_step, length,
            env_index, episode.
        step: Environment steps that the run had taken when the segment was cut.
        clip: Its clip, where no worker has to make one.
    """

    segment_id: str
    blob: bytes
    recipe: Mapping[str, Any]
    step: int = 0
    clip: "Clip | None" = None

    def __post_init__(self) -> None:
        """Check the fields."""
        check_text("segment_id", self.segment_id)
        whole_number("step", self.step, minimum=0)


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
class Clip:
    """A video: `data` is a whole file of `frames` frames, `fps` of them a second."""

    data: bytes
    codec: Codec
    width: int
    height: int
    fps: float
    frames: int

    @property
    def sha256(self) -> str:
        """Digest of `data`, hexadecimal: the name of the clip."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Query:
    """A clip to rate, leased to one rater; a second showing looks like a first."""

    id: int
    run_id: str
    segment_id: str
    clip_sha256: str
    fps: float
    frames: int
    num_classes: int
    class_names: tuple[str, ...]
    instructions: str
    task: str


@dataclass(frozen=True)
class Event:
    """One deed of one rater.

    Attributes:
        client_id: Made by the page, unique: the same event sent twice counts once.
        query_id: The clip meant. An "undo" without one takes back the rater's last answer.
        rater: Who did it.
        kind: "rate", "skip" or "undo"; rating a clip again corrects the answer.
        rating: Class of a "rate", 0 (worst) to C - 1; None otherwise.
        shown_ms: How long the clip was shown, in milliseconds.

    Raises:
        TypeError: If a number is no int.
        ValueError: If a name is empty or not printable, or a number does not fit the kind.
    """

    client_id: str
    query_id: int | None
    rater: str
    kind: Kind
    rating: int | None = None
    shown_ms: int | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        check_name("client_id", self.client_id)
        check_name("rater", self.rater)
        if self.kind not in ("rate", "skip", "undo"):
            raise ValueError(f"`kind` must be rate, skip or undo, got {self.kind!r}")
        if self.query_id is None and self.kind != "undo":
            raise ValueError(f"`query_id` must name a clip to {self.kind}, got None")
        if (self.rating is None) == (self.kind == "rate"):
            raise ValueError(
                f"`rating` must be a class for a rate, and None otherwise, got {self.rating} for "
                f"a {self.kind}"
            )
        for name in ("query_id", "rating", "shown_ms"):
            if getattr(self, name) is not None:
                check_stored(name, getattr(self, name))


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
        at: When.
    """

    segment_id: str
    rater: str
    rating: int
    revision: int
    seq: int
    kind: Kind
    at: float


@dataclass(frozen=True)
class RaterProgress:
    """What one rater has done: clips rated and skipped now, and the time of the last deed."""

    rater: str
    rated: int
    skipped: int
    last_at: float


@dataclass(frozen=True)
class TrainerSeen:
    """The last sign of life of a trainer; its return is that of the learned reward."""

    step: int
    learned_return: float | None
    at: float


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
        jobs_waiting: Segments without a clip.
        jobs_dropped: Segments that could not be rendered.
        drop_reasons: Why, and how many each.
        queries_open: Clips that need (more) raters.
        unanswered: Segments that nobody has answered: waiting ones, and open clips.
        rated: Ratings that stand now.
        skipped: Clips that a rater could not tell about.
        class_counts: Ratings by class, worst first, C of them.
        raters: What each rater did, the busiest first.
        first_at: Time of the first answer.
        last_at: Time of the last one.
        ratings_per_minute: Over the last ten minutes, all raters together; 0.0 if unknown.
        trainer: Last sign of life of the trainer.
        workers: Last signs of life of the render workers.
    """

    jobs_waiting: int
    jobs_dropped: int
    drop_reasons: Mapping[str, int]
    queries_open: int
    unanswered: int
    rated: int
    skipped: int
    class_counts: tuple[int, ...]
    raters: tuple[RaterProgress, ...]
    first_at: float | None
    last_at: float | None
    ratings_per_minute: float
    trainer: TrainerSeen | None
    workers: tuple[WorkerSeen, ...]


@dataclass(frozen=True)
class HistoryRow:
    """One of a rater's last answers, which a click can correct."""

    query_id: int
    segment_id: str
    clip_sha256: str | None
    rating: int
    at: float


@dataclass(frozen=True)
class AgreementRow:
    """A standing answer, with what judging the rater needs; `repeat` marks a second showing."""

    segment_id: str
    rater: str
    rating: int
    repeat: bool
    shown_ms: int | None
    at: float


@dataclass(frozen=True)
class ImportedRating:
    """A rating that was given elsewhere: 0 to C - 1, or `SKIPPED`."""

    segment_id: str
    rater: str
    rating: int
    shown_ms: int | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        check_text("segment_id", self.segment_id)
        check_name("rater", self.rater)
        whole_number("rating", self.rating, minimum=None)


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


def check_name(name: str, value: Any) -> str:
    """Return `value` if it is a short printable text, else raise."""
    check_text(name, value)
    if not 0 < len(value) <= 100 or not value.isprintable():
        raise ValueError(f"`{name}` must be 1 to 100 printable characters, got {value[:120]!r}")
    return str(value)


def check_text(name: str, value: Any) -> str:
    """Return `value` if it is text that every database can keep, else raise."""
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a str, got {value!r}")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"`{name}` must be text without NUL and surrogates, got {value[:120]!r}")
    return value


def check_stored(name: str, value: Any) -> int:
    """Return `value` if it is a whole number from 0 to 2**63 - 1, else raise."""
    if whole_number(name, value, minimum=0) > _LARGEST:
        raise ValueError(f"`{name}` must be below 2**63, got {value}")
    return int(value)
