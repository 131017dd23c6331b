import copy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from envs import SlowRater, make_segment

from gym_rated import (
    CallableRater,
    Rater,
    Rating,
    ReplayRater,
    Score,
    SeveralRaters,
    ShuffledRater,
    SyntheticRater,
)
from gym_rated.checkpoint import load_state, save_state
from gym_rated.wrappers.specs import resolve_rater


def segments(returns: Any, first: int = 0) -> list[Any]:
    """One segment a return, with ids "s0", "s1", ..."""
    return [make_segment(f"s{first + i}", float(r)) for i, r in enumerate(returns)]


def two(**options: Any) -> SeveralRaters:
    lenient = SyntheticRater(5, leniency=1, name="lenient", seed=1)
    harsh = SyntheticRater(5, leniency=-1, name="harsh", seed=2)
    return SeveralRaters([lenient, harsh], **options)


def test_segments_are_shared_out_evenly_and_each_to_one() -> None:
    rater = two()
    assert isinstance(rater, Rater)
    for k in range(5):
        rater.submit(segments(np.zeros(7), 7 * k))
        counts = Counter(a.rater for a in rater.collect() if a.revision == 0)  # type: ignore[union-attr]
        assert sorted(counts.values()) == [3, 4]
    assert sorted(rater._asked) == [17, 18]


def test_who_gets_what_is_chance() -> None:
    def run(seed: int) -> list[str]:
        rater = two(seed=seed)
        rater.submit(segments(range(20)))
        return [a.rater for a in sorted(rater.collect(), key=lambda a: int(a.segment_id[1:]))]  # type: ignore[union-attr]

    assert run(1) == run(1) != run(2)
    # of two segments in turn, the first goes to either rater equally often
    firsts = Counter(run(seed)[0] for seed in range(400))
    assert abs(firsts["harsh"] - 200) < 4 * np.sqrt(100)


def test_overlap_asks_several_about_each_segment() -> None:
    names = "abc"
    rater = SeveralRaters(
        [CallableRater(lambda s: 1, 3, name=name) for name in names], overlap=2, seed=0
    )
    rater.submit(segments(range(30)))
    answers = rater.collect()
    assert Counter(a.segment_id for a in answers) == {f"s{i}": 2 for i in range(30)}  # type: ignore[union-attr]
    assert Counter(a.rater for a in answers) == dict.fromkeys(names, 20)
    assert len({(a.segment_id, a.rater) for a in answers}) == 60  # type: ignore[union-attr]


def test_each_rater_keeps_its_own_scale() -> None:
    rater = two(overlap=2)
    rater.submit(segments(np.arange(10.0)))
    ratings: dict[str, list[int]] = {"lenient": [], "harsh": []}
    for a in rater.collect():
        ratings[a.rater].append(a.rating)  # type: ignore[union-attr]
    assert ratings["lenient"] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]
    assert ratings["harsh"] == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3]


def test_pending_is_the_sum_and_a_rater_asked_nothing_hears_nothing() -> None:
    slow, other = SlowRater(), SlowRater()
    slow.name, other.name = "slow", "other"  # type: ignore[attr-defined]
    rater = SeveralRaters([slow, other])
    rater.submit(segments([1.0]))
    assert rater.pending == 1
    assert sorted(len(r.submitted) for r in (slow, other)) == [0, 1]
    rater.submit(segments([1.0], 1))
    assert [len(r.submitted) for r in (slow, other)] == [1, 1]
    slow.answer(1)
    assert len(rater.collect()) == rater.pending == 1


def test_a_restored_one_goes_on_as_the_first() -> None:
    rater, again = two(seed=4), two(seed=4)
    for k in range(3):
        rater.submit(segments(np.random.default_rng(k).normal(size=9), 9 * k))
    state = rater.state_dict()
    snapshot = copy.deepcopy(state)
    rater.submit(segments(np.arange(9.0), 27))
    np.testing.assert_equal(state, snapshot)
    again.load_state_dict(state)
    again.submit(segments(np.arange(9.0), 27))
    assert again.collect() == rater.collect()


def test_json_and_copies() -> None:
    one = {"type": "gym_rated:SyntheticRater", "num_classes": 3}
    rater = resolve_rater(
        {"type": "gym_rated:SeveralRaters", "raters": [one | {"name": n} for n in "ab"]}
    )
    assert [r.name for r in rater.raters] == ["a", "b"]
    assert copy.deepcopy(rater) is rater
    rater.submit(segments(range(4)))
    assert len(rater.collect()) == 4


@pytest.mark.parametrize(
    ("raters", "options", "text"),
    [
        ([SyntheticRater()], {}, "`raters` must hold at least 2, got 1"),
        (
            [SyntheticRater(), SyntheticRater()],
            {},
            r"must have different names, got \['synthetic', 'synthetic'\]",
        ),
        (
            [SyntheticRater(3), SyntheticRater(4, name="b")],
            {},
            r"must have the same number of classes, got \[3, 4\]",
        ),
        (
            [SyntheticRater(), SyntheticRater(name="b")],
            {"overlap": 3},
            "`overlap` must be at most the number of raters, 2, got 3",
        ),
        ([SyntheticRater(), SyntheticRater(name="b")], {"overlap": 0}, "at least 1, got 0"),
    ],
)
def test_raters_that_do_not_fit_together_are_refused(raters: Any, options: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SeveralRaters(raters, **options)


def test_a_rater_without_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`raters` must each have a `name`, got .* without one"):
        SeveralRaters([SyntheticRater(2), SlowRater()])


def test_what_people_judge_by_is_handed_on() -> None:
    anna, bob, computed = (SyntheticRater(4, name=name) for name in ("anna", "bob", "computed"))
    assert ShuffledRater(SeveralRaters([anna, computed])).criterion is None
    anna.criterion = "Does it run?"  # type: ignore[attr-defined]  # as of one who judges as people do
    assert ShuffledRater(SeveralRaters([anna, computed])).criterion == "Does it run?"
    bob.criterion = "Is it safe?"  # type: ignore[attr-defined]
    assert SeveralRaters([anna, bob, computed]).criterion == "Does it run?; Is it safe?"
    bob.criterion = "Does it run?"  # type: ignore[attr-defined]
    assert SeveralRaters([anna, bob]).criterion == "Does it run?"


def test_all_memories_survive_a_checkpoint_on_disk(tmp_path: Path) -> None:
    def make() -> ShuffledRater:
        mixed = SyntheticRater(4, answers="mixed", temperature=0.5, skip_rate=0.1, name="a")
        scores = SyntheticRater(4, answers="scores", regrade=False, name="b")
        records = [Rating("s0", 1, "c"), Score("s1", 0.5, "c")]
        replay = ReplayRater(records, 4, unrecorded="wait", name="c")
        return ShuffledRater(SeveralRaters([mixed, scores, replay], overlap=2))

    rater, again = make(), make()
    rater.submit(segments(np.arange(12.0)))
    save_state(tmp_path / "c", rater.state_dict())
    again.load_state_dict(load_state(tmp_path / "c"))
    for one in (rater, again):
        one.submit(segments(np.arange(12.0), 12))
    assert again.pending == rater.pending > 0
    assert again.collect() == rater.collect() != []
