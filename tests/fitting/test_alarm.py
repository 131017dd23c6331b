from itertools import pairwise

import numpy as np
import pytest

from gym_rated.fitting.alarm import Fresh, RewardAlarm

RATINGS = np.arange(40) % 5


def ids(round_: int, num: int = 40) -> list[str]:
    return [f"{round_}-{i}" for i in range(num)]


def test_two_rounds_that_are_not_predicted_raise_the_alarm() -> None:
    alarm = RewardAlarm()
    alarm.look(ids(0), None, RATINGS)
    first = alarm.look(ids(1), -RATINGS, RATINGS)
    assert (first.num, first.spearman, first.alarm) == (40, pytest.approx(-1), False)
    with pytest.warns(UserWarning, match=r"does not predict new ratings: rank correlation -1\.00"):
        assert alarm.look(ids(2), -RATINGS, RATINGS).alarm


def test_a_good_round_between_two_bad_ones_calms_it() -> None:
    alarm = RewardAlarm()
    for round_, returns in enumerate((-RATINGS, RATINGS, -RATINGS)):
        found = alarm.look(ids(round_), returns, RATINGS)
    assert not found.alarm


def test_only_ratings_not_seen_before_count() -> None:
    alarm = RewardAlarm()
    alarm.look(ids(0), None, RATINGS)
    both = np.concatenate([RATINGS, RATINGS])
    predicted = np.concatenate([-RATINGS, RATINGS])  # wrong on the old ones, right on the new
    found = alarm.look(ids(0) + ids(1), predicted, both)
    assert found == Fresh(40, pytest.approx(1), False)


def test_few_or_equal_ratings_say_nothing() -> None:
    alarm = RewardAlarm()
    for round_ in range(3):
        few = alarm.look(ids(round_, 29), -RATINGS[:29], RATINGS[:29])
        equal = alarm.look(ids(round_ + 10), -RATINGS, np.zeros(40, np.int64))
        assert np.isnan(few.spearman)
        assert np.isnan(equal.spearman)
        assert not equal.alarm


def small_rounds(
    alarm: RewardAlarm, agreement: float, rounds: range, size: int = 5, seed: int = 0
) -> list[Fresh]:
    """Look at small rounds: predictions are the ratings, but for a share of random ones."""
    found = []
    for round_ in rounds:
        rng = np.random.default_rng([seed, round_])
        ratings = rng.integers(5, size=size)
        noise = rng.random(size) >= agreement
        returns = np.where(noise, 4 * rng.random(size), ratings + 0.1 * rng.random(size))
        found.append(alarm.look(ids(round_, size), returns, ratings))
    return found


@pytest.mark.parametrize("size", [4, 5, 10])
@pytest.mark.filterwarnings("ignore:the learned reward does not predict")
def test_a_hundred_random_ratings_in_small_rounds_raise_the_alarm(size: int) -> None:
    raised = 0
    for seed in range(20):
        found = small_rounds(RewardAlarm(), 0.0, range(100 // size), size, seed)
        raised += any(fresh.alarm for fresh in found)
        first = next(i for i, fresh in enumerate(found) if not np.isnan(fresh.spearman))
        assert (first + 1) * (size - 1) >= 48 > first * (size - 1)  # ratings less rounds
    assert raised >= 18  # of 20, where 99 of 100 are to be expected


@pytest.mark.parametrize("size", [4, 5, 10])
def test_a_hundred_ratings_with_a_fifth_of_slips_do_not(size: int) -> None:
    for seed in range(20):
        found = small_rounds(RewardAlarm(), 0.8, range(100 // size), size, seed)
        assert found[-1].spearman > 0.4
        assert not any(fresh.alarm for fresh in found)


def test_only_an_alarm_that_begins_is_a_warning() -> None:
    alarm = RewardAlarm()
    with pytest.warns(UserWarning, match="does not predict new ratings") as said:
        found = small_rounds(alarm, 0.0, range(20), seed=2)
    begun = [b.alarm and not a.alarm for a, b in pairwise(found)]
    assert len(said) == sum(begun) < sum(fresh.alarm for fresh in found)


def test_pool_forgets_the_oldest_and_the_alarm_ends() -> None:
    alarm = RewardAlarm()
    with pytest.warns(UserWarning, match="does not predict"):
        assert any(fresh.alarm for fresh in small_rounds(alarm, 0.0, range(20)))
    found = small_rounds(alarm, 1.0, range(100, 112))  # 48 = 12 rounds of 5, less one each
    assert found[-1].spearman > 0.9
    assert not found[-1].alarm


def test_small_rounds_are_compared_within_and_not_across() -> None:
    alarm = RewardAlarm()
    for round_ in range(12):
        ratings = np.arange(5) + 5 * (round_ % 2)  # every other rater is lenient
        found = alarm.look(ids(round_, 5), np.arange(5) - 9 * (round_ % 2), ratings)
        assert np.isnan(found.spearman) == (round_ < 11)
    assert found.spearman == pytest.approx(1)


def test_answers_that_come_one_by_one_are_compared_with_others_of_their_round() -> None:
    alarm, seen, ratings = RewardAlarm(), [], np.tile(np.arange(5), 12)
    rounds = np.repeat(np.arange(12), 5)
    for num in range(1, 61):
        seen = [*seen, f"s{num}"]
        returns = (1 + num) * ratings[:num].astype(float)  # every fit has a scale of its own
        found = alarm.look(seen, returns, ratings[:num], rounds=rounds[:num])
        assert found.num == 1
        assert np.isnan(found.spearman) == (num < 60)
    assert found.spearman > 0.8


def test_large_round_is_judged_alone_and_begins_the_pool_anew() -> None:
    alarm = RewardAlarm()
    small_rounds(alarm, 1.0, range(11))  # 44 of the 48 that are needed
    assert alarm.look(ids(50), -RATINGS, RATINGS).spearman == pytest.approx(-1)
    assert np.isnan(small_rounds(alarm, 1.0, range(100, 101))[0].spearman)


@pytest.mark.parametrize("is_old", [True, False])
def test_pool_survives_a_checkpoint_and_old_ones_have_none(is_old: bool) -> None:
    alarm, again = RewardAlarm(), RewardAlarm()
    small_rounds(alarm, 1.0, range(8))
    state = alarm.state_dict()
    small_rounds(alarm, 1.0, range(8, 9))  # what comes later does not change it
    if is_old:
        del state["pool"]
    again.load_state_dict(state)
    found = small_rounds(again, 1.0, range(20, 24))
    assert [np.isnan(fresh.spearman) for fresh in found] == [True] * 3 + [is_old]


def test_memory_survives_a_checkpoint() -> None:
    alarm, again = RewardAlarm(), RewardAlarm()
    alarm.look(ids(0), -RATINGS, RATINGS)
    again.load_state_dict(alarm.state_dict())
    assert again.look(ids(0), -RATINGS, RATINGS).num == 0
    with pytest.warns(UserWarning, match="does not predict"):
        again.look(ids(1), -RATINGS, RATINGS)


def test_where_scales_differ_ranks_count_within_a_rater_and_round_only() -> None:
    ratings, groups = np.tile([0, 1, 2, 3, 4], 8), np.arange(40) // 20
    returns = ratings + 100.0 * (1 - groups)  # the second rater liked worse segments as much
    found = []
    for within in (None, groups):
        alarm = RewardAlarm()
        alarm.look(ids(0), None, ratings)
        found.append(alarm.look(ids(1), returns, ratings, within).spearman)
    assert found[0] < 0.6
    assert found[1] == pytest.approx(1)
