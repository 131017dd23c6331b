"""The routes of the page to watch: episodes of a policy, and ratings of parts of them.

The true reward is told only when it is asked for, and an episode of which it was told takes no
rating from then on: who has seen the answer cannot rate. That is in the store before it is told, so
that no restart and no other page forgets it, and of what was played, not of a name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Protocol

from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from gym_rated.human.app.api import (
    DAY_MS,
    ClientId,
    Deed,
    Number,
    Written,
    add_errors,
    add_page,
    written,
)
from gym_rated.human.app.files import read_page
from gym_rated.human.app.security import Guard
from gym_rated.human.app.tokens import Raters
from gym_rated.human.store import SKIPPED, Conflict, Event, Job, Run, Store
from gym_rated.human.store.records import EPISODE

KEY_BASE = 1


class Episode(Protocol):
    """What the page is told of an episode; see `gym_rated.assembly.playing.Episode`."""

    @property
    def id(self) -> str:
        """Its name, which those of its segments begin with."""
        ...

    @property
    def sha256(self) -> str:
        """Digest of what was played: an episode that is played again has the same."""
        ...

    @property
    def number(self) -> int:
        """Its place in the sitting."""
        ...

    @property
    def step(self) -> int:
        """Environment steps that its policy was trained for."""
        ...

    @property
    def learned(self) -> Any:
        """What the learned reward says of each step; None before its first fit."""
        ...

    @property
    def true_rewards(self) -> Any:
        """What the environment paid."""
        ...

    @property
    def frames(self) -> Sequence[bytes]:
        """Its pictures, one a step."""
        ...

    @property
    def fps(self) -> float:
        """Steps a second."""
        ...

    @property
    def is_cut(self) -> bool:
        """Whether it was cut short."""
        ...


class Theatre(Protocol):
    """Where episodes come from; see `gym_rated.assembly.theatre.Theatre`."""

    problem: str

    @property
    def played(self) -> int:
        """Steps so far of the episode that is being played."""
        ...

    def after(self, last: str, /) -> Any:
        """Return the episode after one; None while it is being played."""
        ...

    def episode(self, name: str, /) -> Any:
        """Return an episode by its id, or None."""
        ...


@dataclass(frozen=True)
class Watching:
    """What is watched.

    Attributes:
        run: The run in the store that its ratings are of.
        name: What the run is called on the page.
        length: Steps of a segment.
        theatre: Where its episodes come from.
        job_of: Returns the job of a segment: of an episode, from a first step on, of so many steps.
    """

    run: Run
    name: str
    length: int
    theatre: Theatre
    job_of: Callable[[Any, int, int], Job]


class Marked(BaseModel):
    """A segment that was rated, as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    client_id: ClientId
    episode: Annotated[str, Field(strict=True, max_length=60)]
    first_step: Number
    rating: Annotated[int, Field(strict=True, ge=0, le=9)] | None
    shown_ms: Annotated[int, Field(strict=True, ge=0, le=DAY_MS)]


def create_watch_app(store: Store, raters: Raters, watching: Watching) -> ASGIApp:
    """Return the whole application, guard included.

    Args:
        store: Where ratings go.
        raters: Who may watch.
        watching: What is watched.
    """
    api = FastAPI(title="gym_rated", docs_url=None, redoc_url=None, openapi_url=None)
    add_errors(api)
    add_page(api, raters, read_page("watch"))
    _add_episodes(api, store, watching)
    _add_rating(api, store, watching)
    return Guard(api, raters)


_EpisodeId = Annotated[str, Path(max_length=60)]


def _add_episodes(api: FastAPI, store: Store, watching: Watching) -> None:
    run, theatre = watching.run, watching.theatre

    @api.get("/api/watch")
    def get_watch(request: Request) -> dict[str, Any]:
        """Return what is watched, and who watches."""
        return {
            "rater": request.state.rater,
            "database": store.identity(),
            "name": watching.name,
            "env_id": run.env_id,
            "class_names": run.class_names,
            "class_texts": run.class_texts,
            "instructions": run.instructions,
            "segment_length": watching.length,
            "key_base": KEY_BASE,
            "rated": sum(row.rating != SKIPPED for row in store.agreement_rows(run.id)),
        }

    @api.get("/api/episodes")
    def get_next(
        request: Request, after: Annotated[str, Query(max_length=60)] = ""
    ) -> dict[str, Any]:
        """Return the episode after one, with the ratings that it has; none while it is played."""
        found = theatre.after(after)
        shown = None
        if found is not None:
            shown = _facts(found) | {
                "ratings": _ratings(store, run.id, request.state.rater, found.id),
                "told": store.is_told(run.id, found.sha256),
            }
        return {"episode": shown, "played": theatre.played, "problem": theatre.problem}

    @api.get("/film/{name}", response_class=Response)
    def get_film(name: _EpisodeId) -> Response:
        """Return the pictures of an episode one after the other; `sizes` says where each ends."""
        frames = _episode(watching, name).frames
        return Response(b"".join(frames), media_type="application/octet-stream")

    @api.get("/api/truth/{name}")
    def get_truth(request: Request, name: _EpisodeId) -> dict[str, Any]:
        """Return what the environment paid; the episode takes no rating from here on."""
        found = _episode(watching, name)
        store.tell(run.id, found.sha256, request.state.rater)
        return {"rewards": _plain(found.true_rewards)}


def _add_rating(api: FastAPI, store: Store, watching: Watching) -> None:
    run = watching.run

    @api.post("/api/segments")
    def post_segment(request: Request, marked: Marked) -> Written:
        """Write down a segment, its clip and its rating; sent twice, it counts once."""
        rater = request.state.rater
        episode = watching.theatre.episode(marked.episode)
        if episode is None:
            raise Conflict("this episode is gone: rate in one that is shown now")
        length = min(watching.length, len(episode.frames))
        job = watching.job_of(episode, marked.first_step, length)
        job = replace(job, recipe={**job.recipe, EPISODE: episode.sha256})
        query_id = store.ask(run.id, job, rater)
        kind: Literal["rate", "skip"] = "skip" if marked.rating is None else "rate"
        deed = Event(marked.client_id, query_id, rater, kind, marked.rating, marked.shown_ms)
        return written(store.record(deed))

    @api.post("/api/events")
    def post_event(request: Request, deed: Deed) -> Written:
        """Take an answer back; sent twice, it counts once."""
        if deed.kind != "undo":
            raise ValueError(f"`kind` must be undo here, got {deed.kind!r}; rate by /api/segments")
        return written(store.record(Event(rater=request.state.rater, **deed.model_dump())))


def _episode(watching: Watching, name: str) -> Episode:
    found: Episode | None = watching.theatre.episode(name)
    if found is None:
        raise HTTPException(404, "There is no such episode any more.")
    return found


def _facts(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "number": episode.number,
        "step": episode.step,
        "fps": episode.fps,
        "sizes": [len(frame) for frame in episode.frames],
        "learned": None if episode.learned is None else _plain(episode.learned),
        "is_cut": episode.is_cut,
    }


def _plain(rewards: Any) -> list[float] | None:
    """Return rewards as JSON; None where one is no number, as of an environment without any."""
    numbers = [float(reward) for reward in rewards]
    return numbers if all(map(math.isfinite, numbers)) else None


def _ratings(store: Store, run_id: str, rater: str, episode: str) -> list[dict[str, Any]]:
    """Return the standing answers of a rater in an episode, in the order of the log."""
    prefix = f"{episode}-"
    rows = [row for row in store.agreement_rows(run_id) if row.segment_id.startswith(prefix)]
    return [
        {
            "query_id": row.query_id,
            "first_step": int(row.segment_id.removeprefix(prefix).partition("-")[0]),
            "rating": None if row.rating == SKIPPED else row.rating,
        }
        for row in rows
        if row.rater == rater
    ]
