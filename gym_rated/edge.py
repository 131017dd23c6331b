"""Where a command line ends: what was refused becomes a sentence, a bug keeps its traceback."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gymnasium.error import Error

_OURS = Path(__file__).parent


def run_command(name: str, command: Callable[[], object]) -> int:
    """Run a command; where it refuses what it was given, say so in a sentence on standard error.

    Args:
        name: Name of the command, which the sentence begins with.
        command: What to run.

    Returns:
        The exit code: what the command returns, 0 for None; 2 where it refused; 130 where it was
        interrupted.
    """
    try:
        code = command()
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if not is_for_the_user(error):
            raise
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0


def is_for_the_user(error: Exception) -> bool:
    """Return whether an error says what to do differently, rather than what broke.

    Our own errors name the argument in backticks, or the package. Others are bugs, which need their
    traceback: of this package, of those below, or of an environment.
    """
    if isinstance(error, OSError | ImportError | Error):
        return True
    in_own_words = "`" in str(error) or "gym_rated" in str(error)
    is_our_kind = type(error).__module__.startswith("gym_rated.")
    return in_own_words and (is_our_kind or _is_raised_here(error.__traceback__))


def _is_raised_here(traceback: TracebackType | None) -> bool:
    """Return whether the innermost call is of this package, or of a script."""
    if traceback is None:
        return True
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    file = Path(traceback.tb_frame.f_code.co_filename)
    script = getattr(sys.modules["__main__"], "__file__", None)
    return file.is_relative_to(_OURS) or (script is not None and file == Path(script))
