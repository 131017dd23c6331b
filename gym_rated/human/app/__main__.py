"""`python -m gym_rated.human.app`: serve the page of one database.

Its first line on standard output is `Rate clips at URL`; one line per rater with `--raters`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gym_rated.human.app.api import PageOptions, create_app
from gym_rated.human.app.ending import Ending
from gym_rated.human.app.server import check_host, link, open_port, serve
from gym_rated.human.app.tokens import Raters, keep_token, new_token, read_raters
from gym_rated.human.store import Store


@dataclass
class ServeArgs:
    """Serve the page to rate clips on."""

    db: str
    """database of the ratings: a file, or postgresql://USER@HOST/NAME"""
    host: str = "127.0.0.1"
    """address to listen at; others than this machine's own need --allow-host"""
    port: int = 0
    """port to listen at; 0 takes a free one"""
    allow_host: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """name under which other machines may reach the page; may be given several times"""
    name: str = "rater"
    """name on the ratings of whoever opens the link"""
    raters: Path | None = None
    """file with one rater's name a line; each gets a token and a link"""
    token_file: Path | None = None
    """file that keeps the token; beside the database by default, PostgreSQL: none"""
    run_id: str | None = None
    """only clips of this run; of all by default"""
    min_view_s: float = 0.5
    """seconds that a clip must have been visible before an answer counts"""
    key_base: int = 1
    """key of class 0: 1, or 0 so that keys are the numbers of the classes"""
    exit_with_stdin: bool = False
    """end when standard input is closed, as it is when the process that started this one ends"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; returns the exit code."""
    args = tyro.cli(ServeArgs, args=argv, prog="python -m gym_rated.human.app")
    try:
        run(args)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        print(f"gym_rated.human.app: {error}", file=sys.stderr)
        return 2
    return 0


def run(args: ServeArgs) -> None:
    """Open the database and the port, print the links, serve."""
    warning = check_host(args.host, args.allow_host)
    options = PageOptions(args.run_id, args.min_view_s, args.key_base)
    with Store(args.db) as store:
        raters = Raters(read_tokens(args, store), store.place.name)
        ending = Ending()
        app = create_app(store, raters, options, allowed_hosts=args.allow_host, ending=ending)
        with open_port(args.host, args.port) as sock:
            if warning:
                print(warning, file=sys.stderr)
            for name, token in raters.tokens.items():
                who = f" as {name}" if args.raters else ""
                reached_at = next(iter(args.allow_host), None)
                print(f"Rate clips{who} at {link(sock, token, reached_at)}", flush=True)
            serve(app, sock, ending=ending, exit_with_stdin=args.exit_with_stdin)


def read_tokens(args: ServeArgs, store: Store) -> dict[str, str]:
    """Return name -> token, of the file of raters or of the file beside the database."""
    if args.raters is not None:
        return read_raters(args.raters)
    path = args.token_file
    if path is None and store.place.file is not None:
        path = store.place.file.with_name(store.place.file.name + ".token")
    return {args.name: new_token() if path is None else keep_token(path)}


if __name__ == "__main__":
    sys.exit(main())
