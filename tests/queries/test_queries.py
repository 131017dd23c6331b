from collections import Counter
from typing import Any

import numpy as np
import pytest
from envs import make_segment
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from gym_rated import query_schedule
from gym_rated.queries import uniform


def test_a_schedule_by_hand() -> None:
    # 20 % of 500 at 2,048, and 400 in 9 rounds up to 70 % of 250,000 steps
    schedule = query_schedule(500, 250_000)
    assert (min(schedule), max(schedule)) == (2_048, 175_000)
    assert list(schedule.values()) == [100, 44, 45, 44, 45, 44, 45, 44, 45, 44]
    gaps = np.diff(list(schedule))  # (175,000 - 2,048) / 9 = 19,216.9
    assert set(gaps.tolist()) == {19_216, 19_217}


def test_all_at_once() -> None:
    assert query_schedule(7, 10_000, rounds=0) == {2_048: 7}
    assert query_schedule(7, 10_000, first=1.0) == {2_048: 7}


def test_few_ratings_leave_rounds_out() -> None:
    schedule = query_schedule(2, 100_000, rounds=9)
    assert sum(schedule.values()) == 2
    assert len(schedule) == 2


def test_training_that_ends_with_the_first_query_asks_all_there() -> None:
    assert query_schedule(10, 2_048, until=1.0) == {2_048: 10}


@given(
    num_ratings=st.integers(1, 2000),
    total=st.integers(1, 10**7),
    first=st.floats(0.01, 1.0),
    rounds=st.integers(0, 50),
    until=st.floats(0.01, 1.0),
    start=st.integers(1, 5000),
)
def test_a_schedule_spends_the_budget_within_its_span(
    num_ratings: int, total: int, first: float, rounds: int, until: float, start: int
) -> None:
    end = round(until * total)
    if start > end:
        with pytest.raises(ValueError, match="`start` must not come after `until`"):
            query_schedule(num_ratings, total, first, rounds, until, start)
        return
    schedule = query_schedule(num_ratings, total, first, rounds, until, start)
    assert sum(schedule.values()) == num_ratings
    assert min(schedule.values()) >= 1
    assert list(schedule) == sorted(schedule)
    assert start == min(schedule)
    assert max(schedule) <= max(end, start)
    assert all(type(step) is int and type(num) is int for step, num in schedule.items())


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"num_ratings": 0}, ValueError, "`num_ratings` must be at least 1, got 0"),
        ({"num_ratings": 1.5}, TypeError, "`num_ratings` must be an int, got 1.5"),
        ({"rounds": -1}, ValueError, "`rounds` must be at least 0, got -1"),
        ({"start": 0}, ValueError, "`start` must be at least 1, got 0"),
        ({"first": 0.0}, ValueError, r"`first` must lie in \(0, 1\], got 0.0"),
        ({"first": 1.1}, ValueError, r"`first` must lie in \(0, 1\], got 1.1"),
        ({"first": np.nan}, ValueError, "got nan"),
        ({"until": 0}, ValueError, r"`until` must lie in \(0, 1\], got 0"),
        (
            {"total_timesteps": 2_000},
            ValueError,
            r"`start` must not come after .* = 1400, got 2048; train for longer or ask earlier",
        ),
    ],
)
def test_a_schedule_out_of_range_is_refused(options: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        query_schedule(**{"num_ratings": 10, "total_timesteps": 10_000, **options})


def test_the_default_choice_is_uniform_and_without_repetition() -> None:
    candidates = [make_segment(str(i)) for i in range(6)]
    rng = np.random.default_rng(0)
    counts: Counter[int] = Counter()
    for _ in range(2000):
        chosen = uniform(candidates, 2, rng).tolist()
        assert len(set(chosen)) == 2
        counts.update(chosen)
    assert chisquare([counts[i] for i in range(6)]).pvalue > 0.001
    assert sorted(uniform(candidates, 10, rng).tolist()) == list(range(6))
