"""The routes: what the page asks, and what the store answers.

A route does nothing but translate: it checks form (pydantic), calls the store once, and turns what
that raises into a status: 409 for an answer that came too late, 422 for a class that does not
exist, 503 with Retry-After while the database is locked or away, 507 while its disk is full. The
page keeps what was refused with 5xx and sends it again.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from gym_rated.checks import LONGEST_COMMENT
from gym_rated.human.app.conversion import as_webp
from gym_rated.human.app.ending import Ending
from gym_rated.human.app.files import PageFile, read_page
from gym_rated.human.app.security import Guard, log_in
from gym_rated.human.app.state import Board
from gym_rated.human.app.tokens import Raters
from gym_rated.human.store import (
    Conflict,
    Event,
    Recorded,
    Remark,
    Store,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMoved,
    StoreReadOnly,
)

log = logging.getLogger("gym_rated.human.app")
MIME = {"h264": "video/mp4", "vp9": "video/webm", "webp": "image/webp"}
MAX_NUMBER = 2**63 - 1  # what a database keeps in a whole number
DAY_MS = 86_400_000
_SILENT = "the database does not answer"
_SAID = {
    StoreLocked: "the database is busy",
    StoreMoved: "the database was moved or deleted",
    StoreReadOnly: "the database cannot be written",
    StoreDamaged: "the database is damaged",
}


@dataclass(frozen=True)
class PageOptions:
    """How the page behaves.

    Attributes:
        run_id: Only clips of this run; of all by default.
        min_view_s: How long a clip must have been visible before an answer counts, in seconds;
            a shorter clip, once through.
        key_base: Key of class 0: 1, or 0 so that keys are the numbers of the classes.
        end_wait_s: How long the question whether the server ends is kept open, in seconds.

    Raises:
        ValueError: If a number is out of range.
    """

    run_id: str | None = None
    min_view_s: float = 0.5
    key_base: int = 1
    end_wait_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse a number out of range."""
        if not 0 <= self.min_view_s <= 60:
            raise ValueError(f"`min_view_s` must lie in [0, 60], got {self.min_view_s}")
        if self.key_base not in (0, 1):
            raise ValueError(f"`key_base` must be 0 or 1, got {self.key_base}")
        if not 0 <= self.end_wait_s <= 60:
            raise ValueError(f"`end_wait_s` must lie in [0, 60], got {self.end_wait_s}")


Number = Annotated[int, Field(strict=True, ge=0, le=MAX_NUMBER)]
ClientId = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Deed(BaseModel):
    """What a rater did, as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    client_id: ClientId
    query_id: Number | None = None
    kind: Literal["rate", "skip", "undo"]
    rating: Annotated[int, Field(strict=True, ge=0, le=9)] | None = None
    shown_ms: Annotated[int, Field(strict=True, ge=0, le=DAY_MS)] | None = None


class Remarked(BaseModel):
    """What a rater says of a clip beside the rating, as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    client_id: ClientId
    query_id: Number
    flagged: Annotated[bool, Field(strict=True)]
    comment: Annotated[str, Field(strict=True, max_length=LONGEST_COMMENT)] = ""


class Unplayable(BaseModel):
    """A clip that a browser could not show in any form."""

    model_config = ConfigDict(extra="forbid")

    query_id: Number


class Written(BaseModel):
    """Where an event stands in the log, and whether it was there before."""

    seq: int
    query_id: int
    revision: int
    repeated: bool


def create_app(
    store: Store,
    raters: Raters,
    options: PageOptions | None = None,
    *,
    allowed_hosts: tuple[str, ...] = (),
    ending: Ending | None = None,
) -> ASGIApp:
    """Return the whole application, guard included.

    Args:
        store: Where queries come from and answers go.
        raters: Who may rate.
        options: How the page behaves.
        allowed_hosts: Host names to answer to beside the loopback ones.
        ending: What the server says when it ends; one that never ends by default.
    """
    app = routes(store, raters, options or PageOptions(), ending)
    return Guard(app, raters, allowed_hosts)


def routes(
    store: Store, raters: Raters, options: PageOptions, ending: Ending | None = None
) -> FastAPI:
    """Return the routes without the guard: for `create_app`, and to describe them (OpenAPI)."""
    api = FastAPI(title="gym_rated", docs_url=None, redoc_url=None, openapi_url=None)
    add_errors(api)
    add_page(api, raters, read_page())
    board = Board(store, options.run_id)
    _add_rating(api, store, board, options)
    _add_news(api, board, options, ending or Ending())
    return api


def add_page(api: FastAPI, raters: Raters, page: Iterable[PageFile]) -> None:
    """Add the files of a page, and the way in."""

    @api.get("/healthz")
    def healthz() -> dict[str, str]:
        """Say that the server is up."""
        return {"status": "ok"}

    @api.get("/login", response_class=RedirectResponse, status_code=303)
    def login(request: Request, token: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Take the token out of the address into a cookie."""
        return log_in(request, raters, token)

    for page_file in page:
        api.get(page_file.path, include_in_schema=False)(_send(page_file))


def _send(page_file: PageFile) -> Callable[[], Response]:
    def send() -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(page_file.data, media_type=page_file.media_type, headers=headers)

    return send


def _add_rating(api: FastAPI, store: Store, board: Board, options: PageOptions) -> None:
    @api.get("/api/next", responses={204: {"description": "No clip for this rater now"}})
    def get_next(
        request: Request,
        exclude: Annotated[str, Query(pattern=r"^(\d{1,18}(,\d{1,18}){0,99})?$")] = "",
    ) -> Any:
        """Lease the next clip to this rater; those in `exclude` are in the page already."""
        in_hand = [int(number) for number in exclude.split(",") if number]
        asked = store.next_query(request.state.rater, run_id=options.run_id, exclude=in_hand)
        if asked is None:
            return Response(status_code=204)
        return {  # no segment id: it would tell a second showing from a first
            "id": asked.id,
            "run_id": asked.run_id,
            "clip": asked.clip_sha256,
            "fps": asked.fps,
            "frames": asked.frames,
            "segment_length": asked.segment_length,
            "round": asked.round,
            "class_names": asked.class_names,
            "instructions": asked.instructions,
            "task": asked.task,
            "flagged": asked.flagged,
            "comment": asked.comment,
        }

    @api.get("/clip/{sha256}", response_class=Response)
    def get_clip(
        sha256: Annotated[str, Path(max_length=80)],
        form: Annotated[Literal["webp"] | None, Query(alias="as")] = None,
    ) -> Response:
        """Return a clip, as it is or converted for a browser that cannot play it."""
        clip = store.clip(sha256)
        if clip is None:
            raise HTTPException(404, "There is no such clip.")
        if form == "webp":
            clip = as_webp(clip)
            if clip is None:
                raise HTTPException(410, "This clip is damaged.")
        headers = {
            "cache-control": "private, max-age=31536000, immutable",
            "x-clip-fps": f"{clip.fps:g}",
            "x-clip-frames": str(clip.frames),
        }
        return Response(clip.data, media_type=MIME[clip.codec], headers=headers)

    @api.post("/api/events")
    def post_event(request: Request, deed: Deed) -> Written:
        """Write down what the rater did; sent twice, it counts once."""
        event = Event(rater=request.state.rater, **deed.model_dump())
        done = store.record(event)
        board.forget()
        return written(done)

    @api.post("/api/remarks")
    def post_remark(request: Request, said: Remarked) -> Written:
        """Write down a flag or a comment; sent twice, it counts once."""
        remark = Remark(rater=request.state.rater, **said.model_dump())
        done = store.remark(remark)
        board.forget()
        return written(done)

    @api.post("/api/unplayable")
    def post_unplayable(request: Request, report: Unplayable) -> dict[str, bool]:
        """Ask for another clip of a query."""
        log.warning("%s cannot play the clip of query %d", request.state.rater, report.query_id)
        return {"asked": store.remake(report.query_id, "webp")}


def written(done: Recorded) -> Written:
    """Return what the page is told of an event that stands in the log."""
    return Written(
        seq=done.seq, query_id=done.query_id, revision=done.revision, repeated=done.repeated
    )


def _add_news(api: FastAPI, board: Board, options: PageOptions, ending: Ending) -> None:
    @api.get("/api/state")
    def get_state(
        request: Request, run: Annotated[str | None, Query(max_length=100)] = None
    ) -> dict[str, Any]:
        """Return how far this rater and the run are; never anything of the true reward."""
        settings = {"min_view_s": options.min_view_s, "key_base": options.key_base}
        return {"rater": request.state.rater, **settings, **board.show(request.state.rater, run)}

    @api.get("/api/end", responses={204: {"description": "It goes on for now: ask again"}})
    async def get_end(run: Annotated[str | None, Query(max_length=100)] = None) -> Any:
        """Answer when the server ends on purpose, and say whether the run is finished."""
        if not await ending.wait(options.end_wait_s):
            return Response(status_code=204)
        try:
            is_finished = await run_in_threadpool(board.is_finished, run)
        except StoreError:
            is_finished = False
        return {"end": "finished" if is_finished else "stopped"}


def add_errors(api: FastAPI) -> None:
    """Turn what the store raises into a status and a sentence."""

    @api.exception_handler(RequestValidationError)
    def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        # without what was sent: it may not even be text
        places = [(".".join(map(str, e["loc"][1:])), e["msg"]) for e in error.errors()]
        detail = "; ".join(f"{place}: {message}" for place, message in places)
        return _answer(422, detail)

    @api.exception_handler(ValueError)
    def invalid(_: Request, error: ValueError) -> JSONResponse:
        return _answer(422, str(error))

    @api.exception_handler(StoreError)
    def failed(_: Request, error: StoreError) -> JSONResponse:
        if isinstance(error, Conflict):
            return _answer(409, str(error))
        log.error("%s", error)
        if isinstance(error, StoreFull):
            return _answer(507, "not saved: disk full")
        wait_s = 1 if isinstance(error, StoreLocked) else 5
        why = next((said for kind, said in _SAID.items() if isinstance(error, kind)), _SILENT)
        return _answer(503, why, {"retry-after": str(wait_s)})


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    readable = detail.encode("utf-8", "replace").decode()
    return JSONResponse({"detail": readable}, status, headers=headers)
