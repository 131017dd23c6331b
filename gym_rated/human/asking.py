"""How a run asks people: how many rate a clip, how often, and what its classes are called."""

from collections.abc import Sequence
from dataclasses import dataclass

_NAMES = {
    2: ("bad", "good"),
    3: ("bad", "fair", "good"),
    4: ("very bad", "bad", "good", "very good"),
    5: ("very bad", "bad", "fair", "good", "very good"),
}


@dataclass(frozen=True)
class Asking:
    """How a run asks; the defaults are one rater, who sees a few clips twice.

    Attributes:
        overlap: How many people rate each segment.
        duplicate_rate: Share of clips shown for a second time, to see how steady a rater is.
        num_ratings: How many segments the run will ask about, for the page to show; None if open.
        together: Whether answers are collected only when nothing waits for one, so that what is
            learned does not depend on when each came.
        deferred: Whether `submit` only keeps segments until `send` is called, as it is once a
            checkpoint holds them: then no kill parts a run from what people were asked about.
        new: Whether the run is known to start anew, and refused at once where the database has
            segments of it; else the first `submit` finds out whether a checkpoint was loaded.
        task: Name of the task on the page; the environment's id by default.
        fps: Frames a second of the clips; as fast as the environment is by default.
        segment_length: Steps of a segment, or several lengths, as the feedback wrapper has them.
            Where the shortest would be over in less than 1.5 s, the page plays all clips of the run
            slower, at one speed; as fast as they are where it is not known.
        query_steps: Environment steps at which the run asks, for the page to say when it does next.
        total_steps: Environment steps of the whole run, for the page to say how far it is.
        class_texts: What tells a clip of each class, worst first, a sentence or two for each: the
            guidelines of the page, which open when a rater comes first. None by default.
    """

    overlap: int = 1
    duplicate_rate: float = 0.08
    num_ratings: int | None = None
    together: bool = False
    deferred: bool = False
    new: bool = False
    task: str | None = None
    fps: float | None = None
    segment_length: int | Sequence[int] | None = None
    query_steps: Sequence[int] = ()
    total_steps: int | None = None
    class_texts: Sequence[str] = ()


def default_names(num_classes: int) -> tuple[str, ...]:
    """Return what classes are called where nobody says, worst first: words, or many as numbers."""
    if num_classes in _NAMES:
        return _NAMES[num_classes]
    more = {0: " (worst)", num_classes - 1: " (best)"}
    return tuple(f"{c + 1}{more.get(c, '')}" for c in range(num_classes))
