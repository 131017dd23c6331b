"""JSON from a file, read strictly: what it says is what was written, or it is refused."""

import json
from math import isfinite
from typing import Any


def parse_json(data: bytes | str) -> Any:
    """Return what a JSON document says.

    Python's own reader takes more than JSON: NaN, numbers that overflow to infinity, and the last
    of two values for one key. Here they are errors.

    Args:
        data: The document; bytes are UTF-8.

    Raises:
        ValueError: If it is no JSON, is nested too deeply, or says something twice; with what and
            where.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        return json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has the key {repeated!r} twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"it has {name}, which JSON has not")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"it has the number {text}, which is too large")
    return number
