"""A person as the rater: segments go to a database, answers come back from it.

Nothing here waits, and nothing here draws or serves: render workers turn segments into clips, a
page shows them, each in a process of its own. A trainer that is killed leaves all of them the
database; the next one with the same run goes on where its checkpoint is. So that both tell the same
story, nothing should be asked that no checkpoint knows of: `Asking(deferred=True)` and `send`.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from gym_rated.agreeing import Agreeing
from gym_rated.checkpoint.restoring import restoring
from gym_rated.checks import check_class_texts, check_text, whole_number, whole_numbers
from gym_rated.human.asking import Asking, default_names
from gym_rated.human.same_run import check_has_all, has_segments, refuse_known_run
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.segment_job import job_as_list, job_from_list, make_job
from gym_rated.human.serving import Page, Serving
from gym_rated.human.store import PASSING, Doing, Job, Progress, Run, Store
from gym_rated.human.store.answers import read_cursor
from gym_rated.human.store.records import (
    CLASS_TEXTS,
    PLANNED_STEPS,
    QUERY_STEPS,
    SHORTEST,
)
from gym_rated.imports import names_of_modules
from gym_rated.raters import Answer, Rating
from gym_rated.segments import Segment


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
        env_kwargs: Arguments of the environment.
        num_classes: Number of rating classes C, 2 to 10.
        class_names: What each class means, worst first; plain words by default.
        instructions: The criterion, in words: what is a good clip?
        run_id: Name of the run in the database; a resumed run has the same.
        asking: How many people rate each clip, how many clips come twice, and so on.
        page: The page and the render workers that are started with the rater; None starts none,
            `gym-rated rate` does.

    Attributes:
        store: The database.
        num_asked: Segments submitted so far, by this process or the one it resumed.
        num_settled: As many had been submitted when the run last waited for people (`Pacing`).
        num_answers: Answers collected so far by this process, corrections included.
        is_away: Whether the database could not be read when `pending` last looked.

    Raises:
        StoreError: If the database cannot be opened.
        TypeError: If a number is no int.
        ValueError: If the run is known with another criterion, or is not new, or a number is out of
            range.
        RuntimeError: If the page cannot be served.
    """

    def __init__(
        self,
        db: str | os.PathLike[str],
        *,
        env_id: str,
        seed: int,
        env_kwargs: Mapping[str, Any] | None = None,
        num_classes: int = 5,
        class_names: Sequence[str] | None = None,
        instructions: str = "How well does the agent do its task?",
        run_id: str = "run",
        asking: Asking = Asking(),
        page: Page | None = Page(),
    ) -> None:
        kwargs = dict(env_kwargs or {})
        config = {"seed": seed, "env_kwargs": kwargs, "num_ratings": asking.num_ratings}
        config |= _plan(asking)
        if len(asking.class_texts):
            config[CLASS_TEXTS] = list(check_class_texts(asking.class_texts, num_classes))
        self.run = Run(
            run_id,
            num_classes,
            tuple(class_names or default_names(num_classes)),
            instructions,
            task=env_id if asking.task is None else asking.task,
            env_id=env_id,
            config=config,
            overlap=asking.overlap,
            duplicate_rate=asking.duplicate_rate,
        )
        self.num_classes = num_classes
        self.num_asked = self.num_settled = self.num_answers = 0
        self._seed = seed
        self._asking = asking
        self._recipe: dict[str, Any] = {"env_id": env_id, "env_kwargs": kwargs}
        self._recipe |= {} if asking.fps is None else {"fps": asking.fps}
        self._names: dict[str, str] = {}  # id of a segment in the store -> id in the run
        self._unsent: list[Job] = []  # submitted, and not in the store
        self._num_released = 0  # of them, the first that the store may have
        self._open = 0  # unanswered when the store was last asked
        self.is_away = False
        self._cursor: Any = None
        self._may_mix = True  # until it is known that no other process has asked in this run
        self.store = Store(db)
        self._found_others = has_segments(self.store, self.run.id)
        if asking.new:
            refuse_known_run(self.store, self.run.id)
        self.store.open_run(self.run)
        self._serving: Serving | None = None
        if page is not None:
            self._serving = Serving(db, page, names_of_modules([env_id, kwargs]))
            print(f"Rate at {self.url}", flush=True)

    @property
    def criterion(self) -> str:
        """What people are asked to judge, in words."""
        return self.run.instructions

    @property
    def url(self) -> str | None:
        """Where to rate; None if this rater does not serve the page."""
        return None if self._serving is None else self._serving.url

    @property
    def pending(self) -> int:
        """Segments asked about and not yet answered; the last known while the store is away."""
        try:
            self._open = self.store.pending(self.run.id)
            self.is_away = False
        except PASSING:
            self.is_away = True
        return len(self._unsent) + self._open

    @property
    def unsent(self) -> int:
        """Segments that were submitted and wait for `send`."""
        return len(self._unsent) - self._num_released

    def submit(self, segments: Sequence[Segment]) -> None:
        """Ask about segments; returns at once, or after 0.1 s for each that brings its frames.

        Under `Asking(deferred=True)` people see them after the next `send`.

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
        with suppress(*PASSING):  # else before anything is sent
            self._see_that_it_is_ours()
        made = [make_job(segment, self._seed, self._recipe) for segment in segments]
        jobs = {job.segment_id: job for job in made}
        self._unsent += [job for name, job in jobs.items() if name not in self._names]
        for name, segment in zip(jobs, segments, strict=True):
            self._names.setdefault(name, segment.id)  # unless it was taken back
        self.num_asked += len(segments)
        if not self._asking.deferred:
            self.send()

    def send(self) -> None:
        """Put in the store what was submitted; see `Asking.deferred`.

        A resumed run calls it for what its checkpoint held as submitted. To send a segment twice
        does no harm: the store knows it by its place and its content.

        Raises:
            ValueError: As `submit`, where the store was away then.
        """
        self._num_released = len(self._unsent)
        self._send()

    def collect(self) -> list[Answer]:
        """Return the answers since the last call, corrections and undos among them.

        Raises:
            ValueError: As `submit`, where the store was away then.
        """
        self._send()
        if self._asking.together and self.pending:
            return []
        try:
            rows, self._cursor = self.store.answers_since(self.run.id, self._cursor)
        except PASSING as error:
            warnings.warn(f"no ratings were collected: {error}", stacklevel=2)
            return []
        known = [row for row in rows if row.segment_id in self._names]
        if self._asking.together:  # nor on who was faster
            asked = {name: k for k, name in enumerate(self._names)}
            known.sort(key=lambda row: (asked[row.segment_id], row.rater, row.revision))
        if len(known) < len(rows):
            warnings.warn(
                f"run {self.run.id!r} of {self.store.place.name} has answers about segments that "
                "this process did not ask about; load the checkpoint of the run first, or name "
                "another run (dataset_from_store reads all of them)",
                stacklevel=2,
            )
        self.num_answers += len(known)
        return [Rating(self._names[r.segment_id], r.rating, r.rater, r.revision) for r in known]

    def progress(self) -> Progress:
        """Return how far the rating is."""
        return self.store.progress(self.run.id)

    def seen(
        self,
        step: int,
        learned_return: float | None = None,
        doing: Doing = "",
        steps_per_s: float | None = None,
    ) -> None:
        """Tell the page that training goes on.

        Args:
            step: Environment steps so far.
            learned_return: Return of the learned reward, if there was an episode.
            doing: What the run does now.
            steps_per_s: How fast it trains, waiting left out; None if not known.
        """
        with suppress(*PASSING):  # nobody is told, and nothing is lost
            self.store.seen_trainer(self.run.id, step, learned_return, doing, steps_per_s)

    def show_learned(self, returns: Mapping[str, float]) -> None:
        """Tell the page what the reward model makes of rated segments.

        Args:
            returns: Id of a segment in this run -> return of the learned reward.
        """
        named = {name: returns[own] for name, own in self._names.items() if own in returns}
        with suppress(*PASSING):
            self.store.set_learned(self.run.id, named)

    def show_contradicting(self, shares: Mapping[str, float]) -> None:
        """Tell page and database which share of each rater's ratings contradicts the rest.

        Args:
            shares: Rater -> share, as in `gym_rated.fitting.FitReport`.
        """
        with suppress(*PASSING):
            self.store.set_contradicting(self.run.id, shares)

    def show_agreeing(self, found: Mapping[str, Agreeing]) -> None:
        """Tell page and database how often the reward agrees with each rater's newest ratings."""
        with suppress(*PASSING):
            self.store.set_agreeing(self.run.id, found)

    def show_doubtful(self, segments: Mapping[str, Sequence[str]]) -> None:
        """Tell page and database which ratings contradict the rest most.

        Args:
            segments: Rater -> ids of segments in this run, as `RewardLearner.doubtful` returns.
        """
        names = {own: name for name, own in self._names.items()}
        known = {rater: [names[i] for i in ids if i in names] for rater, ids in segments.items()}
        with suppress(*PASSING):
            self.store.set_doubtful(self.run.id, known)

    def recover(self) -> list[Segment]:
        """Return the segments that the store has of this run, and this rater does not know.

        They were asked about after the checkpoint that was loaded. People may have rated them
        since, so the run takes them back instead of losing the ratings. They have ids of their own.
        """
        if self._may_mix and self._found_others:
            return []  # nothing of this run was ever sent
        self._may_mix = False
        kept = self.store.blobs(self.run.id)
        segments = [unpack_segment(blob, name) for name, blob in kept if name not in self._names]
        self._names |= {segment.id: segment.id for segment in segments}
        self.num_asked += len(segments)
        return segments

    def state_dict(self) -> dict[str, Any]:
        """Return what was asked and collected, for a checkpoint; the answers are in the store."""
        return {
            "run_id": self.run.id,
            "cursor": self._cursor,
            "num_asked": self.num_asked,
            "num_settled": self.num_settled,
            "found_others": self._may_mix and self._found_others,
            "names": [list(pair) for pair in self._names.items()],
            "unsent": [job_as_list(job) for job in self._unsent],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it is of another run, of one that never found room in this store beside
                another run of its name, or holds what `state_dict` does not return; or if the store
                has not all that it speaks of.
        """
        if state["run_id"] != self.run.id:
            raise ValueError(
                f"`state` must be of run {self.run.id!r}, got {state['run_id']!r}; is the run "
                "folder renamed?"
            )
        with restoring("state", f"a checkpoint of run {self.run.id!r}"):
            read_cursor(state["cursor"])
            num_asked = whole_number("num_asked", state["num_asked"], minimum=0)
            names = {
                check_text("names", name): check_text("names", own) for name, own in state["names"]
            }
            unsent = [job_from_list(*values) for values in state["unsent"]]
            num_settled = whole_number("num_settled", state.get("num_settled", 0), minimum=0)
        self._may_mix = self._found_others = bool(state.get("found_others", False))
        self._cursor, self.num_asked, self.num_settled = state["cursor"], num_asked, num_settled
        self._names, self._unsent = names, unsent
        self._num_released = 0 if self._asking.deferred else len(unsent)
        with suppress(*PASSING):
            self._see_that_it_is_ours()
            sent = set(names) - {job.segment_id for job in unsent}
            check_has_all(self.store, self.run.id, sent, self._cursor)

    def finish(self) -> None:
        """Tell the page that the run is over, and asks no more; to be called before `close`."""
        with suppress(*PASSING):  # then the page hears that the server was stopped
            self.store.end_run(self.run.id)

    def close(self) -> None:
        """Stop page and workers; close the database."""
        if self._serving is not None:
            self._serving.close()
        self.store.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self

    def _see_that_it_is_ours(self) -> None:
        """Look once for segments of another process, before the first are sent."""
        if self._may_mix:
            refuse_known_run(self.store, self.run.id)
            self._may_mix = False

    def _send(self) -> None:
        ready = self._unsent[: self._num_released]
        if not ready:
            return
        try:
            self._see_that_it_is_ours()
            self.store.add_jobs(self.run.id, ready)
            self._unsent, self._num_released = self._unsent[len(ready) :], 0
            self._open += len(ready)  # until the store is asked
        except PASSING as error:
            warnings.warn(
                f"{len(ready)} segments wait to be stored: {error}; training goes on",
                stacklevel=3,
            )


def _plan(asking: Asking) -> dict[str, Any]:
    """Return what the config of a run says of segments and steps, as far as it is known."""
    found: dict[str, Any] = {}
    if asking.segment_length is not None:
        found[SHORTEST] = whole_numbers("segment_length", asking.segment_length)[0]
    if len(asking.query_steps):
        found[QUERY_STEPS] = sorted(whole_numbers("query_steps", asking.query_steps))
    if asking.total_steps is not None:
        found[PLANNED_STEPS] = whole_number("total_steps", asking.total_steps)
    return found
