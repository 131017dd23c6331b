import numpy as np
import pytest
from envs import make_segment

from gym_rated import SKIPPED, Rating, RatingDataset
from gym_rated.checkpoint import archive
from gym_rated.ratings import Comparison, Score


def random_answer(rng, num_segments):
    first, second = (f"s{i}" for i in rng.choice(num_segments, 2, replace=False))
    rater, revision = rng.choice(["anna", "ben"]), int(rng.integers(4))
    kind = rng.integers(4)
    if kind == 0:
        return Comparison(first, second, str(rater))
    if kind == 1:
        return Score(first, round(float(rng.random()), 2), str(rater), revision)
    rating = SKIPPED if kind == 2 else int(rng.integers(3))
    return Rating(first, rating, str(rater), revision)


@pytest.mark.parametrize("seed", range(8))
def test_the_table_is_what_the_answers_say_after_any_of_them(seed) -> None:
    """Rows by hand: judged ones as first judged, then those only compared as first compared."""
    rng = np.random.default_rng(seed)
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}", length=1 + i % 4, round=i // 5) for i in range(20))
    since: dict[tuple[str, str], None] = {}
    for _ in range(60):
        data.update([random_answer(rng, 20) for _ in range(rng.integers(1, 4))])
        given = {(a.segment_id, a.rater): None for a in (*data.ratings, *data.scores)}
        since = {row: None for row in (*(r for r in since if r in given), *given)}
        compared = [(i, c.rater) for c in data.comparisons for i in (c.better_id, c.worse_id)]
        rows = [*since, *(row for row in dict.fromkeys(compared) if row not in since)]
        ratings = {(r.segment_id, r.rater): r.rating for r in data.ratings}
        scores = {(s.segment_id, s.rater): s.score for s in data.scores}
        table = data.table()
        assert sorted(table.ids) == sorted(id for id, _ in rows)
        assert set(table.ids[: len(since)]) == {id for id, _ in since}
        found = dict(zip(rows, range(len(rows)), strict=True))
        assert len(data) == len(since)
        assert sorted(table.ratings.tolist()) == sorted(ratings.get(r, -1) for r in found)
        assert np.nansum(table.scores) == pytest.approx(sum(scores.values()), abs=1e-4)
        pairs = [(table.ids[a], table.ids[b]) for a, b in table.comparisons]
        assert pairs == [(c.better_id, c.worse_id) for c in data.comparisons]
        assert table.lengths.tolist() == [1 + int(id[1:]) % 4 for id in table.ids]
        assert [data.class_counts()[c] for c in range(3)] == [
            sum(r == c for r in ratings.values()) for c in range(3)
        ]
        again = RatingDataset(3, 2, 3)
        again.load_state_dict(data.state_dict())
        for one, other in zip(vars(table).values(), vars(again.table()).values(), strict=True):
            assert np.array_equal(one, other, equal_nan=one is table.scores)


def test_steps_come_in_the_order_asked_for() -> None:
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}", length=i + 1, obs=float(i)) for i in range(4))
    obs, actions = data.steps([2, 0, 2])
    assert obs[:, 0].tolist() == [2, 2, 2, 0, 2, 2, 2]
    assert (actions.shape, actions.dtype) == ((7, 2), np.float32)
    assert data.lengths(np.array([3, 1])).tolist() == [4, 2]


def test_an_answer_costs_the_same_however_many_there_were() -> None:
    """Each entry is looked up once: reading the columns again asks for no segment."""
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}") for i in range(50))
    data.update([Rating(f"s{i}", 0, "anna") for i in range(49)])
    data.table()
    asked = []
    number = data._segments.number
    data._segments.number = lambda id: asked.append(id) or number(id)
    data.update([Rating("s49", 1, "anna"), Rating("s0", 2, "anna", revision=1)])
    table = data.table()
    assert asked == ["s49"]
    assert (table.ratings[0], table.ratings[-1]) == (2, 1)


def test_many_floats_are_stored_and_all_else_is_compressed() -> None:
    many = {"obs": np.zeros(2**18 + 1, np.float32)}
    assert len(archive.pack_arrays(many)) > 2**20
    assert len(archive.pack_arrays({"obs": many["obs"][:-1]})) < 2**13
    assert len(archive.pack_arrays({"obs": np.zeros(2**21, np.uint8)})) < 2**15
