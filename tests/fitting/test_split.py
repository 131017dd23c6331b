import itertools
import zlib

import numpy as np

from gym_rated.fitting.split import FitSplit
from gym_rated.ratings import RatedBatch


def batch(num_rows, comparisons=(), num_judged=None):
    num_judged = num_rows if num_judged is None else num_judged
    return RatedBatch(
        ids=tuple(f"s{i}" for i in range(num_rows)),
        obs=np.zeros((num_rows, 1, 1), np.float32),
        actions=np.zeros((num_rows, 1, 1), np.float32),
        mask=np.ones((num_rows, 1), np.bool_),
        ratings=np.where(np.arange(num_rows) < num_judged, 1, -1),
        groups=np.zeros(num_rows, np.int64),
        scores=np.full(num_rows, np.nan, np.float32),
        comparisons=np.array(comparisons, np.int64).reshape(-1, 2),
    )


def test_a_comparison_is_held_out_with_either_of_its_segments() -> None:
    held = [i for i in range(60) if zlib.crc32(f"s{i}".encode()) % 10 == 0]
    free = [i for i in range(60) if i not in held]
    pairs = [(free[0], free[1]), (held[0], free[0]), (free[2], held[1]), (held[0], held[1])]
    split = FitSplit.of(batch(60, pairs))
    assert split.train.tolist() == free
    assert split.held_out.tolist() == held
    assert split.train_pairs.tolist() == [list(pairs[0])]
    assert split.held_out_pairs.tolist() == [list(pair) for pair in pairs[1:]]


def test_rows_that_were_only_compared_are_no_ratings() -> None:
    split = FitSplit.of(batch(60, num_judged=40))
    assert sorted([*split.train, *split.held_out]) == list(range(40))


def test_scored_rows_are_learned_from() -> None:
    rows = batch(5, num_judged=0)
    rows.scores[1] = 0.5
    assert FitSplit.of(rows).train.tolist() == [1]


def test_every_pass_holds_all_rows_and_every_pass_over_comparisons_all_of_them() -> None:
    rows, pairs = np.arange(10), np.arange(14).reshape(7, 2)
    split = FitSplit(rows, rows[:0], pairs, pairs[:0])
    batches = list(itertools.islice(split.batches(4, np.random.default_rng(0)), 6))
    assert [(len(r), len(p)) for r, p in batches] == [
        (4, 4),
        (3, 3),
        (3, 4),
        (4, 3),
        (3, 4),
        (3, 3),
    ]
    assert sorted(np.concatenate([r for r, _ in batches[:3]])) == list(range(10))
    assert sorted(np.concatenate([p for _, p in batches[:2]])[:, 0]) == [0, 2, 4, 6, 8, 10, 12]
    assert split.num_batches(4) == 3


def test_comparisons_alone_make_batches_too() -> None:
    pairs, none = np.arange(10).reshape(5, 2), np.arange(0)
    split = FitSplit(none, none, pairs, pairs[:0])
    assert split.num_batches(2) == 3
    ((rows, compared),) = itertools.islice(split.batches(8, np.random.default_rng(0)), 1)
    assert (len(rows), len(compared)) == (0, 5)
    assert [len(p) for _, p in split.one_pass(2)] == [2, 2, 1]


def test_without_comparisons_the_shuffles_are_those_of_the_rows_alone() -> None:
    rows, none = np.arange(9), np.zeros((0, 2), np.int64)
    split = FitSplit(rows, rows[:0], none, none)
    ours, plain = np.random.default_rng(3), np.random.default_rng(3)
    found = [r.tolist() for r, _ in itertools.islice(split.batches(5, ours), 4)]
    expected = [part.tolist() for _ in range(2) for part in np.array_split(plain.permutation(9), 2)]
    assert found == expected
