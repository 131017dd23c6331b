"""The scale of a round: what a rater called each class in it."""

import dataclasses

from pages import open_page
from stores import RUN, deed, make_clip

from gym_rated.human.app.examples import examples
from gym_rated.human.store import AgreementRow, Job, Store


def row(k, round, rating, **more):
    given = {"rater": "ann", "repeat": False, "shown_ms": 1, "at": k, "clip_sha256": f"c{k}"}
    return AgreementRow(segment_id=f"s{k}", rating=rating, round=round, **given | more)


def test_examples_are_the_newest_of_each_class_in_the_newest_rounds():
    mine = [row(0, 0, 1), row(1, 1, 0), row(2, 2, 2), row(3, 3, 0), row(4, 3, 2), row(5, 3, 0)]
    assert examples(mine, 3) == [
        {"round": 3, "clips": ["c5", None, "c4"]},
        {"round": 2, "clips": [None, None, "c2"]},
        {"round": 1, "clips": ["c1", None, None]},
    ]


def test_no_example_is_a_second_showing_or_cannot_be_shown_or_is_of_no_known_round():
    repeat = row(1, 0, 0, repeat=True)
    assert examples([repeat, row(2, 0, -1), row(3, None, 0)], 2) == []
    assert examples([row(4, 0, 1, clip_sha256=None)], 2) == [{"round": 0, "clips": [None, None]}]


def test_a_second_showing_has_the_round_of_the_clips_beside_it(sqlite_url):
    run = dataclasses.replace(RUN, duplicate_rate=0.99)
    with Store(sqlite_url) as store:
        store.open_run(run)
        jobs = [Job(f"0-0-{k}", b"x", {"round": k // 12}) for k in range(14)]
        store.add_jobs(run.id, jobs)
        for k in range(14):
            store.finish_job(store.take_job("worker"), make_clip(k))
        client, seen = open_page(store), []
        for _ in range(14):
            asked = client.get("/api/next").json()
            row = store.next_query("ann")
            seen.append((row.segment_id, asked["round"]))
            store.record(deed(row, "ann", "rate", 1))
        first = [name for name, _ in seen]
        repeats = [k for k, name in enumerate(first) if name in first[:k]]
        assert repeats  # of round 0 by their segment
        assert all(seen[k][1] == seen[k - 1][1] for k in repeats)
        assert {asked for _, asked in seen} <= {0, 1}
