"""Bringing in what was rated elsewhere: all of it or nothing, on both databases."""

from dataclasses import replace

import numpy as np
import pytest
from stores import RUN

from gym_rated.human.segment_blob import pack_segment
from gym_rated.human.store import ImportedRating, Job, Run
from gym_rated.segments import Origin, Segment

NEW = Run("new", 2, ("falls", "stands"), "Does it stand?")


def job(name: str, obs: float = 0.5) -> Job:
    steps = np.full((3, 2), obs, np.float32), np.zeros((3, 1), np.float32), np.zeros(3)
    return Job(name, pack_segment(Segment(name, *steps, 0, Origin(0, 0, 0, 0))), {"length": 3})


@pytest.mark.parametrize(
    "wrong", [ImportedRating("nowhere", "ann", 1), ImportedRating("a", "ann", 2)]
)
def test_an_import_that_fails_leaves_neither_run_nor_segment(store, wrong):
    with pytest.raises(ValueError, match=r"`segment_id` must be a segment|`rating` must lie in"):
        store.import_ratings("new", [job("a")], [ImportedRating("a", "bob", 1), wrong], new_run=NEW)
    assert store.runs() == []
    assert store.segment_ids("new") == set()


def test_a_new_run_comes_together_with_its_ratings(store):
    given = [ImportedRating("a", "ann", 1), ImportedRating("b", "ann", -1)]
    segments = [job("a"), job("b"), job("c")]
    assert store.import_ratings("new", segments, given, new_run=NEW) == 2
    assert store.import_ratings("new", segments, given) == 0
    assert store.runs() == [NEW]
    assert store.segment_ids("new") == {"a", "b", "c"}
    assert [(r.segment_id, r.rating) for r in store.agreement_rows("new")] == [("a", 1), ("b", -1)]


def test_another_segment_under_a_known_id_is_refused(store):
    store.import_ratings("new", [job("a")], [], new_run=NEW)
    message = "`segments` must be those of run 'new', got 'a' with other steps than it has there"
    with pytest.raises(ValueError, match=message):
        store.import_ratings("new", [job("b"), job("a", 0.6)], [ImportedRating("a", "ann", 1)])
    assert store.segment_ids("new") == {"a"}
    assert store.agreement_rows("new") == []


def test_a_run_is_not_made_anew_under_another_criterion(store):
    store.open_run(RUN)
    other = replace(RUN, instructions="How fast?")
    with pytest.raises(ValueError, match="`instructions` of run 'r1' must stay"):
        store.import_ratings("r1", [job("a")], [], new_run=other)
    assert store.segment_ids("r1") == set()
