"""What goes into the store: frozen records, checked, and no database."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gym_rated.checks import check_class_texts, check_comment, whole_number
from gym_rated.human.store.checks import check_name, check_stored, check_text

SKIPPED = -1  # as gym_rated.raters.SKIPPED: the rating of a segment nobody can tell about
MOST_CLASSES = 10  # a key of the keyboard for each
SHORTEST = "segment_length"  # its name in the config of a run
CLASS_TEXTS = "class_texts"  # likewise: what tells a clip of each class
EPISODE = "episode_sha256"  # in a recipe: digest of the episode that a segment is of
QUERY_STEPS, PLANNED_STEPS = "query_steps", "total_steps"  # likewise: when it asks, and ends

Kind = Literal["rate", "skip", "undo"]
Codec = Literal["h264", "vp9", "webp"]
Doing = Literal["", "training", "learning", "waiting"]
"""What a run does: train its agent, fit its reward to new ratings, wait for them; ""."""


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

    @property
    def segment_length(self) -> int | None:
        """Steps of the shortest segments, but for those that an end cut; None if not known."""
        return shortest_of(self.config)

    @property
    def class_texts(self) -> tuple[str, ...]:
        """What tells a clip of each class, C texts; () where nobody wrote them."""
        try:
            return check_class_texts(self.config.get(CLASS_TEXTS, ()), self.num_classes)
        except (TypeError, ValueError):
            return ()


def shortest_of(config: Mapping[str, Any]) -> int | None:
    """Return the steps of a run's shortest segments, as its `config` has them; None if not."""
    steps = config.get(SHORTEST)
    return steps if type(steps) is int and steps > 0 else None


def round_of(recipe: Any) -> int | None:
    """Return the query round that a recipe names; None in one of before it was written down."""
    found = recipe.get("round") if isinstance(recipe, Mapping) else None
    return found if type(found) is int and found >= 0 else None


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
    clip: Clip | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        check_text("segment_id", self.segment_id)
        whole_number("step", self.step, minimum=0)


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
class Remark:
    """What a rater says of a clip beside the rating, which it does not change.

    Attributes:
        client_id: Made by the page, unique: the same remark sent twice counts once.
        query_id: The clip meant.
        rater: Who says it.
        flagged: Whether something is wrong with the clip.
        comment: A line of text; "" for none. Not flagged and without one: nothing is said any more.

    Raises:
        TypeError: If a value is of another type.
        ValueError: If a name is empty or not printable, or the comment is too long or no line.
    """

    client_id: str
    query_id: int
    rater: str
    flagged: bool
    comment: str = ""

    def __post_init__(self) -> None:
        """Check the fields."""
        check_name("client_id", self.client_id)
        check_stored("query_id", self.query_id)
        check_name("rater", self.rater)
        if not isinstance(self.flagged, bool):
            raise TypeError(f"`flagged` must be true or false, got {self.flagged!r}")
        check_comment(self.comment)


@dataclass(frozen=True)
class ImportedRating:
    """A rating that was given elsewhere: 0 to C - 1, or `SKIPPED`.

    `flagged` and `comment` are as of a `Remark`; they are added to what was said before.
    """

    segment_id: str
    rater: str
    rating: int
    shown_ms: int | None = None
    flagged: bool = False
    comment: str = ""

    def __post_init__(self) -> None:
        """Check the fields."""
        check_text("segment_id", self.segment_id)
        check_name("rater", self.rater)
        whole_number("rating", self.rating, minimum=None)
        check_comment(self.comment)
