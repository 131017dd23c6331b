"""A worker's hold on the job it works on.

The lease of a job is short, so that one whose worker was killed is soon free again, and it is
renewed for as long as the worker lives, so that one that takes long stays with its worker. Who was
too slow all the same is told from the one who has the job now by the number of the attempt: a
segment never gets a second query.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gym_rated.human.store import PASSING, Store, TakenJob


@contextmanager
def held(store: Store, taken: TakenJob, lease_s: float) -> Iterator[None]:
    """Renew the lease of a job, four times in its length, until the block is left."""
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(lease_s / 4):
            with suppress(*PASSING):
                if not store.renew_job(taken, lease_s):
                    return  # another worker has it, or it is done

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
