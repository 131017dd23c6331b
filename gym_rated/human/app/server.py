"""Opening a port, and serving on it until told to stop."""

import ipaddress
import socket
import sys
import threading
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from gym_rated.human.app.ending import Ending
from gym_rated.human.app.limits import MAX_HEADER, LimitedProtocol
from gym_rated.human.app.security import is_loopback


def open_port(host: str, port: int) -> socket.socket:
    """Listen at an address; port 0 takes a free one.

    Raises:
        OSError: If the address is taken, or not one of this machine.
        ValueError: If `port` is none.
    """
    if not 0 <= port <= 65_535:
        raise ValueError(f"`port` must lie in [0, 65535], got {port}")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise OSError(f"`host` {host} is no address of this machine ({error.strerror})") from error
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait
    try:
        sock.bind(address)
        sock.listen(256)
    except OSError as error:
        sock.close()
        raise OSError(
            f"`port` {port} of {host} cannot be opened ({error.strerror}); another server may "
            "have it: end that one, name another port, or take --port 0 for a free one"
        ) from error
    return sock


def link(sock: socket.socket, token: str, name: str | None = None) -> str:
    """Return the address that signs a rater in."""
    host, port = sock.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = name or socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/login?token={quote(token)}"


def check_host(host: str, allowed: tuple[str, ...]) -> str:
    """Return a warning where others can reach the page; empty where they can't.

    Raises:
        ValueError: If the page is to be open to others, and no name for it is allowed.
    """
    if is_loopback(host):
        return ""
    if not allowed:
        raise ValueError(
            f"`host` {host} lets other machines in: name the host they will type with "
            "--allow-host NAME, or keep 127.0.0.1 and let them come through "
            "`ssh -L 8000:127.0.0.1:PORT THIS-MACHINE`"
        )
    return (
        "warning: other machines can reach this page, and plain HTTP can be read on the way, "
        "tokens too; `ssh -L 8000:127.0.0.1:PORT THIS-MACHINE` to a server on 127.0.0.1 is safe"
    )


class PageServer(uvicorn.Server):
    """A server that tells the pages that are open when it ends."""

    def __init__(self, config: uvicorn.Config, ending: Ending) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is asked, this question among it, and end."""
        self._ending.announce()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp,
    sock: socket.socket,
    *,
    ending: Ending | None = None,
    exit_with_stdin: bool = False,
) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        app: Who answers.
        sock: The open port.
        ending: Told when it ends.
        exit_with_stdin: Whether to end, too, when standard input is closed, as it is when the
            process at its other end is gone.
    """
    server = PageServer(make_config(app), ending or Ending())

    def watch() -> None:
        while sys.stdin.buffer.read(4_096):
            pass
        server.should_exit = True

    if exit_with_stdin:
        threading.Thread(target=watch, daemon=True).start()
    server.run(sockets=[sock])


def make_config(app: ASGIApp) -> uvicorn.Config:
    """Return how we run uvicorn: no proxy is believed, no token logged, no version told."""
    return uvicorn.Config(
        app,
        http=LimitedProtocol,
        h11_max_incomplete_event_size=MAX_HEADER,
        access_log=False,
        log_level="error",
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
