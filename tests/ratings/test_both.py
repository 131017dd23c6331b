"""A rating and a score of one rater about one segment: nothing loses either on its way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answer_tables import FORMATS, write_table

from gym_rated import (
    SKIPPED,
    Rating,
    RatingDataset,
    ReplayRater,
    Score,
    ShuffledRater,
    SyntheticRater,
)
from gym_rated.checkpoint import load_state, save_state
from gym_rated.ratings.rows import answers_of, read_answers
from gym_rated.segments import Origin, Segment

STEP = np.zeros((1, 1), np.float32)


def segments(num: int, first: int = 0) -> list[Segment]:
    return [
        Segment(f"s{i}", STEP, STEP, np.array([i % 7.0]), 0, Origin(0, 0, 0, 0))
        for i in range(first, first + num)
    ]


def rated(regrade: bool = True) -> RatingDataset:
    """Twenty segments with both answers, in two rounds; some are undecided, some skipped."""
    rater = SyntheticRater(
        5, answers="both", regrade=regrade, undecided=0.15, skip_rate=0.1, score_noise=0.1, seed=1
    )
    data = RatingDataset(1, 1, 5)
    for k in range(2):
        asked = segments(10, 10 * k)
        rater.submit(asked)
        data.add(asked)
        data.update(rater.collect())
    return data


def through_npz(data: RatingDataset, folder: Path) -> RatingDataset:
    data.save(folder / "r.npz")
    return RatingDataset.load(folder / "r.npz")


def through_checkpoint(data: RatingDataset, folder: Path) -> RatingDataset:
    save_state(folder / "c", data.state_dict())
    again = RatingDataset(1, 1, 5)
    again.load_state_dict(load_state(folder / "c"))
    return again


def through_replay(data: RatingDataset, folder: Path) -> RatingDataset:
    data.save(folder / "r.npz")
    again, rater = RatingDataset(1, 1, 5), ReplayRater.from_file(folder / "r.npz")
    again.add(data.segments())
    rater.submit(list(data.segments()))
    again.update(rater.collect())
    return again


def through_table(name: str) -> Callable[[RatingDataset, Path], RatingDataset]:
    def through(data: RatingDataset, folder: Path) -> RatingDataset:
        rows = [
            {"rating": None, "score": None} | dict(vars(answer))
            for answer in (*data.ratings, *data.scores)
        ]
        found = read_answers(write_table(folder, name, rows), 5)
        found.check("path")
        again = RatingDataset(1, 1, 5)
        again.add(data.segments())
        again.update(row.answer for row in found.rows)
        return again

    return through


WAYS: dict[str, Callable[[RatingDataset, Path], RatingDataset]] = {
    "npz": through_npz,
    "checkpoint": through_checkpoint,
    "replay": through_replay,
    **{name: through_table(name) for name in FORMATS},
}


@pytest.mark.parametrize("regrade", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_both_answers_survive(way: str, regrade: bool, tmp_path: Path) -> None:
    data = rated(regrade)
    # a skip leaves neither, the undecided leave a score alone
    both = {a.segment_id for a in data.ratings} & {a.segment_id for a in data.scores}
    assert 0 < len(both) == len(data.ratings) < len(data.scores) == len(data) < 20
    again = WAYS[way](data, tmp_path)
    assert set(again.ratings) == set(data.ratings)
    assert set(again.scores) == set(data.scores)
    rows: list[dict[str, tuple[Any, ...]]] = []
    for table in (data.table(), again.table()):
        columns = table.ratings.tolist(), table.scores.tolist(), table.groups.tolist()
        rows.append({i: tuple(np.nan_to_num(c, nan=-9)) for i, *c in zip(table.ids, *columns)})  # noqa: B905
    assert rows[0] == rows[1]


def test_both_answers_are_one_row_of_the_batch() -> None:
    data = RatingDataset(1, 1, 5)
    data.add(segments(1))
    assert data.update([Rating("s0", 3, "ann"), Score("s0", 0.25, "ann")]) == 2
    batch = data.batch()
    assert (len(data), len(batch.ids)) == (1, 1)
    assert (batch.ratings.tolist(), batch.scores.tolist()) == ([3], [0.25])
    # each has its own revisions, and a skip takes both back
    assert data.update([Score("s0", 0.5, "ann", 2), Rating("s0", 1, "ann", 1)]) == 2
    assert data.batch().scores.tolist() == [0.5]
    assert data.update([Rating("s0", SKIPPED, "ann", 1)]) == 0  # overtaken by the score
    assert data.update([Rating("s0", SKIPPED, "ann", 2)]) == 1
    assert len(data) == 0


def test_a_table_of_a_dataset_holds_both() -> None:
    data = rated()
    found = answers_of(data, "here")
    assert not found.refused
    assert len(found.rows) == len(data.ratings) + len(data.scores)


def test_shuffled_answers_keep_their_kinds() -> None:
    rater = ShuffledRater(SyntheticRater(5, answers="both", seed=1), seed=2)
    rater.submit(segments(30))
    given = rater.collect()
    data = RatingDataset(1, 1, 5)
    data.add(segments(30))
    data.update(given)
    assert len(data.ratings) == len(data.scores) == len(data) == 30
    true = SyntheticRater(5, answers="both", seed=1)
    true.submit(segments(30))
    expected = sorted(a.score for a in true.collect() if isinstance(a, Score))
    assert sorted(a.score for a in data.scores) == expected
