"""The rated segments: what a reward model is fitted to, and what is worth keeping of a run.

The dataset knows observations, actions, answers and which of them share a scale; true rewards end
at its door.
"""

import gc
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint.restoring import restoring
from gym_rated.checks import check_num_classes, check_text, whole_number
from gym_rated.ratings.answer import Answer, Comparison, Rating, Score, checked_answer, segments_of
from gym_rated.ratings.batch import RatedBatch, RatedTable, padded
from gym_rated.ratings.file import FORMAT, read_ratings, write_ratings
from gym_rated.ratings.standing import Answers, stored_answers
from gym_rated.ratings.steps import KeptSegments, checked_steps, stored_steps
from gym_rated.segments import Origin, Segment


class RatingDataset:
    """Segments, and what raters said of them.

    Args:
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        num_classes: Number of rating classes C, at least 2.
        env_id: Environment that the segments come from, if known.
        criterion: What the rater was asked to judge, in words.

    Raises:
        TypeError: If a number is no int, or a text no str.
        ValueError: If `num_classes` is not 2 to 1000, or a length is below 1.
    """

    def __init__(
        self,
        obs_dim: int,
        action_dim: int,
        num_classes: int,
        *,
        env_id: str | None = None,
        criterion: str | None = None,
    ) -> None:
        self.obs_dim = whole_number("obs_dim", obs_dim)
        self.action_dim = whole_number("action_dim", action_dim)
        self.num_classes = check_num_classes(num_classes)
        self.env_id = None if env_id is None else check_text("env_id", env_id)
        self.criterion = None if criterion is None else check_text("criterion", criterion)
        self._segments = KeptSegments()
        self._answers = Answers()
        self._entries = array("q"), array("q")  # segment and group of each entry of the answers
        self._groups: dict[tuple[str, int], int] = {}  # (rater, round) -> its number
        self._num_changes = 0

    def __len__(self) -> int:
        """Return the number of ratings and scores, one for each (segment, rater).

        A skipped segment has none, and comparisons do not count.
        """
        return self._answers.columns.num_judged

    @property
    def raters(self) -> tuple[str, ...]:
        """Who ever answered, in the order of their first answers."""
        return tuple(dict.fromkeys(name for name, _ in self._groups))

    @property
    def rounds_of(self) -> NDArray[np.int64]:
        """Number of the rater in `raters`, and round, of each number in `groups` of a batch.

        Shape (G, 2).
        """
        raters = {name: i for i, name in enumerate(self.raters)}
        rows = [(raters[name], round_) for name, round_ in self._groups]
        return np.array(rows, np.int64).reshape(-1, 2)

    @property
    def num_segments(self) -> int:
        """Number of segments, rated or not."""
        return len(self._segments)

    @property
    def num_changes(self) -> int:
        """Answers that ever changed the dataset: it grows when a new fit is worthwhile."""
        return self._num_changes

    @property
    def obs_dtype(self) -> np.dtype[Any]:
        """Type of an observation: uint8 of images, else float32."""
        return self._segments.obs_dtype

    @property
    def ratings(self) -> tuple[Rating, ...]:
        """The current ratings, in the order in which they were first given."""
        return tuple(self._answers.ratings.values())

    @property
    def scores(self) -> tuple[Score, ...]:
        """The current scores, in the order in which they were first given."""
        return tuple(self._answers.scores.values())

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons given, in order."""
        return self._answers.comparisons

    def add(self, segments: Iterable[Segment]) -> None:
        """Keep observations and actions of segments; their true rewards are dropped here.

        Segments may differ in length. Observations stay uint8 where they are (images), and become
        float32 otherwise; one dataset holds one of the two.

        Raises:
            ValueError: If an id is taken, or a shape or value is wrong; then none of them is added.
        """
        dims = self.obs_dim, self.action_dim
        self._segments.add((s.id, checked_steps(s, *dims)) for s in segments)

    def update(self, answers: Iterable[Answer]) -> int:
        """Take in answers: new ones, revisions of earlier ones, skips (which remove an answer).

        Args:
            answers: Ratings, scores and comparisons of segments that were added before. A skip
                removes the rater's rating and score of its segment.

        Returns:
            How many changed the dataset.

        Raises:
            TypeError: If a rating is no int, or a score no number.
            ValueError: If a rating or score is out of range, or its segment unknown, or a segment
                is compared with itself. Whatever is raised, nothing changes.
        """
        checked = [self._checked_answer(answer) for answer in answers]
        changed = sum(self._take(answer) for answer in checked)
        self._num_changes += changed
        return changed

    def batch(self, indices: Sequence[int] | NDArray[np.int64] | None = None) -> RatedBatch:
        """Return segments and answers as padded arrays.

        Args:
            indices: Which rows, shape (B,): those with a rating or score are 0 to len - 1. By
                default all, and behind them the rows that only a comparison speaks of.

        Returns:
            The batch, with the comparisons between its rows; `groups` count from 0 in the order of
            first appearance, and stay the same as the dataset grows.
        """
        table = self._table(indices)
        steps = [self._segments.steps[number] for number in table.segments.tolist()]
        longest = int(table.lengths.max(initial=0))
        return RatedBatch(
            ids=table.ids,
            obs=padded([s.obs for s in steps], longest, self.obs_dim, self._segments.obs_dtype),
            actions=padded([s.actions for s in steps], longest, self.action_dim, np.float32),
            mask=np.arange(longest) < table.lengths[:, None],
            ratings=table.ratings,
            groups=table.groups,
            scores=table.scores,
            comparisons=table.comparisons,
        )

    def table(self) -> RatedTable:
        """Return all answers as arrays, in the rows of `batch`, without the steps.

        What was known before is not gone through again: it takes milliseconds for 50,000 answers.
        """
        return self._table()

    def steps(self, numbers: Iterable[int]) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return the steps of segments, one behind the other.

        Args:
            numbers: Numbers of the segments, as in `RatedTable.segments`.

        Returns:
            Observations, shape (N, D), and actions, shape (N, A).
        """
        chosen = [self._segments.steps[number] for number in numbers]
        none = np.zeros((0, self.obs_dim), self._segments.obs_dtype), np.zeros((0, self.action_dim))
        obs = np.concatenate([s.obs for s in chosen] or none[:1])
        return obs, np.concatenate([s.actions for s in chosen] or none[1:], dtype=np.float32)

    def lengths(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many steps each of some segments has, by number as for `steps`."""
        return np.asarray(np.asarray(self._segments.lengths)[numbers])

    def segments(self) -> Iterator[Segment]:
        """Yield the segments, rated or not, in the order in which they were added.

        Observations and actions are as they are stored, not copied. True rewards are NaN and the
        origin is the start of everything: the dataset does not know them.
        """
        for segment_id, steps in zip(self._segments.ids, self._segments.steps, strict=True):
            yield Segment(
                id=segment_id,
                obs=steps.obs,
                actions=steps.actions,
                true_rewards=np.full(len(steps.actions), np.nan),
                round=steps.round,
                origin=Origin(env_index=0, episode=0, first_step=0, policy_step=0),
            )

    def class_counts(self) -> NDArray[np.int64]:
        """Return how many ratings each class has, shape (C,); scores are of no class."""
        return self._counts(self._table())

    def round_counts(self, round: int) -> NDArray[np.int64]:
        """Return how many ratings of one round each class has, shape (C,)."""
        return self._counts(self._table(), round)

    def tells_apart(self, round: int) -> bool:
        """Return whether anything said of a round's segments calls one better than another."""
        table = self._table()
        is_here = self._of_round(table, round)
        classes = np.count_nonzero(self._counts(table, round))
        scores = table.scores[is_here]
        num_scores = len(np.unique(scores[~np.isnan(scores)]))
        return bool(classes > 1 or num_scores > 1 or is_here[table.comparisons].any())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the dataset to one `.npz` file, atomically."""
        write_ratings(Path(path), self._meta(), self._arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a dataset that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is corrupt, or no such dataset; it is never loaded in part.
        """
        with restoring("path", path), _no_collection():
            meta, arrays = read_ratings(Path(path))
            dataset = cls(meta["obs_dim"], meta["action_dim"], meta["num_classes"])
            dataset._fill(meta, arrays)
        return dataset

    def state_dict(self) -> dict[str, Any]:
        """Return everything in the dataset, for a checkpoint."""
        return {"meta": self._meta(), **self._arrays()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, in the place of what is here.

        Raises:
            TypeError: If something in it is of another type than `state_dict` returns.
            ValueError: If its vectors or classes differ from this dataset's, or it holds what could
                not have been added. Whatever is raised, nothing changes.
        """
        meta = state["meta"]
        for name in ("obs_dim", "action_dim", "num_classes"):
            if meta[name] != getattr(self, name):
                raise ValueError(
                    f"`state` must have {name} = {getattr(self, name)} as this dataset, "
                    f"got {meta[name]}"
                )
        self._fill(meta, state)

    def _fill(self, meta: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Take in what was stored, by the doors that all else comes in by.

        In the end the dataset must say what was stored, word for word: what is doubled, refers to
        nothing or stands at the wrong place does not come out again.
        """
        fresh = type(self)(
            self.obs_dim,
            self.action_dim,
            self.num_classes,
            env_id=meta["env_id"],
            criterion=meta["criterion"],
        )
        dims = self.obs_dim, self.action_dim
        fresh._segments.add(stored_steps(meta["segments"], arrays["obs"], arrays["actions"], *dims))
        for answer in stored_answers(meta):
            fresh._answers.take(fresh._checked_answer(answer))
        rounds = set(fresh._segments.rounds)
        for rater, round_ in meta.get("groups", ()):
            if round_ in rounds:
                fresh._groups[check_text("rater", rater), whole_number("round", round_, 0)] = 0
        said_of = fresh._answers.columns
        rows = [said_of.rows[entry] for entry in said_of.order()]
        known = [(rater, fresh._round(segment_id)) for segment_id, rater in rows]
        keys = dict.fromkeys([*fresh._groups, *known])
        fresh._groups = {key: i for i, key in enumerate(keys)}
        fresh._num_changes = whole_number("num_changes", meta["num_changes"], minimum=0)
        said = fresh._meta()
        for name, value in meta.items():
            if name not in said or (name != "format" and value != said[name]):
                raise ValueError(
                    f"`{name}` must be as a dataset writes it, got {str(value)[:80]} where its "
                    f"segments and answers say {str(said.get(name, 'nothing'))[:80]}"
                )
        vars(self).update(vars(fresh))

    def _meta(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "obs_dim": self.obs_dim,
            "action_dim": self.action_dim,
            "num_classes": self.num_classes,
            "env_id": self.env_id,
            "criterion": self.criterion,
            "segments": self._segments.described(),
            "groups": [list(key) for key in self._groups],
            "num_changes": self._num_changes,
            **self._answers.meta(),
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        obs, actions = self.steps(range(len(self._segments)))
        return {"obs": obs, "actions": actions}

    def _round(self, segment_id: str) -> int:
        return self._segments[segment_id].round

    def _counts(self, table: RatedTable, round: int | None = None) -> NDArray[np.int64]:
        is_rated = table.ratings >= 0
        if round is not None:
            is_rated &= self._of_round(table, round)
        return np.bincount(table.ratings[is_rated], minlength=self.num_classes)

    def _of_round(self, table: RatedTable, round: int) -> NDArray[np.bool_]:
        return np.asarray(np.array(self._segments.rounds)[table.segments] == round)

    def _table(self, indices: Sequence[int] | NDArray[np.int64] | None = None) -> RatedTable:
        columns = self._answers.columns
        segments, groups = self._entries
        for segment_id, rater in columns.rows[len(segments) :]:
            segments.append(self._segments.number(segment_id))
            groups.append(self._groups[rater, self._round(segment_id)])
        entries = columns.order()
        if indices is not None:
            entries = entries[np.array([int(i) for i in indices], np.int64)]
        numbers = np.array(segments)[entries]
        return RatedTable(
            ids=tuple(map(self._segments.ids.__getitem__, numbers.tolist())),
            segments=numbers,
            lengths=self.lengths(numbers),
            checksums=np.array(self._segments.checksums)[numbers],
            groups=np.array(groups)[entries],
            **columns.answers(entries),
        )

    def _checked_answer(self, answer: Answer) -> Answer:
        checked = checked_answer(answer, self.num_classes)
        for segment_id in segments_of(checked):
            if segment_id not in self._segments:
                raise ValueError(
                    f"`answers` must be about segments added before, got {segment_id!r}; "
                    "is one rater shared by several environments?"
                )
        return checked

    def _take(self, answer: Answer) -> bool:
        changed = self._answers.take(answer)
        for segment_id in segments_of(answer) if changed else ():
            self._groups.setdefault((answer.rater, self._round(segment_id)), len(self._groups))
        return changed


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage among what is loaded: a third of the time of a load."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
