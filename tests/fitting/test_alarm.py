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
