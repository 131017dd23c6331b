"""`gym-rated watch`: the policy of a run as it acts now, with its learned reward under the film."""

import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gym_rated.assembly.wording import named_as
from gym_rated.assembly.words import EnvKwargs
from gym_rated.checks import whole_number
from gym_rated.human.clips.drawing import Quality
from gym_rated.imports import named_extras
from gym_rated.runs.lock import hold_folder
from gym_rated.runs.names import DATABASE, WATCHED
from gym_rated.runs.reading import read_config

if TYPE_CHECKING:
    from socket import socket as Socket

    from gym_rated.assembly.playing import Watched
    from gym_rated.assembly.run_args import RunArgs
    from gym_rated.human.store import Run, Store

_RATER = "{}-watching"  # ratings of who saw the learned reward are a rater's of their own
_LONGEST_NAME = 71  # of 80 characters that a rater's may have
_EPISODES = "episodes"  # the last ones, in the folder of what is rated


@dataclass
class WatchArgs:
    """Watch the policy of a run as it acts now, and rate what you see (needs the extra `human`).

    The run may be finished, stopped or still training. Ratings go to RUN/watched/ratings.db.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """folder of the run"""
    port: int = 0
    """port to listen at, on this machine only; 0 takes a free one"""
    name: str = "me"
    """your name; ratings are of the rater NAME-watching"""
    open: bool = False
    """open the page in a browser"""
    env_id: str | None = None
    """id of the environment; that of the run by default"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values: `action_repeat 2`; by default those of
    the run"""
    features: str | None = None
    """the function of the run's --features, which its folder alone may not import"""
    deterministic: bool = False
    """whether to take the most probable action, instead of drawing it as in training"""
    seed: int = 0
    """seed of the environment and of the actions; each sitting has episodes of its own"""
    size: int = 480
    """longer side of the film, in pixels"""
    quality: Quality = "fast"
    """how it is drawn: fast, or with smooth edges"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(WatchArgs, args=list(argv), prog="gym-rated watch")
    whole_number("seed", args.seed, minimum=0)
    whole_number("size", args.size, minimum=16)
    _check_name(args.name)
    with named_as(folder="run"):
        read_config(args.run)  # before anything takes seconds
    with named_extras():
        from gym_rated.assembly.playing import Drawing, Watched
        from gym_rated.human.app.server import open_port
    with open_port("127.0.0.1", args.port) as sock:
        drawing = Drawing(args.size, args.quality, args.deterministic, args.seed)
        with named_as(folder="run", path="run", reward_fn="run", resume="run"):
            watched = Watched(args.run, args.env_id, args.env_kwargs, args.features, drawing)
        with named_as(run_dir="run"), hold_folder(args.run / WATCHED):
            _serve(args, watched, sock)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(
            f"`name` must have 1 to {_LONGEST_NAME} printable characters, got {name!r}"
        )


def _serve(args: WatchArgs, watched: "Watched", sock: "Socket") -> None:
    """Show episodes until Ctrl-C; say where ratings are."""
    from gym_rated.assembly.theatre import Theatre
    from gym_rated.human.app.server import link, serve
    from gym_rated.human.app.tokens import Raters, keep_token
    from gym_rated.human.app.watch import Watching, create_watch_app
    from gym_rated.human.segment_job import make_job
    from gym_rated.human.serving import show
    from gym_rated.human.store import Store

    logging.getLogger("gym_rated").addHandler(logging.StreamHandler())
    folder = args.run / WATCHED
    place = folder / DATABASE
    with Store(place) as store:
        run = run_of_watching(args.run, watched)
        store.open_run(run)
        theatre = Theatre(watched, folder / _EPISODES, next_sitting(store, run.id))
        recipe = {"env_id": run.env_id, "env_kwargs": dict(run.config["env_kwargs"])}
        watching = Watching(
            run,
            args.run.resolve().name,
            watched.length,
            theatre,
            lambda episode, first, length: make_job(
                episode.segment(first, length), args.seed, recipe
            ),
        )
        rater = _RATER.format(args.name)
        raters = Raters({rater: keep_token(place.with_name(f"{place.name}.token"))}, str(place))
        url = link(sock, raters.tokens[rater])
        print(f"Watch at {url}", flush=True)
        if args.open:
            show(url)
        try:
            serve(create_watch_app(store, raters, watching), sock)
        except KeyboardInterrupt:
            print()
        finally:
            theatre.close()
            shape = watched.image_shape
            print("\n".join(how_to_use(store, run.id, args.run, watched.args, shape)))


def run_of_watching(folder: Path, watched: "Watched") -> "Run":
    """Return what is asked of who watches: what raters of the run are asked.

    Raises:
        ValueError: If the run has more classes than there are keys.
    """
    from gym_rated.assembly.parts import run_id_of
    from gym_rated.human.asking import default_names
    from gym_rated.human.store import Run
    from gym_rated.human.store.records import CLASS_TEXTS, SHORTEST

    args = watched.args
    return Run(
        run_id_of(args, folder.resolve(), args.seed),
        args.num_classes,
        args.class_names or default_names(args.num_classes),
        args.instructions,
        env_id=watched.env_id,
        config={
            "env_kwargs": dict(watched.env_kwargs),
            SHORTEST: watched.length,
            CLASS_TEXTS: list(args.class_texts),
        },
        duplicate_rate=0.0,
    )


def next_sitting(store: "Store", run_id: str) -> int:
    """Return the number of a sitting above those that have ratings."""
    return 1 + max((row.round or 0 for row in store.agreement_rows(run_id)), default=-1)


def how_to_use(
    store: "Store", run_id: str, folder: Path, args: "RunArgs", image_shape: tuple[int, ...] = ()
) -> list[str]:
    """Return lines about the ratings that there are, and what can be done with them."""
    num, place = store.progress(run_id).rated, str(folder / WATCHED / DATABASE)
    if not num:
        return ["nothing was rated"]
    file, model = str(folder / WATCHED / "ratings.npz"), str(folder / WATCHED / "model")
    commands = [["export", "--db", place, "--out", file]]
    shape = ["--image-shape", *map(str, image_shape)] if image_shape else []
    commands += [["fit", "--ratings", file, *shape, "--out", model]]
    if args.rater == "human":
        own = args.rater_db or str(folder / DATABASE)
        commands += [["import", "--db", own, "--run-id", run_id, "--ratings", file]]
    said = [shlex.join(["gym-rated", *words]) for words in commands]
    if args.rater == "human":
        said[-1] += "  # while the run stands still; then --resume learns from them"
    return [f"{num} rating{'' if num == 1 else 's'}: {place}", *said]


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("watch")
