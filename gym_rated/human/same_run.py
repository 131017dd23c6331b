"""Whether a database and a trainer speak of the same run: mixed, they teach what nobody said."""

from collections.abc import Set as AbstractSet
from typing import Any

from gym_rated.human.store import Store


def has_segments(store: Store, run_id: str) -> bool:
    """Return whether anybody was asked about anything in a run."""
    return next(store.blobs(run_id), None) is not None


def refuse_known_run(store: Store, run_id: str) -> None:
    """Refuse to mix a run that starts anew with one that the store has.

    Raises:
        ValueError: If it has segments.
    """
    if has_segments(store, run_id):
        raise ValueError(
            "`run_id` must be new where no checkpoint is loaded, got "
            f"{run_id!r}, of which {store.place.name} has segments; go on with that "
            "run by --resume FOLDER, or name another by --run-dir; `gym-rated export` keeps "
            "its ratings"
        )


def check_has_all(store: Store, run_id: str, sent: AbstractSet[str], cursor: Any) -> None:
    """Refuse a store that is older than a checkpoint: what is missing would never be answered.

    Args:
        store: The store.
        run_id: The run.
        sent: Ids of the segments that the checkpoint knows as sent.
        cursor: How far it has read the answers; see `Store.answers_since`.

    Raises:
        ValueError: If a segment or an answer is missing.
    """
    lost = sent - {name for name, _ in store.blobs(run_id)}
    num_lost = len(lost) and len(lost) - store.progress(run_id).jobs_dropped
    newest = max((row.seq for row in store.answers_since(run_id, None)[0]), default=0)
    num_read = 0 if cursor is None else cursor["seq"]
    if num_lost > 0 or num_read > newest:
        raise ValueError(
            f"`db` must hold all that run {run_id!r} asked and was answered, got "
            f"{store.place.name} without {max(num_lost, 0)} of {len(sent)} segments, and "
            f"with answers up to number {newest} where {num_read} were read; bring back the "
            "newest copy of the database with its -wal file, or begin a new run"
        )
