"""What every database can keep: checks of texts and numbers."""

from typing import Any

from gym_rated import checks
from gym_rated.checks import whole_number


def check_name(name: str, value: Any) -> str:
    """Return `value` if it is a short printable text, else raise."""
    check_text(name, value)
    if not 0 < len(value) <= 100 or not value.isprintable():
        raise ValueError(f"`{name}` must be 1 to 100 printable characters, got {value[:120]!r}")
    return str(value)


def check_text(name: str, value: Any) -> str:
    """Return `value` if it is text that every database can keep, else raise."""
    if "\0" in checks.check_text(name, value):
        raise ValueError(f"`{name}` must be text without NUL, got {value[:120]!r}")
    return str(value)


def check_bytes(name: str, value: Any) -> bytes:
    """Return `value` as bytes if it is a blob; `bytes` alone would make so many of a number."""
    if not isinstance(value, bytes | memoryview):
        raise TypeError(f"`{name}` must be bytes, got {type(value).__name__}")
    return bytes(value)


def is_digest(value: str) -> bool:
    """Say whether a text is a SHA-256 in hexadecimal."""
    return len(value) == 64 and set(value) <= set("0123456789abcdef")


def check_digest(name: str, value: Any) -> str:
    """Return `value` if it is a SHA-256 in hexadecimal, else raise."""
    if not is_digest(check_text(name, value)):
        raise ValueError(
            f"`{name}` must be a SHA-256, 64 digits of 0-9 and a-f, got {value[:80]!r}"
        )
    return str(value)


def check_stored(name: str, value: Any) -> int:
    """Return `value` if it is a whole number from 0 to 2**63 - 1, else raise."""
    return whole_number(name, value, minimum=0)
