"""Errors in the words of the command line: what they are about is named as it is typed.

Inside, an error names an argument (`segment_length`). Where a flag is handed on under another name,
`named_as` gives it back its own; a program's `main` prints it as `--segment-length`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def named_as(**names: str) -> Iterator[None]:
    """Name arguments in errors as the flags that they come from.

    Args:
        names: Name of the argument -> name of the flag's field, such as `until="query_until"`.

    Raises:
        ValueError: In the place of one that names such an argument; likewise other exceptions of
            one text, each of its own type.
    """
    try:
        yield
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        said = renamed(str(error), names)
        if said == str(error):
            raise
        raise _again(error, said) from error


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a text with every name in backticks that is in `names` replaced."""
    return re.sub(r"`([A-Za-z]\w*)`", lambda m: f"`{names.get(m[1], m[1])}`", text)


def as_flags(text: str, fields: Iterable[str]) -> str:
    """Return a text that names flags as they are typed.

    Args:
        text: What names fields in backticks.
        fields: The fields of the arguments that are flags.
    """
    return renamed(text, {name: flag(name) for name in fields})


def flag(name: str) -> str:
    """Return a field as it is typed: `segment_length` is --segment-length."""
    return f"--{name.replace('_', '-')}"


def _again(error: Exception, text: str) -> Exception:
    """Return an error of the same kind with another text."""
    try:
        again = type(error)(text)
    except TypeError:  # a kind that is made in another way
        return error
    if isinstance(error, OSError) and isinstance(again, OSError):
        again.errno = error.errno
    return again
