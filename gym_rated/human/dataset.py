"""A dataset of ratings from a store: with a person the database is the truth."""

import os

from gym_rated.checkpoint.restoring import restoring
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import Store
from gym_rated.raters import Rating
from gym_rated.ratings import RatingDataset


def dataset_from_store(url: str | os.PathLike[str], run_id: str | None = None) -> RatingDataset:
    """Rebuild the rated segments of a run from nothing but its database.

    Args:
        url: The database, as `gym_rated.human.Store` takes it.
        run_id: Which run; not needed where the database holds one.

    Returns:
        All segments that raters were asked about, with the answers that stand now. Each segment
        has the id that it has in the store.

    Raises:
        StoreError: If the database cannot be read, or holds what no store wrote.
        ValueError: If the database holds no such run, or several and none was named, or no segment
            of it; or if segments or answers are no such thing.
    """
    with Store(url) as store:
        known = [run.id for run in store.runs()]
        if run_id is None and len(known) != 1:
            raise ValueError(f"`run_id` must name one of the runs {known} in {store.place.name}")
        run = store.run(known[0] if run_id is None else run_id)
        segments = [unpack_segment(blob, name) for name, blob in store.blobs(run.id)]
        answers, _ = store.answers_since(run.id, None)
        place = store.place.name
    if not segments:
        raise ValueError(f"`run_id` must be a run with segments, got {run.id!r} in {place}")
    with restoring("url", place):
        ratings = RatingDataset(
            segments[0].obs.shape[1],
            segments[0].actions.shape[1],
            run.num_classes,
            env_id=run.env_id or None,
            criterion=run.instructions or None,
        )
        ratings.add(segments)
        ratings.update(Rating(a.segment_id, a.rating, a.rater, a.revision) for a in answers)
    return ratings
