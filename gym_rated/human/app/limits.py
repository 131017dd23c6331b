"""What one connection, and all of them together, may take of the server: no more than a page needs.

Uvicorn limits none of this by itself: whoever opens connections and sends nothing, or a byte now
and then, would hold them for ever, until no page gets one. What is refused was not read, so nothing
is lost by it; a page sends its ratings again.
"""

import asyncio
import json
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEADER = 16_384  # bytes; a browser sends about 600
MAX_CONNECTIONS = 300  # a browser opens six at most; each takes one of 1024 descriptors
HEAD_S = 10.0
"""How long the head of a request may take to arrive, in seconds."""
ANSWER_S = 60.0
"""How long the rest may take: the body to arrive, the answer to be fetched."""
_SENTENCES = {
    400: "This is no HTTP request.",
    408: f"A request must arrive within {HEAD_S:.0f} s.",
    431: f"At most {MAX_HEADER} bytes of headers are read here.",
    503: f"More than {MAX_CONNECTIONS} connections are open; try again.",
}


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 with an end to all waiting, and with a reason where something is too much."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Refuse a connection too many; else wait for its first request, for some time."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503)
        else:
            self._wait(HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a connection that was refused are not read."""
        if self.transport.is_closing():
            return
        was_idle = self.conn.their_state is h11.IDLE
        super().data_received(data)
        is_idle = self.conn.their_state is h11.IDLE
        if is_idle and self._timer is None:
            self._wait(HEAD_S)
        elif was_idle and not is_idle:
            self._wait(ANSWER_S)

    def on_response_complete(self) -> None:
        """Wait for the next request, which uvicorn ends after the time for keeping alive."""
        self._stop_waiting()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is used no more."""
        super().timeout_keep_alive_handler()
        self._end_closing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or has too long a head; called where h11 raised."""
        hint = getattr(sys.exception(), "error_status_hint", 400)
        self._refuse(hint if hint in _SENTENCES else 400)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE:
            self._refuse(408)
        else:
            self.transport.abort()  # what is not fetched would be kept for ever

    def _refuse(self, status: int) -> None:
        """Say why in a few bytes, unless an answer has begun, and close."""
        self._stop_waiting()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(_answer(status))
        self.transport.close()
        self._end_closing()

    def _end_closing(self) -> None:
        """Close for good, for closing waits until all that was written is fetched."""
        self._stop_waiting()
        self._timer = self.loop.call_later(HEAD_S, self.transport.abort)


def _answer(status: int) -> bytes:
    body = json.dumps({"detail": _SENTENCES[status]}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
