"""A rater that repeats what was answered before, from a file.

It rates a run that takes the same steps again: with the same seed and flags, the same segments are
asked about, and people need not answer twice.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

from gym_rated.checks import check_choice, check_num_classes
from gym_rated.ratings import RatingDataset
from gym_rated.ratings.answer import (
    SKIPPED,
    Answer,
    Rating,
    answer_from_row,
    answer_to_row,
    checked_answer,
    segments_of,
)
from gym_rated.ratings.digest import digest_of
from gym_rated.ratings.rows import answers_of, read_answers
from gym_rated.segments import Segment

Unrecorded = Literal["skip", "wait"]


class ReplayRater:
    """Give recorded answers to the segments that they are about.

    A comparison is given when both of its segments were asked about.

    Args:
        answers: Recorded answers, under the names of those who gave them.
        num_classes: Number of rating classes C, at least 2.
        unrecorded: What becomes of a segment without a record: "skip" answers `SKIPPED`, "wait"
            keeps it pending, for ever.
        digests: Segment id -> `digest_of` its steps, where known: a segment with other steps is
            another one, and has no record.
        name: Name under which segments are skipped.
        criterion: What those who gave the answers were asked to judge, in words.

    Raises:
        TypeError: If an answer is none, or `num_classes` is no int.
        ValueError: If an answer or an option is out of range.

    Example:
        >>> from gym_rated import Origin, Rating, ReplayRater, Segment
        >>> import numpy as np
        >>> steps = np.zeros((5, 3), np.float32), np.zeros((5, 1), np.float32), np.zeros(5)
        >>> rater = ReplayRater([Rating("a", 2, "anna")], num_classes=3)
        >>> rater.submit([Segment(name, *steps, 0, Origin(0, 0, 0, 0)) for name in "ab"])
        >>> [(answer.segment_id, answer.rating, answer.rater) for answer in rater.collect()]
        [('a', 2, 'anna'), ('b', -1, 'replay')]
    """

    def __init__(
        self,
        answers: Iterable[Answer],
        num_classes: int,
        *,
        unrecorded: Unrecorded = "skip",
        digests: Mapping[str, str] | None = None,
        name: str = "replay",
        criterion: str | None = None,
    ) -> None:
        self.num_classes = check_num_classes(num_classes)
        check_choice("unrecorded", unrecorded, get_args(Unrecorded))
        self.unrecorded = unrecorded
        self.name = name
        self.criterion = criterion
        self._digests = dict(digests or {})
        self._records: dict[str, list[Answer]] = {}
        for answer in answers:
            checked = checked_answer(answer, self.num_classes)
            for segment_id in segments_of(checked):
                self._records.setdefault(segment_id, []).append(checked)
        self._known: dict[str, None] = {}  # asked about, and with a record
        self._waiting: dict[str, None] = {}
        self._answers: list[Answer] = []

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        num_classes: int | None = None,
        *,
        unrecorded: Unrecorded = "skip",
        criterion: str | None = None,
    ) -> Self:
        """Replay a `.npz` file of `RatingDataset.save`, or rows: .csv, .tsv, .jsonl or .parquet.

        Files are read as `gym-rated import` reads them, see `gym_rated.ratings.rows`: a row has
        `segment_id` and `rating` or `score`, or `better_id` and `worse_id`; and, if known, `rater`
        and `revision`. Rows that say that they do not count (replaced, taken back, a second
        showing) are left out; if any other is no answer, the whole file is refused.

        Args:
            path: File to read.
            num_classes: Number of rating classes C; a `.npz` file knows it.
            unrecorded: As of the class.
            criterion: As of the class; a `.npz` file may know it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is none of these, holds no answer that stands, a row is no answer or
                is of another run than the first, or C is missing or another one.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"`path` must be a file with answers, got {path}")
        digests: dict[str, str] = {}
        if path.suffix.lower() == ".npz":
            ratings = RatingDataset.load(path)
            if num_classes not in (None, ratings.num_classes):
                raise ValueError(
                    f"`num_classes` must be that of the file, {ratings.num_classes}, "
                    f"got {num_classes}"
                )
            found = answers_of(ratings, path)
            num_classes, digests = ratings.num_classes, _digests(ratings)
            criterion = criterion or ratings.criterion
        elif num_classes is None:
            raise ValueError(
                f"`num_classes` must be given for rows of ratings, got None for {path}"
            )
        else:
            found = read_answers(path, check_num_classes(num_classes))
        found.check("path")
        return cls(
            [row.answer for row in found.rows],
            num_classes,
            unrecorded=unrecorded,
            digests=digests,
            criterion=criterion,
        )

    @property
    def pending(self) -> int:
        """Segments without a record that were not skipped."""
        return len(self._waiting)

    def submit(self, segments: Sequence[Segment]) -> None:
        """Look segments up."""
        for segment in segments:
            if self._has_record(segment):
                self._known[segment.id] = None
                self._answers += [
                    answer
                    for answer in self._records[segment.id]
                    if all(other in self._known for other in segments_of(answer))
                ]
            elif self.unrecorded == "wait":
                self._waiting[segment.id] = None
            else:
                self._answers.append(Rating(segment.id, SKIPPED, self.name))

    def collect(self) -> list[Answer]:
        """Return the answers since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def _has_record(self, segment: Segment) -> bool:
        if segment.id not in self._records:
            return False
        recorded = self._digests.get(segment.id)
        return recorded is None or recorded == digest_of(segment.obs, segment.actions)

    def state_dict(self) -> dict[str, Any]:
        """Return what was asked about, for a checkpoint."""
        return {
            "known": list(self._known),
            "waiting": list(self._waiting),
            "answers": [answer_to_row(answer) for answer in self._answers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._known = dict.fromkeys(state["known"])
        self._waiting = dict.fromkeys(state["waiting"])
        self._answers = [answer_from_row(row) for row in state["answers"]]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self


def _digests(ratings: RatingDataset) -> dict[str, str]:
    return {s.id: digest_of(s.obs, s.actions) for s in ratings.segments()}
