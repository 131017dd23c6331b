"""What the commands about a database of ratings share: opening one that exists, finding the run."""

from typing import TYPE_CHECKING

from gym_rated.imports import named_extras

if TYPE_CHECKING:
    from gym_rated.human.store import Run, Store


def open_existing(db: str) -> "Store":
    """Open a database of ratings, and make none where there is none.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty.
        ImportError: If the extra `human` is not installed.
    """
    with named_extras():
        from gym_rated.human.store import Store
        from gym_rated.human.store.places import place_of
    file = place_of(db).file
    if file is not None and not file.exists():
        raise FileNotFoundError(
            f"`db` must be a database of ratings, got {file}, which is not there"
        )
    if file is not None and file.is_file() and not file.stat().st_size:
        raise ValueError(f"`db` must be a database of ratings, got {file}, which is empty")
    return Store(db)


def run_of(store: "Store", run_id: str | None) -> "Run":
    """Return a run by its name, or the only one.

    Raises:
        ValueError: If there is no such run, or the name is needed.
    """
    known = [run.id for run in store.runs()]
    if run_id is None and len(known) != 1:
        raise ValueError(f"`run_id` must name one of the runs {known} in {store.place.name}")
    return store.run(known[0] if run_id is None else run_id)
