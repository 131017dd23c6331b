"""A person as the rater: segments go to a database, answers come back from it.

Nothing here waits, and nothing here draws or serves: render workers turn segments into clips, a
page shows them, each in a process of its own. A trainer that is killed leaves all of them the
database; the next one with the same run goes on where its checkpoint is.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gym_rated.environments.seeded import episode_seed
from gym_rated.human.clips.capture import make_clip
from gym_rated.human.segment_blob import pack_segment, unpack_segment
from gym_rated.human.serving import Serving
from gym_rated.human.store import PASSING, Clip, Job, Progress, Run, Store
from gym_rated.raters import Answer, Rating
from gym_rated.segments import Segment

_NAMES = {
    2: ("bad", "good"),
    3: ("bad", "fair", "good"),
    4: ("very bad", "bad", "good", "very good"),
    5: ("very bad", "bad", "fair", "good", "very good"),
}
_POLL_S = 0.5


class HumanRater:
    """Ask people about segments, through a database and a page in the browser.

    The feedback wrapper must be made with `record_replay=True`, around environments in
    `SeededEpisodes`: a clip is the episode, played again. Environments that do not repeat their
    episodes go into `CapturedEpisodes` instead, under `record_frames=True`: a clip is what was
    filmed.

    Args:
        db: Database: a file, or a URL as `gym_rated.human.Store` takes it.
        env_id: Environment that the segments come from, as `gymnasium.make` takes it.
        seed: Seed of `SeededEpisodes`.
        num_classes: Number of rating classes C, 2 to 10.
        class_names: What each class means, worst first; plain words by default.
        instructions: The criterion, in words: what is a good clip?
        run_id: Name of the run in the database; a resumed run has the same.
        task: Name of the task on the page; `env_id` by default.
        env_kwargs: Arguments of the environment.
        num_ratings: How many segments the run will ask about, for the page to show; None if open.
        fps: Frames a second of the clips; as fast as the environment is by default.
        size: Longer side of the clips that are drawn in replay, in pixels.
        quality: How they are drawn: "fast", or "nice" with smooth edges.
        overlap: How many people rate each segment.
        duplicate_rate: Share of clips shown for a second time, to see how steady a rater is.
        together: Whether answers are collected only when nothing waits for one, so that what is
            learned does not depend on when each came.
        serve: Whether to start the page and the render workers; else `gym-rated rate` does.
        port: Port of the page; any free one by default.
        name: Name of the rater on the page.
        open_browser: Whether to open the page in a browser.
        num_workers: Number of render workers.
        keep: Whether page and workers go on when this process ends.
        new: Whether the run is known to start anew; without, the first `submit` finds out whether
            a checkpoint was loaded.

    Attributes:
        num_asked: Segments submitted so far, by this process or the one it resumed.
        num_answers: Answers collected so far by this process, corrections included.

    Raises:
        StoreError: If the database cannot be opened.
        ValueError: If the run is known with another criterion, or is not new.
        RuntimeError: If the page cannot be served.
    """

    def __init__(
        self,
        db: str | os.PathLike[str] = "runs/r1/ratings.db",
        *,
        env_id: str,
        seed: int,
        num_classes: int = 5,
        class_names: Sequence[str] | None = None,
        instructions: str = "How well does the agent do its task?",
        run_id: str = "run",
        task: str | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        num_ratings: int | None = None,
        fps: float | None = None,
        size: int = 240,
        quality: str = "fast",
        overlap: int = 1,
        duplicate_rate: float = 0.08,
        together: bool = False,
        serve: bool = True,
        port: int = 0,
        name: str = "me",
        open_browser: bool = False,
        num_workers: int = 1,
        keep: bool = False,
        new: bool = False,
    ) -> None:
        names = class_names or _NAMES.get(num_classes) or _numbered(num_classes)
        self.run = Run(
            run_id,
            num_classes,
            tuple(names),
            instructions,
            task=env_id if task is None else task,
            env_id=env_id,
            config={
                "seed": seed,
                "env_kwargs": dict(env_kwargs or {}),
                "num_ratings": num_ratings,
            },
            overlap=overlap,
            duplicate_rate=duplicate_rate,
        )
        self.num_classes = num_classes
        self.num_asked = self.num_answers = 0
        self._seed = seed
        self._together = together
        self._recipe: dict[str, Any] = {"env_id": env_id, "env_kwargs": dict(env_kwargs or {})}
        self._recipe |= {} if fps is None else {"fps": fps}
        self._names: dict[str, str] = {}  # id of a segment in the store -> id in the run
        self._unsent: list[Job] = []  # what the store had no room for
        self._open = 0  # unanswered when the store was last asked
        self._cursor: Any = None
        self._may_mix = True  # until it is known that no other process has asked in this run
        self.store = Store(db)
        if new:
            self._check_new()
        self.store.open_run(self.run)
        self._serving: Serving | None = None
        if serve:
            self._serving = Serving(
                db,
                port=port,
                name=name,
                size=size,
                quality=quality,
                num_workers=num_workers,
                keep=keep,
                open_browser=open_browser,
            )
            print(f"Rate at {self.url}", flush=True)

    @property
    def url(self) -> str | None:
        """Where to rate; None if this rater does not serve the page."""
        return None if self._serving is None else self._serving.url

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered; the last known while the store is away."""
        with suppress(*PASSING):
            self._open = self.store.pending(self.run.id)
        return len(self._unsent) + self._open

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask about segments; returns at once, or after 0.1 s for each that brings its frames.

        Raises:
            ValueError: If the store has segments of this run, and no checkpoint was loaded; or if
                a segment has neither frames nor the raw actions to play it again.
        """
        for segment in segments:
            if segment.raw_actions is None and segment.frames is None:
                raise ValueError(
                    f"`segments` must have raw actions to be shown, got {segment.id!r} without; "
                    "make the feedback wrapper with record_replay=True, or with record_frames=True "
                    "where episodes do not repeat themselves"
                )
        if self._may_mix:
            with suppress(*PASSING):
                self._check_new()
            self._may_mix = False
        jobs = {job.segment_id: job for job in map(self._job, segments)}
        self._unsent += [job for name, job in jobs.items() if name not in self._names]
        for name, segment in zip(jobs, segments, strict=True):
            self._names.setdefault(name, segment.id)  # unless it was taken back
        self.num_asked += len(segments)
        self._send()

    def collect(self) -> list[Answer]:
        """Return the answers since the last call, corrections and undos among them."""
        self._send()
        if self._together and self.pending:
            return []
        try:
            rows, self._cursor = self.store.answers_since(self.run.id, self._cursor)
        except PASSING as error:
            warnings.warn(f"no ratings were collected: {error}", stacklevel=2)
            return []
        known = [row for row in rows if row.segment_id in self._names]
        if len(known) < len(rows):
            warnings.warn(
                f"run {self.run.id!r} of {self.store.place.name} has answers about segments that "
                "this process did not ask about; load the checkpoint of the run first, or name "
                "another run (dataset_from_store reads all of them)",
                stacklevel=2,
            )
        self.num_answers += len(known)
        return [Rating(self._names[r.segment_id], r.rating, r.rater, r.revision) for r in known]

    def wait(self, num: int, timeout_s: float = np.inf) -> bool:
        """Wait until `num` answers can be collected, or nothing is left to answer.

        Returns:
            False if the time is up before.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            answers, _ = self.store.answers_since(self.run.id, self._cursor)
            if len(answers) >= num or not self.pending:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)

    def progress(self) -> Progress:
        """Return how far the rating is."""
        return self.store.progress(self.run.id)

    def seen(self, step: int, learned_return: float | None = None) -> None:
        """Tell the page that training goes on; the return is that of the learned reward."""
        with suppress(*PASSING):  # nobody is told, and nothing is lost
            self.store.seen_trainer(self.run.id, step, learned_return)

    def show_learned(self, returns: Mapping[str, float]) -> None:
        """Tell the page what the reward model makes of rated segments.

        Args:
            returns: Id of a segment in this run -> return of the learned reward.
        """
        named = {name: returns[own] for name, own in self._names.items() if own in returns}
        with suppress(*PASSING):
            self.store.set_learned(self.run.id, named)

    def recover(self) -> list[Segment]:
        """Return the segments that the store has of this run, and this rater does not know.

        They were asked about after the checkpoint that was loaded. People may have rated them
        since, so the run takes them back instead of losing the ratings. They have ids of their own.
        """
        self._may_mix = False
        lost = [blob for name, blob in self.store.blobs(self.run.id) if name not in self._names]
        segments = [unpack_segment(blob) for blob in lost]
        self._names |= {segment.id: segment.id for segment in segments}
        self.num_asked += len(segments)
        return segments

    def state_dict(self) -> dict[str, Any]:
        """Return what was asked and collected, for a checkpoint; the answers are in the store."""
        return {
            "run_id": self.run.id,
            "cursor": self._cursor,
            "num_asked": self.num_asked,
            "names": [list(pair) for pair in self._names.items()],
            "unsent": [_as_list(job) for job in self._unsent],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it is of another run.
        """
        if state["run_id"] != self.run.id:
            raise ValueError(
                f"`state` must be of run {self.run.id!r}, got {state['run_id']!r}; is the run "
                "folder renamed?"
            )
        self._may_mix = False
        self._cursor, self.num_asked = state["cursor"], state["num_asked"]
        self._names = {name: segment_id for name, segment_id in state["names"]}
        self._unsent = [_from_list(*values) for values in state["unsent"]]

    def close(self) -> None:
        """Stop page and workers, unless they are to be kept; close the database."""
        if self._serving is not None:
            self._serving.close()
        self.store.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self

    def _job(self, segment: Segment) -> Job:
        origin = segment.origin
        recipe = self._recipe | {
            "episode_seed": episode_seed(self._seed, origin.env_index, origin.episode),
            "first_step": origin.first_step,
            "length": len(segment),
            "env_index": origin.env_index,
            "episode": origin.episode,
        }
        named, clip = replace(segment, id=_name_of(segment)), None
        if segment.frames is not None:
            clip = make_clip(segment.frames, recipe.get("fps"))
            recipe["captured"] = True
        return Job(named.id, pack_segment(named), recipe, origin.policy_step, clip)

    def _check_new(self) -> None:
        """Refuse to mix a run that starts anew with one that the store has."""
        if next(self.store.blobs(self.run.id), None) is not None:
            raise ValueError(
                "`run_id` must be new where no checkpoint is loaded, got "
                f"{self.run.id!r}, of which {self.store.place.name} has segments; go on with that "
                "run by --resume FOLDER, or name another by --run-dir; `gym-rated export` keeps "
                "its ratings"
            )

    def _send(self) -> None:
        if not self._unsent:
            return
        try:
            self.store.add_jobs(self.run.id, self._unsent)
            self._unsent = []
        except PASSING as error:
            warnings.warn(
                f"{len(self._unsent)} segments wait to be stored: {error}; training goes on",
                stacklevel=3,
            )


def _name_of(segment: Segment) -> str:
    """Return an id that another segment of the same place has not.

    A run that is resumed from a checkpoint may do something else at the same step of the same
    episode, because ratings came at other times. A rating must not go from one to the other.
    """
    content = segment.obs.tobytes() + segment.actions.tobytes()
    return f"{segment.id}-{hashlib.sha256(content).hexdigest()[:8]}"


def _as_list(job: Job) -> list[Any]:
    """Return a job as a checkpoint can hold it."""
    clip = None
    if job.clip is not None:
        clip = vars(job.clip) | {"data": np.frombuffer(job.clip.data, np.uint8)}
    blob = np.frombuffer(job.blob, np.uint8)
    return [job.segment_id, blob, dict(job.recipe), job.step, clip]


def _from_list(
    segment_id: str,
    blob: NDArray[np.uint8],
    recipe: dict[str, Any],
    step: int,
    clip: dict[str, Any] | None,
) -> Job:
    made = None if clip is None else Clip(**(clip | {"data": clip["data"].tobytes()}))
    return Job(segment_id, blob.tobytes(), recipe, step, made)


def _numbered(num_classes: int) -> list[str]:
    names = [str(c + 1) for c in range(num_classes)]
    names[0], names[-1] = f"{names[0]} (worst)", f"{names[-1]} (best)"
    return names
