import copy
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from envs import SlowRater, make_segment
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, spearmanr

from gym_rated import (
    SKIPPED,
    CallableRater,
    Comparison,
    Rater,
    Rating,
    Score,
    ShuffledRater,
    SyntheticRater,
)


def segments(returns: Any, first: int = 0) -> list[Any]:
    """One segment a return, with ids "s0", "s1", ..."""
    return [make_segment(f"s{first + i}", float(r)) for i, r in enumerate(returns)]


def rate(rater: Any, returns: Any, first: int = 0) -> dict[str, int]:
    """Submit segments and return id -> rating of the answers."""
    rater.submit(segments(returns, first))
    return {answer.segment_id: answer.rating for answer in rater.collect()}


def classes(rater: Any, returns: Any) -> list[int]:
    return list(rate(rater, returns).values())


# -- synthetic: fixed boundaries --


def test_boundaries_are_half_open() -> None:
    # D5: no gap between classes; a return on a boundary belongs to the class above it
    rater = SyntheticRater(4, boundaries=[0.0, 10.0, 25.0])
    returns = [-1e9, np.nextafter(0, -1), 0.0, 9.999999, 10.0, 24.99995, 25.0, 25.00005, 1e9]
    assert classes(rater, returns) == [0, 0, 1, 1, 2, 2, 3, 3, 3]


@settings(max_examples=100, deadline=None)
@given(
    cuts=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True).map(sorted),
    value=st.floats(-1e7, 1e7),
)
def test_every_return_has_exactly_one_class(cuts: list[float], value: float) -> None:
    (rating,) = classes(SyntheticRater(len(cuts) + 1, boundaries=cuts), [value])
    edges = [-np.inf, *cuts, np.inf]
    assert edges[rating] <= value < edges[rating + 1]


def test_boundaries_may_be_neighbouring_numbers() -> None:
    rater = SyntheticRater(3, boundaries=[0.0, 5e-324])
    assert classes(rater, [-1.0, 0.0, 5e-324, 1.0, 1e9]) == [0, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("boundaries", "text"),
    [
        ([0.0], r"`boundaries` must hold num_classes - 1 = 2 cut points, got shape \(1,\)"),
        (1.0, r"got shape \(\)"),
        ([[0.0, 1.0]], r"got shape \(1, 2\)"),
        ([1.0, 1.0], r"`boundaries` must be finite and increasing, got \[1.0, 1.0\]"),
        ([2.0, 1.0], "must be finite and increasing"),
        ([0.0, np.nan], "must be finite and increasing"),
        ([0.0, np.inf], "must be finite and increasing"),
    ],
)
def test_boundaries_that_do_not_increase_are_refused(boundaries: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SyntheticRater(3, boundaries=boundaries)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mistake_rate": -0.1}, r"`mistake_rate` must lie in \[0, 1\], got -0.1"),
        ({"mistake_rate": 1.1}, "got 1.1"),
        ({"mistake_rate": np.nan}, "got nan"),
        ({"relative_to": "me"}, "`relative_to` must be one of everything, round, range, got 'me'"),
        ({"relative_to": "round"}, "it needs `regrade=False`, got regrade=True"),
        (
            {"relative_to": "round", "regrade": False, "boundaries": [0.0, 1.0]},
            r"`relative_to='round'` finds its own scale; it needs no `boundaries`, got \[0. 1.\]",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SyntheticRater(3, **options)


# -- synthetic: quantiles --


def test_quantiles_by_hand() -> None:
    # mid-ranks of 4 different returns: 1/8, 3/8, 5/8, 7/8; times 2 classes: 0, 0, 1, 1
    assert classes(SyntheticRater(2), [3.0, -1.0, 7.0, 5.0]) == [0, 0, 1, 1]
    # times 5 classes: 0.6, 1.9, 3.1, 4.4
    assert classes(SyntheticRater(5), [3.0, -1.0, 7.0, 5.0]) == [1, 0, 4, 3]


def test_ties_get_the_class_of_their_middle() -> None:
    # of 0, 0, 0, 9 the zeros have mid-rank 3/8 and the nine 7/8; times 4: 1.5 and 3.5
    assert classes(SyntheticRater(4), [0, 0, 0, 9]) == [1, 1, 1, 3]
    # all equal: mid-rank 1/2, the middle class, neither the best nor the worst
    assert classes(SyntheticRater(5), [2, 2, 2]) == [2, 2, 2]
    assert classes(SyntheticRater(2), [2]) == [1]


@settings(max_examples=60, deadline=None)
@given(
    returns=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=40),
    num_classes=st.integers(2, 7),
)
def test_quantile_ratings_follow_the_order_of_returns(returns: Any, num_classes: int) -> None:
    got = classes(SyntheticRater(num_classes), returns)
    assert set(got) <= set(range(num_classes))
    for (a, x), (b, y) in pairwise(sorted(zip(returns, got, strict=True))):
        assert x == y if a == b else x <= y
    if len(set(returns)) == len(returns) and len(returns) % num_classes == 0:
        assert Counter(got) == dict.fromkeys(range(num_classes), len(returns) // num_classes)


def test_regrading_hands_out_what_changed_with_growing_revisions() -> None:
    rater = SyntheticRater(2)
    rater.submit(segments([1.0, 2.0]))
    assert rater.collect() == [Rating("s0", 0, "synthetic"), Rating("s1", 1, "synthetic")]
    rater.submit(segments([3.0, 4.0], first=2))  # now 2.0 is in the lower half
    assert rater.collect() == [
        Rating("s1", 0, "synthetic", 1),
        Rating("s2", 1, "synthetic", 0),
        Rating("s3", 1, "synthetic", 0),
    ]
    rater.submit(segments([0.0, -1.0], first=4))  # ranks: -1 0 1 | 2 3 4
    assert rater.collect() == [
        Rating("s1", 1, "synthetic", 2),
        Rating("s4", 0, "synthetic", 0),
        Rating("s5", 0, "synthetic", 0),
    ]
    assert rater.collect() == []


def test_without_regrading_nothing_given_ever_changes() -> None:
    rater = SyntheticRater(2, regrade=False)
    assert rate(rater, [1.0, 2.0]) == {"s0": 0, "s1": 1}
    assert rate(rater, [3.0, 4.0], first=2) == {"s2": 1, "s3": 1}
    assert rate(rater, [2.5], first=4) == {"s4": 1}  # mid-rank of 2.5 among 1, 2, 2.5, 3, 4: 1/2
    assert rate(rater, [1.5], first=5) == {"s5": 0}


def test_a_scale_of_each_round_knows_no_other_round() -> None:
    rater = SyntheticRater(2, regrade=False, relative_to="round")
    assert rate(rater, [1.0, 2.0]) == {"s0": 0, "s1": 1}
    assert rate(rater, [30.0, 40.0], first=2) == {"s2": 0, "s3": 1}


# -- synthetic: mistakes --


@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("rate_of_mistakes", [0.2, 1.0])
def test_mistakes_are_uniform_over_the_other_classes(
    num_classes: int, rate_of_mistakes: float
) -> None:
    num, clean = 6000, num_classes // 2
    boundaries = np.arange(num_classes - 1.0)
    rater = SyntheticRater(
        num_classes, boundaries=boundaries, mistake_rate=rate_of_mistakes, seed=4
    )
    counts = Counter(classes(rater, [clean - 0.5] * num))
    expected = np.full(num_classes, rate_of_mistakes / (num_classes - 1))
    expected[clean] = 1 - rate_of_mistakes
    observed = np.array([counts[c] for c in range(num_classes)])
    assert (observed[expected == 0] == 0).all()
    seen = expected > 0
    if seen.sum() > 1:
        assert chisquare(observed[seen], num * expected[seen]).pvalue > 0.001


def test_mistakes_depend_on_no_other_segment() -> None:
    # the next segment is mistaken or not whatever this one was: lag-1 correlation is 0 +- 4/sqrt(n)
    rater = SyntheticRater(2, boundaries=[0.0], mistake_rate=0.5, seed=1)
    wrong = np.array(classes(rater, [-1.0] * 4000))
    assert abs(np.corrcoef(wrong[1:], wrong[:-1])[0, 1]) < 4 / np.sqrt(4000)


def test_a_mistake_stays_when_its_segment_is_regraded() -> None:
    rater = SyntheticRater(3, mistake_rate=0.5, seed=0)
    clean = SyntheticRater(3)
    returns = np.random.default_rng(0).normal(size=60)
    off: dict[str, int] = {}
    ratings, truth = {}, {}
    for k in range(6):
        ratings |= rate(rater, returns[10 * k : 10 * k + 10], 10 * k)
        truth |= rate(clean, returns[10 * k : 10 * k + 10], 10 * k)
        for segment_id, rating in ratings.items():
            mistake = (rating - truth[segment_id]) % 3
            assert off.setdefault(segment_id, mistake) == mistake
    assert set(off.values()) == {0, 1, 2}


def test_the_seed_decides_the_mistakes() -> None:
    def run(seed: int) -> list[int]:
        return classes(SyntheticRater(4, mistake_rate=0.5, seed=seed), range(50))

    assert run(3) == run(3) != run(4)


# -- synthetic: what it refuses --


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_return_that_is_not_finite_is_refused_and_nothing_changes(bad: float) -> None:
    rater = SyntheticRater(2)
    with pytest.raises(ValueError, match=f"`true_rewards` must be finite .* got a return of {bad}"):
        rater.submit(segments([1.0, bad, 3.0]))
    assert rater.collect() == []
    assert rate(rater, [1.0, 3.0]) == {"s0": 0, "s1": 1}  # s0 and s1 are still new to it


def test_infinities_that_cancel_are_refused() -> None:
    segment = make_segment("s", length=2)
    segment.true_rewards[:] = [np.inf, -np.inf]
    with pytest.raises(ValueError, match="got a return of nan"), np.errstate(invalid="ignore"):
        SyntheticRater(2).submit([segment])


def test_a_segment_submitted_twice_is_refused_and_nothing_changes() -> None:
    rater = SyntheticRater(2)
    rate(rater, [1.0, 2.0])
    with pytest.raises(ValueError, match="must be new to the rater, got 's1' twice; give each env"):
        rater.submit(segments([3.0, 4.0], first=1))
    with pytest.raises(ValueError, match="got 'x' twice"):
        rater.submit([make_segment("x"), make_segment("x")])
    assert rater.collect() == []
    rater.submit([make_segment("x", 9.0)])
    assert [r.segment_id for r in rater.collect()] == ["x"]


def test_nothing_submitted_is_nothing_answered() -> None:
    for rater in (SyntheticRater(3), ShuffledRater(SyntheticRater(3)), CallableRater(len, 3)):
        rater.submit([])
        assert rater.collect() == []
        assert rater.pending == 0
        assert isinstance(rater, Rater)


# -- callable --


def test_a_function_rates_skips_and_is_named() -> None:
    rater = CallableRater(lambda s: SKIPPED if s.id == "s1" else s.id == "s2", 2, name="me")
    rater.submit(segments([0, 0, 0]))
    assert rater.collect() == [Rating("s0", 0, "me"), Rating("s1", -1, "me"), Rating("s2", 1, "me")]
    assert rater.collect() == []


@pytest.mark.parametrize("answer", [3, -2, 1.5, np.nan, None, "2", np.inf, [1]])
def test_an_answer_that_is_no_rating_is_refused_and_none_is_kept(answer: Any) -> None:
    rater = CallableRater(lambda s: 1 if s.id == "s0" else answer, 3)
    with pytest.raises(ValueError, match="`function` must return a whole number from 0 to 2"):
        rater.submit(segments([0, 0]))
    assert rater.collect() == []


def test_what_cannot_be_called_is_no_function() -> None:
    with pytest.raises(TypeError, match="`function` must be callable, got 3"):
        CallableRater(3, 2)


# -- shuffled --


def test_shuffled_ratings_keep_the_histogram_and_lose_the_order() -> None:
    inner = SyntheticRater(5)
    rater = ShuffledRater(inner, seed=2)
    returns = np.random.default_rng(0).normal(size=1000)
    given_: dict[str, int] = {}
    for k in range(5):
        given_ |= rate(rater, returns[200 * k : 200 * k + 200], 200 * k)
        # after every round: regrading of the inner rater moves ratings, and each class stays full
        true = SyntheticRater(5)
        assert Counter(given_.values()) == Counter(classes(true, returns[: 200 * k + 200]))
    correlation = spearmanr([given_[f"s{i}"] for i in range(1000)], returns).statistic
    assert abs(correlation) < 4 / np.sqrt(1000)


def test_the_permutation_is_uniform() -> None:
    # 3 segments rated 0, 1, 2 in turn, one by one: each of the 6 orders as often as any other
    orders: Counter[tuple[int, ...]] = Counter()
    for seed in range(3000):
        rater = ShuffledRater(CallableRater(lambda s: int(s.id[1:]), 3), seed=seed)
        given_: dict[str, int] = {}
        for k in range(3):
            given_ |= rate(rater, [0.0], first=k)
        orders[tuple(given_[f"s{i}"] for i in range(3))] += 1
    assert len(orders) == 6
    assert chisquare(list(orders.values())).pvalue > 0.001


def test_shuffled_revisions_grow_and_say_only_what_changed() -> None:
    rater = ShuffledRater(SyntheticRater(3), seed=0)
    last: dict[str, Rating] = {}
    for k in range(20):
        rater.submit(segments(np.random.default_rng(k).normal(size=3), first=3 * k))
        for answer in rater.collect():
            before = last.get(answer.segment_id)
            assert answer.revision == (0 if before is None else before.revision + 1)
            assert before is None or answer.rating != before.rating
            last[answer.segment_id] = answer
    assert max(r.revision for r in last.values()) > 1


def test_several_raters_shuffled_keep_their_names_and_the_histogram() -> None:
    inner = SlowRater()
    rater = ShuffledRater(inner, seed=3)
    inner.answers = [Rating("a", 0, "anna"), Rating("b", 0, "anna"), Rating("a", 1, "bob")]
    given_ = {(r.segment_id, r.rater): r.rating for r in rater.collect()}
    inner.answers = [Rating("b", 1, "bob"), Rating("c", 1, "bob"), Rating("c", 0, "anna")]
    given_ |= {(r.segment_id, r.rater): r.rating for r in rater.collect()}
    assert set(given_) == {(s, r) for s in "abc" for r in ("anna", "bob")}
    assert Counter(given_.values()) == {0: 3, 1: 3}


def test_shuffling_drops_skips_and_passes_pending_on() -> None:
    inner = SlowRater()
    rater = ShuffledRater(inner)
    rater.submit(segments([1, 2, 3]))
    assert rater.pending == 3
    inner.answers = [Rating("s0", SKIPPED, "slow")]
    assert rater.collect() == []
    inner.answer(3)
    assert sorted(r.rating for r in rater.collect()) == [0, 0, 1]
    assert rater.pending == 0


def test_scores_are_shuffled_among_themselves_and_comparisons_tossed() -> None:
    inner = SlowRater()
    rater = ShuffledRater(inner, seed=1)
    inner.answers = [Score(f"s{i}", i / 400, "slow") for i in range(400)]
    inner.answers += [Rating(f"s{i}", i % 2, "slow") for i in range(40)]
    inner.answers += [Comparison(f"s{i}", f"t{i}", "slow") for i in range(400)]
    given_ = rater.collect()
    scores = {int(a.segment_id[1:]): a.score for a in given_ if isinstance(a, Score)}
    assert sorted(scores.values()) == [i / 400 for i in range(400)]
    assert abs(spearmanr(list(scores), list(scores.values())).statistic) < 4 / np.sqrt(400)
    assert Counter(a.rating for a in given_ if isinstance(a, Rating)) == {0: 20, 1: 20}
    compared = [a for a in given_ if isinstance(a, Comparison)]
    assert {frozenset((a.better_id, a.worse_id)) for a in compared} == {
        frozenset((f"s{i}", f"t{i}")) for i in range(400)
    }
    kept = sum(a.better_id.startswith("s") for a in compared)
    assert abs(kept - 200) < 4 * np.sqrt(100)


# -- state --


@pytest.mark.parametrize("collect_first", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: SyntheticRater(3, mistake_rate=0.4, seed=1),
        lambda: SyntheticRater(3, regrade=False, relative_to="round"),
        lambda: ShuffledRater(SyntheticRater(3, mistake_rate=0.4, seed=1), seed=2),
        lambda: ShuffledRater(SyntheticRater(3, answers="mixed", seed=1), seed=2),
    ],
)
def test_a_restored_rater_goes_on_as_the_first_one(make: Any, collect_first: bool) -> None:
    def go_on(rater: Any) -> list[Any]:
        answers = rater.collect()
        for k in range(2, 5):
            rater.submit(segments(np.random.default_rng(k).normal(size=10), 10 * k))
            answers += rater.collect()
        return answers

    rater, again = make(), make()
    for k in range(2):
        rater.submit(segments(np.random.default_rng(k).normal(size=10), 10 * k))
        if collect_first:
            rater.collect()
    state = rater.state_dict()
    snapshot = copy.deepcopy(state)
    expected = go_on(rater)
    np.testing.assert_equal(state, snapshot)  # going on does not change what was saved
    again.load_state_dict(state)
    assert go_on(again) == expected
