"""Tokens: what makes a browser a rater.

A server for one rater keeps its token in a file beside the database, readable by its owner only,
so a restarted server still knows the page that is open. A file of raters gives each one a token:
names are then identities; otherwise a name is only a label on the ratings.
"""

import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from gym_rated.checkpoint.kinds import what_is_at

TOKEN = re.compile(r"[A-Za-z0-9_-]{22,128}")
MAX_NAME = 80


class Raters:
    """Who owns which token.

    Args:
        tokens: Name of each rater -> token.
        place: What this server serves, such as its database: browsers send cookies to all ports
            of a machine, so two servers must not share a name for theirs.
    """

    def __init__(self, tokens: Mapping[str, str], place: str = ""):
        for name, token in tokens.items():
            check_name(name)
            if not TOKEN.fullmatch(token):
                raise ValueError(
                    f"`token` of rater {name!r} must have 22 to 128 letters, digits, - or _, "
                    f"got {len(token)} characters; leave it away to have one made"
                )
        if not tokens:
            raise ValueError("`tokens` must name at least one rater, got none")
        if len(set(tokens.values())) < len(tokens):
            raise ValueError("`tokens` must differ from each other, got one for two raters")
        self.tokens = dict(tokens)
        self.cookie = f"gym_rated_{sha256(place.encode()).hexdigest()[:12]}"

    def who(self, token: str) -> str | None:
        """Return whose token this is; takes as long for a wrong one as for a right one."""
        given = sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for name, own in self.tokens.items():
            if hmac.compare_digest(sha256(own.encode()).digest(), given):
                found = name
        return found


def check_name(name: str) -> None:
    """Refuse a name that no line, table or header can show.

    Raises:
        ValueError: If it is empty, too long, or has a character that is not printable.
    """
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise ValueError(
            f"`name` of a rater must have 1 to {MAX_NAME} printable characters, got {name!r}"
        )


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def keep_token(path: Path) -> str:
    """Return the token in a file; makes both where there is none (mode 0600)."""
    for _ in range(2):
        try:
            token = path.read_text().strip()
        except FileNotFoundError:
            token = ""
        if TOKEN.fullmatch(token):
            path.chmod(0o600)  # it may have come from a copy with another mode
            return token
        _write_private(path, new_token() + "\n")
    return path.read_text().strip()


def read_raters(path: Path) -> dict[str, str]:
    """Read a file of raters, one `name` or `name: token` a line; missing tokens are added to it.

    Lines that are empty or begin with # say nothing.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a name is there twice, or none is.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"`raters` must be a file with one name a line, got {path}, {what_is_at(path)}"
        )
    try:
        lines, tokens, changed = path.read_text(encoding="utf-8").splitlines(), {}, False
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`raters` must be a file with one name a line in UTF-8, got {path}, {what_is_at(path)}"
        ) from error
    for k, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, token = (part.strip() for part in line.partition(":"))
        if name in tokens:
            raise ValueError(f"`raters` must name each rater once, got {name!r} twice in {path}")
        if not token:
            token, changed = new_token(), True
            lines[k] = f"{name}: {token}"
        tokens[name] = token
    if not tokens:
        raise ValueError(f"`raters` must be a file with one name a line, got none in {path}")
    if changed:
        _write_private(path, "\n".join(lines) + "\n")
    return tokens


def _write_private(path: Path, text: str) -> None:
    """Replace a file whole, readable by its owner only from its first moment on."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
