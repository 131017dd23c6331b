"""Ratings are compared with what no rating can help."""

import pytest

from gym_rated.runs.controls import compare_with_controls

STEPS = [float(i) for i in range(60)]


def run(*returns: float) -> dict[str, tuple[list[float], list[float]]]:
    """A run whose last 50 episodes returned these values, over and over, after ten of -1e6."""
    last = [returns[i % len(returns)] for i in range(50)]
    return {"charts/episodic_return": (STEPS, [-1e6] * 10 + last)}


def test_ratings_that_did_something_beat_both_controls() -> None:
    runs = {"rated": run(9.0, 11.0), "constant": run(1.0, 3.0), "shuffled": run(5.0)}
    # deviation 1 with n - 1: sqrt(50 / 49); of the mean: sqrt(1 / 49) = 0.143; of both: 0.2
    assert compare_with_controls(runs) == [
        "the ratings beat a constant reward by 8.0 ± 0.2: true return 10.0 against 2.0",
        "the ratings beat shuffled ratings by 5.0 ± 0.1: true return 10.0 against 5.0",
    ]


def test_a_rater_may_want_the_opposite_of_what_the_environment_pays() -> None:
    runs = {"rated": run(-9.0), "constant": run(-2.0), "shuffled": run(-12.0)}
    assert compare_with_controls(runs, wants_more=False) == [
        "the ratings beat a constant reward by 7.0 ± 0.0: true return -9.0 against -2.0, where "
        "less was wanted",
        "shuffled ratings do as well here, -12.0 against -9.0: this does not show what the "
        "ratings did",
    ]


def test_a_task_on_which_anything_will_do_is_named_as_one() -> None:
    runs = {"rated": run(500.0), "constant": run(500.0), "shuffled": run(499.0, 503.0)}
    assert compare_with_controls(runs) == [
        "a constant reward does as well here, 500.0 against 500.0: this does not show what the "
        "ratings did",
        "shuffled ratings do as well here, 501.0 against 500.0: this does not show what the "
        "ratings did",
    ]


@pytest.mark.parametrize(("gap", "beats"), [(0.39, False), (0.41, True)])
def test_two_standard_errors_make_the_difference(gap: float, beats: bool) -> None:
    # of 50 values 1 ± 1 and 50 values around it: root of 2 / 49, 0.202; twice that is 0.404
    runs = {"rated": run(gap, 2 + gap), "constant": run(0.0, 2.0)}
    assert ("beat" in compare_with_controls(runs)[0]) == beats


def test_nothing_is_said_before_there_is_something_to_compare() -> None:
    nothing = {"charts/episodic_return": ([], [])}
    assert compare_with_controls({}) == []
    assert compare_with_controls({"rated": run(1.0)}) == []
    assert compare_with_controls({"rated": nothing, "constant": run(1.0)}) == []
    assert compare_with_controls({"rated": run(1.0), "constant": {}}) == []


def test_one_episode_is_compared_without_an_error() -> None:
    one = {"charts/episodic_return": ([1.0], [2.0])}
    assert "by 3.0 ± 0.0" in compare_with_controls({"rated": run(5.0), "constant": one})[0]
