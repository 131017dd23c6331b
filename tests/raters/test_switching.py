"""One rater with several strategies: after so many segments, or by chance."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from gym_rated import Comparison, Rating, RatingDataset, Score, SwitchingRater, SyntheticRater
from gym_rated.checkpoint import load_state, save_state
from gym_rated.segments import Origin, Segment
from gym_rated.wrappers.specs import resolve_rater

STEP = np.zeros((1, 1), np.float32)


def segments(returns: Any, first: int = 0, round_: int = 0) -> list[Segment]:
    """One segment of one step a return, with ids "s0", "s1", ..."""
    return [
        Segment(f"s{first + i}", STEP, STEP, rewards, round_, Origin(0, 0, 0, 0))
        for i, rewards in enumerate(np.array(returns, np.float64)[:, None])
    ]


def classes_then_scores(**options: Any) -> SwitchingRater:
    """Two strategies of one person."""
    classes = SyntheticRater(5, slip_rate=0.1, name="ann", seed=1)
    scores = SyntheticRater(5, answers="scores", score_noise=0.1, name="ann", seed=2)
    return SwitchingRater([classes, scores], **options)


def test_a_strategy_takes_over_after_so_many_segments() -> None:
    rater = classes_then_scores(starts=(0, 5))
    rater.submit(segments(range(3)))
    assert {type(a) for a in rater.collect()} == {Rating}
    rater.submit(segments(range(4), first=3))  # the sixth segment is s5
    kinds = {a.segment_id: type(a) for a in rater.collect()}
    assert [kinds[f"s{i}"] for i in range(3, 7)] == [Rating, Rating, Score, Score]
    rater.submit(segments(range(2), first=7))
    assert {type(a) for a in rater.collect()} == {Score}


def test_three_strategies_follow_each_other() -> None:
    pairs = SyntheticRater(5, answers="comparisons", name="ann")
    both = SyntheticRater(5, answers="both", name="ann")
    rater = SwitchingRater([pairs, both, SyntheticRater(5, name="ann")], starts=[0, 2, 4])
    rater.submit(segments(range(6)))
    kinds = [type(a) for a in rater.collect()]
    assert kinds == [Comparison, *[Rating, Score] * 2, Rating, Rating]


def test_strategies_by_chance_have_the_shares_asked_for() -> None:
    rater = classes_then_scores(shares=(0.7, 0.3), seed=3)
    rater.submit(segments(range(4000)))
    kinds = np.bincount([isinstance(a, Score) for a in rater.collect()])
    assert chisquare(kinds, [2800, 1200]).pvalue > 1e-3
    other = classes_then_scores(shares=(0.7, 0.3), seed=3)
    other.submit(segments(range(40)))
    again = classes_then_scores(shares=(0.7, 0.3), seed=4)
    again.submit(segments(range(40)))
    assert [type(a) for a in other.collect()] != [type(a) for a in again.collect()]


@pytest.mark.parametrize(("names", "num_groups"), [(("ann", "ann"), 2), (("ann", "bob"), 4)])
def test_strategies_of_one_name_share_the_scale_of_a_round(
    names: tuple[str, str], num_groups: int
) -> None:
    rater = SwitchingRater([SyntheticRater(5, name=n) for n in names], shares=(0.5, 0.5))
    data = RatingDataset(1, 1, 5)
    for k in range(2):
        asked = segments(range(20), 20 * k, k)
        rater.submit(asked)
        data.add(asked)
        data.update(rater.collect())
    assert len(data) == 40
    assert len(set(data.table().groups.tolist())) == num_groups


@pytest.mark.parametrize("options", [{"starts": (0, 25)}, {"shares": (0.4, 0.6)}])
def test_a_restored_one_goes_on_as_the_first(options: Any, tmp_path: Path) -> None:
    rater, again = classes_then_scores(**options), classes_then_scores(**options)
    for k in range(2):
        rater.submit(segments(np.random.default_rng(k).normal(size=10), 10 * k))
    save_state(tmp_path / "c", {"rater": rater.state_dict()})
    again.load_state_dict(load_state(tmp_path / "c")["rater"])
    assert again.collect() == rater.collect()
    for k in range(2, 4):
        for one in (rater, again):
            one.submit(segments(np.random.default_rng(k).normal(size=10), 10 * k))
    assert again.collect() == rater.collect()


def test_json_and_copies() -> None:
    one = {"type": "gym_rated:SyntheticRater", "num_classes": 3}
    strategies = [one, one | {"answers": "scores"}]
    rater = resolve_rater(
        {"type": "gym_rated:SwitchingRater", "raters": strategies, "starts": [0, 2]}
    )
    assert copy.deepcopy(rater) is rater
    rater.submit(segments(range(4)))
    assert [type(a) for a in rater.collect()] == [Rating, Rating, Score, Score]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, ValueError, "`starts` or `shares` must say .* got starts=None and shares=None"),
        ({"starts": (0, 1), "shares": (1, 0)}, ValueError, "and not both"),
        ({"starts": (0,)}, ValueError, r"`starts` must be 2 increasing numbers from 0.*\[0\]"),
        ({"starts": (1, 2)}, ValueError, r"`starts` must be 2 increasing .* got \[1, 2\]"),
        ({"starts": (0, 0)}, ValueError, r"`starts` must be 2 increasing .* got \[0, 0\]"),
        ({"starts": (0, -1)}, ValueError, "`starts` must be at least 0, got -1"),
        ({"starts": (0, 1.5)}, TypeError, "`starts` must be an int, got 1.5"),
        ({"shares": (1.0,)}, ValueError, r"`shares` must be 2 numbers .* got \[1.0\]"),
        ({"shares": (0.5, 0.6)}, ValueError, r"`shares` must be 2 numbers .* got \[0.5, 0.6\]"),
        ({"shares": (-0.5, 1.5)}, ValueError, r"`shares` must lie in \[0, 1\], got -0.5"),
        ({"shares": ("a", 1)}, TypeError, "`shares` must be a number, got 'a'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        classes_then_scores(**options)


def test_strategies_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="`raters` must hold at least 2, got 1"):
        SwitchingRater([SyntheticRater(3)], starts=(0,))
    with pytest.raises(ValueError, match=r"same number of classes, got \[3, 4\]"):
        SwitchingRater([SyntheticRater(3), SyntheticRater(4)], starts=(0, 5))
