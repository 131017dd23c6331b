"""`gym-rated rate`: serve the page of a database, with a trainer or without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gym_rated.human.clips.drawing import Quality
from gym_rated.imports import named_extras


@dataclass
class RateArgs:
    """Serve clips to rate until Ctrl-C (needs the extra `human`).

    The trainer may be running, or have ended: what is waiting can be rated all the same, and a
    trainer that resumes finds it. The database may be empty, or new.
    """

    db: str
    """database of the ratings: a file such as runs/r1/ratings.db, or postgresql://USER@HOST/NAME"""
    port: int = 0
    """port to listen at; 0 takes a free one"""
    name: str = "me"
    """name on the ratings of whoever opens the link"""
    raters: Path | None = None
    """file with one rater's name a line; each gets a link"""
    open: bool = False
    """open the page in a browser"""
    host: str = "127.0.0.1"
    """address to listen at; others than this machine's own need --allow-host"""
    allow_host: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """name under which other machines may reach the page; may be given several times"""
    run_id: str | None = None
    """only clips of this run; of all by default"""
    trust: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """environment such as my_envs:My-v0 whose module may be imported to draw clips, which a
    database alone may not ask for; may be given several times"""
    num_workers: int = 1
    """processes that draw clips"""
    size: int = 480
    """longer side of the clips, in pixels"""
    quality: Quality = "fast"
    """how clips are drawn: fast, or with smooth edges"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(RateArgs, args=list(argv), prog="gym-rated rate")
    with named_extras():
        from gym_rated.human.serving import Page, make_plan, show
        from gym_rated.human.store import Store
        from gym_rated.human.watching import supervise
    Store(args.db).close()  # says at once what is wrong with it
    page = Page(
        port=args.port,
        name=args.name,
        num_workers=args.num_workers,
        size=args.size,
        quality=args.quality,
    )
    plan = make_plan(
        args.db,
        page,
        host=args.host,
        allow_host=args.allow_host,
        raters=args.raters,
        run_id=args.run_id,
        trust=args.trust,
    )

    def say(line: str) -> None:
        print(line, flush=True)
        if args.open:
            show(line.split(" at ")[-1])

    try:
        code = supervise(plan, say, lambda: False)
    except KeyboardInterrupt:
        print("\nstopped; what was rated is kept")
        return
    raise SystemExit(code)


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("rate")
