"""Say in our own words that a state does not fit what it is loaded into."""

from collections.abc import Iterator
from contextlib import contextmanager

_FOREIGN = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError)


@contextmanager
def restoring(name: str, source: object) -> Iterator[None]:
    """Turn what goes wrong while a state is taken apart into one error that says where it is from.

    Args:
        name: The argument that named the source.
        source: The file or folder that the state was read from.

    Raises:
        ValueError: In the place of errors that are not in our own words, with the argument in
            backticks.
    """
    try:
        yield
    except (*_FOREIGN, ValueError) as error:
        is_own = "`" in str(error)
        if is_own and (isinstance(error, RuntimeError) or str(source) in str(error)):
            raise  # it says what is wrong, where, and what to do
        reason = str(error) if is_own else f"{type(error).__name__}: {str(error).strip()[:300]}"
        raise ValueError(
            f"`{name}` must hold what was saved there, got {source}, which does not fit: {reason}; "
            "restore it from a copy"
        ) from error
