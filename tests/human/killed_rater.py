"""A process that submits, renders and rates until it is killed, and says what was acknowledged.

Run as `python killed_rater.py DATABASE OUTBOX`. Like the page, it writes down what it is about to
send, and sends that again when it comes back.
"""

import json
import sys
import uuid
from pathlib import Path

from stores import RUN, deed, make_clip, make_job

from gym_rated.human.store import Event, Store


def main(url: str, outbox: Path) -> None:
    store = Store(url, reserve_bytes=0)
    store.open_run(RUN)
    if outbox.exists() and (text := outbox.read_text()).endswith("}"):
        send(store, Event(**json.loads(text)))
    number = len(list(store.blobs(RUN.id)))
    while True:
        store.add_jobs(RUN.id, [make_job(number)])
        say({"submitted": f"0-0-{number}"})
        number += 1
        while taken := store.take_job("worker", lease_s=0.05):
            query_id = store.finish_job(taken, make_clip(taken.id))
            say({"finished": query_id, "segment": taken.job.segment_id})
        query = store.next_query("ann", lease_s=0.05)
        if query is not None:
            event = deed(query, "ann", rating=number % 4, client_id=uuid.uuid4().hex)
            outbox.write_text(json.dumps(vars(event)))
            send(store, event)


def send(store: Store, event: Event) -> None:
    store.record(event)
    say({"saved": event.client_id, "query": event.query_id, "rating": event.rating})


def say(what: dict) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
