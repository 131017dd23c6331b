"""Who may ask what: checks that stand before every route, as plain ASGI, in a fixed order.

1. Host: one that this server was told it has, else 400. It comes before any authentication, since
   a page that rebinds its own name to 127.0.0.1 sends a cookie that we would accept.
2. Origin: whoever changes something must come from this page, else 403.
3. Token: the cookie that /login set, else 401. `/healthz` and `/login` need none.
4. Form: JSON only, else 415 (a form of another site cannot send it); 4 KB at most, else 413, and
   within ten seconds, else 408. Of what comes before the body `limits` sees that it ends.

Every answer, a refusal too, carries the headers that keep the page to itself.
"""

import asyncio
import html
import ipaddress
import json
from base64 import b64encode
from collections.abc import Collection
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gym_rated.human.app.limits import MAX_HEADER
from gym_rated.human.app.tokens import Raters

MAX_BODY = 4_096  # bytes; an event is about 150
BODY_S = 10.0
"""How long a body may take to arrive, in seconds."""
DRAINED = 2_000_000  # bytes read and thrown away, so that who sent too much gets to read why
PUBLIC = ("/healthz", "/login")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LOOPBACK = ("127.0.0.1", "localhost", "::1")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Let through to `app` only what this server's own page may ask, with the rater's name.

    Args:
        app: The routes; they find the name in `request.state.rater`.
        raters: Whose token is whose.
        allowed_hosts: Host names beside the loopback ones, without port.
    """

    def __init__(self, app: ASGIApp, raters: Raters, allowed_hosts: Collection[str] = ()):
        self._app = app
        self._raters = raters
        self._hosts = {*LOOPBACK, *(host.lower().strip("[]") for host in allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, then hand it on or refuse it."""
        if scope["type"] != "http":  # no websockets here, and nothing to do at start or stop
            return
        send = _with_headers(send)
        refusal = self._refusal(scope)
        body = b""
        if refusal is None and scope["method"] not in SAFE_METHODS:
            try:
                async with asyncio.timeout(BODY_S):
                    body, refusal = await _read_json_bytes(scope, receive)
            except TimeoutError:
                refusal = _refuse(408, f"A body must arrive within {BODY_S:.0f} s.")
            receive = _replay(body)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER:
            return _refuse(431, f"At most {MAX_HEADER} bytes of headers are read here.")
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name_of(hosts[0]) not in self._hosts:
            return _refuse(400, "This server does not answer to that host name.")
        if method not in SAFE_METHODS and not _is_from_here(headers, hosts[0]):
            return _refuse(403, "Only the page of this server may change something here.")
        if path in PUBLIC:
            return None
        rater = self._raters.who(read_cookie(headers, self._raters.cookie))
        if rater is None:
            return stranger(headers) if path == "/" else _refuse(401, "Sign in with the link.")
        named = headers.get("x-rater")
        if named is not None and unquote(named) != rater:
            return _refuse(403, "Another rater has signed in with this browser: reload the page.")
        scope.setdefault("state", {})["rater"] = rater
        return None


def read_cookie(headers: Headers, name: str) -> str:
    """Return the value of a cookie, empty where there is none."""
    jar: SimpleCookie = SimpleCookie()
    for line in headers.getlist("cookie"):
        try:
            jar.load(line)
        except CookieError:
            continue
    return jar[name].value if name in jar else ""


def log_in(request: Request, raters: Raters, token: str) -> Response:
    """Take a token out of the address into a cookie that no script and no other site can use."""
    if raters.who(token) is None:
        return stranger(request.headers)
    answer = Response(status_code=303, headers={"location": "/"})
    secure = request.url.scheme == "https"
    answer.set_cookie(
        raters.cookie, token, path="/", httponly=True, samesite="strict", secure=secure
    )
    return answer


_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:32rem;margin:18vh auto;padding:0 1.5rem;"
    "color:#23262b;background:#faf9f6}a{color:#0b62a8}h1{font-size:1.25rem}"
    "@media(prefers-color-scheme:dark){body{color:#e8e6e2;background:#141518}a{color:#7fb8ec}}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()


def stranger(headers: Headers) -> Response:
    """Return the page for who has no token (any more).

    A browser that follows a link from another site, an e-mail say, withholds a SameSite=Strict
    cookie for that one visit, also after the redirect from /login. A reload that starts here is
    our own, so the page does one; it can't go round, for the reload is not cross-site.
    """
    again = headers.get("sec-fetch-site") == "cross-site"
    reload = '<meta http-equiv="refresh" content="0; url=/">' if again else ""
    text = (
        "This page opens with the link that the server printed when it started, "
        "which carries a token. If the server was started anew, it may have printed a new one."
    )
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{reload}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Rate clips: sign in</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>Please use your link</h1><p>{html.escape(text)}</p>"
        '<p><a href="/">Try again</a></p></main></body></html>'
    )
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(page, 401, headers={"content-security-policy": policy})


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """Return the name in a Host header without its port: "[::1]:80" -> "::1"."""
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        return name.lower() if bracket and (rest == "" or _is_port(rest)) else ""
    name, colon, port = host.partition(":")
    return name.lower() if not colon or _is_port(colon + port) else ""


def _is_port(text: str) -> bool:
    return text[0] == ":" and text[1:].isascii() and text[1:].isdigit()


def _is_from_here(headers: Headers, host: str) -> bool:
    site = headers.get("sec-fetch-site", "same-origin")
    origins = headers.getlist("origin")
    ours = [f"{scheme}://{host}".lower() for scheme in ("http", "https")]
    return site in ("same-origin", "none") and len(origins) == 1 and origins[0].lower() in ours


async def _read_json_bytes(scope: Scope, receive: Receive) -> tuple[bytes, Response | None]:
    """Read a body of at most MAX_BODY bytes, whatever its header claims."""
    headers = Headers(scope=scope)
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= DRAINED:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunk = message.get("body", b"")
        size, more = size + len(chunk), message.get("more_body", False)
        if size <= MAX_BODY:
            chunks.append(chunk)
    if size > MAX_BODY:
        return b"", _refuse(413, f"At most {MAX_BODY} bytes are read here.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return b"", _refuse(415, "Only application/json is read here.")
    return b"".join(chunks), None


def _replay(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = ((name.encode(), value.encode()) for name, value in HEADERS.items())
            message["headers"] = [
                *message["headers"],
                *((name, value) for name, value in added if name not in present),
            ]
        await send(message)

    return sending


def _refuse(status: int, sentence: str) -> Response:
    return Response(json.dumps({"detail": sentence}), status, media_type="application/json")
