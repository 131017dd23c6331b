"""What every test of damaged files does with one."""

import resource
import warnings

import pytest

OWN = (ValueError, TypeError, FileNotFoundError, RuntimeError)


@pytest.fixture
def attempt(tally):
    """Load one damaged file, judge what comes of it, and record it."""
    before = tally.lost

    def load(kind, load, check, hint=""):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check(load())
        except OWN as error:
            own = "`" in str(error)
            tally.record(kind, "refused" if own else "lost", f"{hint} {error!r}"[:300])
        except Exception as error:
            tally.record(kind, "lost", f"{hint} {type(error).__name__}: {error}"[:300])
        else:
            tally.record(kind, "kept")

    yield load
    assert tally.lost == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 * 2**20  # KiB: no bomb went off
