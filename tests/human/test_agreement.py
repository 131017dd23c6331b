import numpy as np
import pytest

from gym_rated.human.agreement import (
    ENOUGH,
    compare,
    judge_overlap,
    judge_raters,
    krippendorff_alpha,
)
from gym_rated.human.store import SKIPPED, AgreementRow
from gym_rated.metrics import quadratic_weighted_kappa

X = -1
# Krippendorff 2011, section C: 4 observers, 12 units; its ordinal alpha is 0.815.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]


def rng():
    return np.random.default_rng(0)


def row(clip, rater, rating, *, repeat=False, shown_ms=1000, at=0.0):
    return AgreementRow(f"s{clip}", rater, rating, repeat, shown_ms, at)


def test_alpha_is_that_of_the_paper():
    table = np.array(PUBLISHED)
    assert krippendorff_alpha(table, 6) == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(np.where(table == X, X, table - 1), 5) == pytest.approx(
        krippendorff_alpha(table, 6)
    )


def test_alpha_of_two_raters_by_hand():
    # Pairs: 00 twice, 01 and 10 once, 11 twice; three ratings of each class; distance of the two
    # classes (3 + 3 - 3)^2 = 9; alpha = 1 - (6 - 1) * 9 / (3 * 3 * 9).
    assert krippendorff_alpha([[0, 0, 1], [0, 1, 1]], 2) == pytest.approx(4 / 9)


def test_alpha_leaves_out_clips_with_one_rating():
    assert krippendorff_alpha([[0, 0, 1, 1], [0, 1, 1, X]], 2) == pytest.approx(4 / 9)


def test_alpha_says_nothing_about_one_class():
    assert np.isnan(krippendorff_alpha([[1, 1], [1, 1]], 3))


def test_fewer_than_twenty_clips_are_too_few_for_a_coefficient():
    found = compare([0, 1, 2] * 6, [0, 1, 1] * 6, 3, rng())
    assert (found.num, found.exact, found.within_one, found.kappa) == (18, 12 / 18, 1.0, None)
    assert str(found) == "67% the same, 100% within one class, kappa n=18: too few"


def test_enough_clips_give_a_coefficient_within_its_interval():
    first = np.tile(np.arange(4), 10)
    second = np.where(np.arange(40) % 5 == 0, (first + 1) % 4, first)
    kappa = compare(first, second, 4, rng()).kappa
    assert kappa.estimate == pytest.approx(quadratic_weighted_kappa(first, second, 4))
    assert kappa.low < kappa.estimate < kappa.high
    assert kappa.high - kappa.low == pytest.approx(0.45, abs=0.25)


def test_no_clip_is_no_agreement():
    assert str(compare([], [], 3, rng())) == "no clip rated twice"


def test_a_rule_is_steady_and_chance_is_not():
    random = np.random.default_rng(4)
    rows = []
    for k in range(200):
        rows += [row(k, "rule", k % 4, at=k), row(k, "rule", k % 4, repeat=True, at=300 + k)]
        rows += [row(k, "dice", int(random.integers(4)), repeat=r, at=k + 300 * r) for r in (0, 1)]
    rule, dice = sorted(judge_raters(rows, 4, rng()), key=lambda one: one.rater, reverse=True)
    assert rule.repeats.kappa == (1.0, 1.0, 1.0)
    assert abs(dice.repeats.kappa.estimate) < 0.2
    assert dice.repeats.kappa.low < 0 < dice.repeats.kappa.high


def test_a_rater_is_judged_by_their_own_answers():
    rows = [
        *(row(k, "ann", rating, at=k, shown_ms=ms) for k, (rating, ms) in enumerate(ANSWERS)),
        row(0, "ann", 2, repeat=True, at=9, shown_ms=None),
        row(0, "bob", 3),
    ]
    ann, bob = judge_raters(rows[::-1], 4, rng())
    # ratings in order of time: 0 1 3 3 2; later half (3, 2) minus earlier half (0, 1)
    assert (ann.rater, ann.num_rated, ann.drift) == ("ann", 5, 2.5 - 0.5)
    assert ann.share_skipped == pytest.approx(1 / 6)
    assert ann.median_s == 2.0  # of 1, 1, 2, 3, 5
    assert (ann.repeat_drift, ann.repeats.num, ann.repeats.within_one) == (2.0, 1, 0.0)
    assert (bob.num_rated, bob.repeats.num) == (1, 0)
    assert np.isnan(bob.drift)


ANSWERS = [(0, 1000), (1, 3000), (SKIPPED, 1000), (3, 2000), (3, 5000)]


def test_overlap_counts_clips_with_two_ratings():
    rows = [row(k, rater, k % 3) for k in range(ENOUGH) for rater in ("ann", "bob")]
    rows += [row(98, "ann", 1), row(99, "ann", 1), row(99, "bob", SKIPPED)]
    rows += [row(0, "ann", 2, repeat=True)]
    found = judge_overlap(rows, 3, rng())
    assert (found.num, found.alpha) == (ENOUGH, (1.0, 1.0, 1.0))
    assert str(found) == "20 clips with several raters, alpha 1.00 (1.00 to 1.00, n=20)"
    assert judge_overlap(rows[2:], 3, rng()).alpha is None
    assert str(judge_overlap([], 3, rng())).endswith("alpha n=0: too few")
