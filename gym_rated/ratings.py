"""The rated segments: what a reward model is fitted to, and what is worth keeping of a run.

The dataset knows observations, actions, ratings and which ratings share a scale; true rewards end
at its door. It is saved as one `.npz` file without pickle, with a digest of its content.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint import replace_file
from gym_rated.checks import whole_number
from gym_rated.raters import SKIPPED, Comparison, Rating
from gym_rated.raters.protocol import check_num_classes
from gym_rated.segments import Segment

_FORMAT = "gym_rated ratings 1"


@dataclass(frozen=True, eq=False)
class RatedBatch:
    """Rated segments as arrays: B ratings, T steps of the longest segment.

    Arrays are zero beyond a segment's end.

    Attributes:
        ids: Segment id of each row, B of them.
        obs: Raw observations, shape (B, T, D).
        actions: Encoded actions, shape (B, T, A).
        mask: True where a step exists, shape (B, T).
        ratings: Rating classes, 0 (worst) to C - 1, shape (B,).
        groups: Number of the (rater, round) of each rating, shape (B,): equal numbers share a
            scale.
    """

    ids: tuple[str, ...]
    obs: NDArray[np.float32]
    actions: NDArray[np.float32]
    mask: NDArray[np.bool_]
    ratings: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Steps:
    obs: NDArray[np.float32]
    actions: NDArray[np.float32]
    round: int


class RatingDataset:
    """Segments, and the ratings that raters gave them.

    Args:
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        num_classes: Number of rating classes C, at least 2.
        env_id: Environment that the segments come from, if known.
        criterion: What the rater was asked to judge, in words.

    Raises:
        TypeError: If a number is no int.
        ValueError: If `num_classes` is below 2 or a length below 1.
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
        self.env_id = env_id
        self.criterion = criterion
        self._segments: dict[str, _Steps] = {}
        self._ratings: dict[tuple[str, str], Rating] = {}  # by (segment, rater)
        self._skipped: dict[tuple[str, str], Rating] = {}  # the last answers that are no rating
        self._comparisons: dict[Comparison, None] = {}
        self._num_changes = 0

    def __len__(self) -> int:
        """Return the number of ratings; skipped segments have none."""
        return len(self._ratings)

    @property
    def num_segments(self) -> int:
        """Number of segments, rated or not."""
        return len(self._segments)

    @property
    def num_changes(self) -> int:
        """Answers that ever changed the dataset: it grows when a new fit is worthwhile."""
        return self._num_changes

    @property
    def ratings(self) -> tuple[Rating, ...]:
        """The current ratings, in the order in which they were first given."""
        return tuple(self._ratings.values())

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons given, in order."""
        return tuple(self._comparisons)

    def add(self, segments: Iterable[Segment]) -> None:
        """Keep observations and actions of segments; their true rewards are dropped here.

        Raises:
            ValueError: If an id is taken, or a shape or value is wrong; then none of them is added.
        """
        new: dict[str, _Steps] = {}
        for segment in segments:
            if segment.id in self._segments or segment.id in new:
                raise ValueError(
                    f"`segments` must have new ids, got {segment.id!r} twice; "
                    "segments of several environments need datasets of their own"
                )
            new[segment.id] = self._checked(segment)
        self._segments |= new

    def update(self, ratings: Iterable[Rating | Comparison]) -> int:
        """Take in answers: new ones, revisions of earlier ones, skips (which remove a rating).

        Args:
            ratings: Answers about segments that were added before.

        Returns:
            How many changed the dataset.

        Raises:
            TypeError: If a rating is no int.
            ValueError: If a rating is out of range, or its segment unknown, or a segment is
                compared with itself. Whatever is raised, nothing changes.
        """
        answers = [self._checked_answer(answer) for answer in ratings]
        changed = sum(self._take(answer) for answer in answers)
        self._num_changes += changed
        return changed

    def batch(self, indices: Sequence[int] | NDArray[np.int64] | None = None) -> RatedBatch:
        """Return ratings as padded arrays.

        Args:
            indices: Which ratings, 0 to len - 1, shape (B,); all by default.

        Returns:
            The batch; `groups` count from 0 in the order of first appearance in the whole dataset.
        """
        everything = list(self._ratings.values())
        keys = [(r.rater, self._segments[r.segment_id].round) for r in everything]
        number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        chosen = range(len(everything)) if indices is None else [int(i) for i in indices]
        rows = [everything[i] for i in chosen]
        steps = [self._segments[r.segment_id] for r in rows]
        lengths = np.array([len(s.actions) for s in steps], np.int64)
        longest = int(lengths.max(initial=0))
        return RatedBatch(
            ids=tuple(r.segment_id for r in rows),
            obs=_padded([s.obs for s in steps], longest, self.obs_dim),
            actions=_padded([s.actions for s in steps], longest, self.action_dim),
            mask=np.arange(longest) < lengths[:, None],
            ratings=np.array([r.rating for r in rows], np.int64),
            groups=np.array([number[keys[i]] for i in chosen], np.int64),
        )

    def class_counts(self) -> NDArray[np.int64]:
        """Return how many ratings each class has, shape (C,)."""
        classes = [r.rating for r in self._ratings.values()]
        return np.bincount(np.array(classes, np.int64), minlength=self.num_classes)

    def round_counts(self, round: int) -> NDArray[np.int64]:
        """Return how many ratings of one round each class has, shape (C,)."""
        classes = [
            r.rating for r in self._ratings.values() if self._segments[r.segment_id].round == round
        ]
        return np.bincount(np.array(classes, np.int64), minlength=self.num_classes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the dataset to one `.npz` file, atomically."""
        arrays, text = self._arrays(), json.dumps(self._meta())
        arrays |= {"meta": np.array(text), "sha256": np.array(_digest(text, arrays))}
        file = BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        replace_file(Path(path), file.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a dataset that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is corrupt, or no such dataset; it is never loaded in part.
        """
        meta, arrays = _read(Path(path))
        dataset = cls(meta["obs_dim"], meta["action_dim"], meta["num_classes"])
        dataset._fill(meta, arrays)
        return dataset

    def state_dict(self) -> dict[str, Any]:
        """Return everything in the dataset, for a checkpoint."""
        return {"meta": self._meta(), **self._arrays()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, in the place of what is here.

        Raises:
            ValueError: If its vectors or classes differ from this dataset's.
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
        self.env_id, self.criterion = meta["env_id"], meta["criterion"]
        self._segments, self._ratings, self._skipped, self._comparisons = {}, {}, {}, {}
        end = 0
        for segment_id, round_, length in meta["segments"]:
            start, end = end, end + length
            steps = _Steps(arrays["obs"][start:end], arrays["actions"][start:end], round_)
            self._segments[segment_id] = steps
        self.update(Rating(*fields) for fields in meta["ratings"])
        self.update(Comparison(*fields) for fields in meta["comparisons"])
        self._num_changes = meta["num_changes"]

    def _meta(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "obs_dim": self.obs_dim,
            "action_dim": self.action_dim,
            "num_classes": self.num_classes,
            "env_id": self.env_id,
            "criterion": self.criterion,
            "segments": [[i, s.round, len(s.actions)] for i, s in self._segments.items()],
            "ratings": [
                [r.segment_id, r.rating, r.rater, r.revision]
                for r in (*self._ratings.values(), *self._skipped.values())
            ],
            "num_changes": self._num_changes,
            "comparisons": [[c.better_id, c.worse_id, c.rater] for c in self._comparisons],
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        obs = [s.obs for s in self._segments.values()]
        actions = [s.actions for s in self._segments.values()]
        return {
            "obs": np.concatenate([np.zeros((0, self.obs_dim), np.float32), *obs]),
            "actions": np.concatenate([np.zeros((0, self.action_dim), np.float32), *actions]),
        }

    def _checked(self, segment: Segment) -> _Steps:
        for name, array, dim in (
            ("obs", segment.obs, self.obs_dim),
            ("actions", segment.actions, self.action_dim),
        ):
            if array.shape != (len(segment), dim) or len(segment) == 0:
                raise ValueError(
                    f"`{name}` of segment {segment.id!r} must have shape (T, {dim}) with T >= 1, "
                    f"got {array.shape}"
                )
            if not np.isfinite(array).all():
                raise ValueError(f"`{name}` of segment {segment.id!r} must be finite")
        return _Steps(
            np.array(segment.obs, np.float32), np.array(segment.actions, np.float32), segment.round
        )

    def _checked_answer(self, answer: Rating | Comparison) -> Rating | Comparison:
        if isinstance(answer, Comparison):
            self._check_is_known(answer.better_id)
            self._check_is_known(answer.worse_id)
            if answer.better_id == answer.worse_id:
                raise ValueError(
                    f"a comparison must be of two segments, got {answer.better_id!r} twice"
                )
            return answer
        self._check_is_known(answer.segment_id)
        rating = whole_number("rating", answer.rating, minimum=None)
        if rating != SKIPPED and not 0 <= rating < self.num_classes:
            raise ValueError(
                f"`rating` must be 0 to {self.num_classes - 1} or SKIPPED ({SKIPPED}), "
                f"got {rating} for segment {answer.segment_id!r}"
            )
        revision = whole_number("revision", answer.revision, minimum=0)
        return replace(answer, rating=rating, revision=revision)

    def _check_is_known(self, segment_id: str) -> None:
        if segment_id not in self._segments:
            raise ValueError(
                f"`ratings` must be about segments added before, got {segment_id!r}; "
                "is one rater shared by several environments?"
            )

    def _take(self, answer: Rating | Comparison) -> bool:
        """Store a checked answer; returns whether it says anything new."""
        if isinstance(answer, Comparison):
            is_new = answer not in self._comparisons
            self._comparisons[answer] = None
            return is_new
        key = (answer.segment_id, answer.rater)
        known = self._ratings.get(key)
        last = known or self._skipped.get(key)
        if last is not None and answer.revision < last.revision:
            return False  # overtaken on its way
        if answer.rating == SKIPPED:
            self._skipped[key] = answer
            return self._ratings.pop(key, None) is not None
        self._skipped.pop(key, None)
        self._ratings[key] = answer
        return known is None or known.rating != answer.rating


def _padded(parts: list[NDArray[np.float32]], longest: int, dim: int) -> NDArray[np.float32]:
    out = np.zeros((len(parts), longest, dim), np.float32)
    for row, part in zip(out, parts, strict=True):
        row[: len(part)] = part
    return out


def _digest(meta: str, arrays: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(meta.encode())
    for name in ("obs", "actions"):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    data = BytesIO(path.read_bytes())
    try:
        with np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("obs", "actions", "meta", "sha256")}
        text = str(arrays.pop("meta"))
        intact = str(arrays.pop("sha256")) == _digest(text, arrays)
        meta: dict[str, Any] = json.loads(text) if intact else {}
    except Exception as error:  # a damaged archive raises a dozen types, zlib.error to MemoryError
        raise ValueError(
            f"`path` must be a dataset written by RatingDataset.save, got {path} ({error}); "
            "restore it from a copy"
        ) from error
    if not intact or meta.get("format") != _FORMAT:
        found = meta.get("format", "other content than its checksum says")
        raise ValueError(
            f"`path` must be a dataset of format {_FORMAT!r}, got {found!r} in {path}; "
            "restore it from a copy, or read it with the version that wrote it"
        )
    return meta, arrays
