"""Run a command that ends when the process that started it ends, however that was.

    python leash.py PARENT_PID WORDS...

A driver that is killed cannot stop what it started; Linux can (prctl, PR_SET_PDEATHSIG), and sends
SIGINT, at which a script lets go of its folder. It holds for the program that takes the place of
this one. Elsewhere the program goes on to its end.

It stands alone: importing nothing of the package, it costs a few milliseconds.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, words: list[str]) -> None:
    """Become Python with `words`, unless the parent is gone already."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # and others, as those of Ray, hold it back
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            sys.exit(130)
    os.execv(sys.executable, [sys.executable, *words])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
