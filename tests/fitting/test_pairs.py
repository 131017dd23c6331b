"""How often a reward agrees with the newest ratings, in pairs that may be compared."""

import numpy as np
import pytest

from gym_rated.agreeing import Agreeing, in_words
from gym_rated.fitting.pairs import NEWEST, FreshPairs


def look(pairs: FreshPairs, values, ratings, groups, raters=None) -> None:
    names = ["ann"] * len(values) if raters is None else raters
    pairs.look(names, np.array(values, float), np.array(ratings), np.array(groups))


def test_pairs_are_of_one_rater_and_one_round() -> None:
    pairs = FreshPairs()
    # round 0: 0 < 1 < 2 < 3, and the reward has the last two the wrong way round: 5 of 6 pairs
    look(pairs, [0, 1, 3, 2], [0, 1, 2, 3], [0] * 4)
    assert pairs.agreeing() == {}  # 6 pairs are too few
    # rounds 1 to 3, predicted on quite another scale: all 18 pairs in order
    look(pairs, [90, 91, 92, 93] * 3, [0, 1, 2, 3] * 3, [1] * 4 + [2] * 4 + [3] * 4)
    assert pairs.agreeing() == {"ann": Agreeing(16, 24, pytest.approx(23 / 24))}


def test_predictions_of_two_fits_are_not_compared_though_the_round_is_one() -> None:
    pairs = FreshPairs()
    look(pairs, [0] * 5, [0] * 5, [0] * 5)
    look(pairs, [1] * 5, [1] * 5, [0] * 5)
    assert pairs.agreeing() == {}


def test_equal_ratings_are_no_pair_and_equal_predictions_half_agree() -> None:
    pairs = FreshPairs()
    look(pairs, [5.0] * 10, [0] * 5 + [1] * 5, [0] * 10)
    assert pairs.agreeing() == {"ann": Agreeing(10, 25, 0.5)}


def test_each_rater_is_judged_by_the_newest_ratings() -> None:
    pairs = FreshPairs()
    names = ["ann"] * 10 + ["bob"] * 10
    look(pairs, list(range(10)) * 2, [*range(10), *range(9, -1, -1)], [0] * 10 + [1] * 10, names)
    assert {who: found.share for who, found in pairs.agreeing().items()} == {"ann": 1, "bob": 0}
    for group in range(2, 6):
        look(pairs, list(range(10)), list(range(9, -1, -1)), [group] * 10)
    assert pairs.agreeing()["ann"] == Agreeing(NEWEST, 135, 0)


def test_what_was_seen_is_restored_from_its_state() -> None:
    pairs, again = FreshPairs(), FreshPairs()
    look(pairs, list(range(10)), list(range(10)), [0] * 10)
    again.load_state_dict(pairs.state_dict())
    assert again.agreeing() == pairs.agreeing() != {}
    with pytest.raises(ValueError, match="`rows` must be finite numbers of shape"):
        again.load_state_dict({"raters": ["ann"], "rows": [np.zeros((4, 3))], "looks": 1})
    with pytest.raises(ValueError, match="`looks` must be at least 0"):
        again.load_state_dict({"raters": [], "rows": [], "looks": -1})


def test_an_agreement_is_said_in_words() -> None:
    assert in_words(Agreeing(30, 90, 0.874)) == "agrees with the last 30 ratings in 87% of pairs"
