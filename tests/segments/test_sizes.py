"""What takes much memory is said, and what cannot be is refused, before it is taken."""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, SpaceEnv

from gym_rated import RatingFeedbackWrapper, checks
from gym_rated.segments import SegmentBuffer, sizes

GIB = 2**30
ACTIONS = gym.spaces.Discrete(2)


@pytest.fixture(autouse=True)
def _a_machine_of_64_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "memory_bytes", lambda: 64 * GIB)


def test_float_images_that_fill_memory_are_warned_of() -> None:
    # 200,001 rows of 84 * 84 * 3 float32, 2 float32 and 1 float64: 15.8 GiB
    env = SpaceEnv(gym.spaces.Box(0, 1, (84, 84, 3)), ACTIONS)
    with pytest.warns(UserWarning, match=r"`capacity` takes 15.8 GiB .* 200000 steps of 84688 byt"):
        RatingFeedbackWrapper(env, KeepingRater())


def test_what_no_memory_holds_is_refused_with_the_remedy() -> None:
    env = SpaceEnv(gym.spaces.Discrete(10**6), ACTIONS)
    text = r"`capacity` must fit into the 64.0 GiB .* takes 745.1 GiB .*; use a smaller one, `feat"
    with pytest.raises(ValueError, match=text):
        RatingFeedbackWrapper(env, KeepingRater())
    with pytest.raises(ValueError, match="must fit into"):
        sizes.announce_memory("capacity", 64 * GIB + 1, "")
    with pytest.raises(ValueError, match="must fit into"):
        SegmentBuffer(4, 3, 2, capacity=10**13)


def test_what_is_usual_says_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SegmentBuffer(8, 376, 17)
        sizes.announce_memory("capacity", 4 * GIB, "")


@pytest.mark.parametrize(("there", "num_bytes"), [(64 * GIB, 4 * GIB + 1), (2 * GIB, GIB)])
def test_much_is_four_gib_or_a_quarter_of_the_machine(
    there: int, num_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "memory_bytes", lambda: there)
    with pytest.warns(UserWarning, match="GiB of memory for all; less"):
        sizes.announce_memory("capacity", num_bytes, "for all; less")


def test_the_memory_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.undo()
    limit = tmp_path / "memory.max"
    for text, wanted in ((str(GIB), GIB), ("max", None)):
        limit.write_text(text)
        monkeypatch.setattr(checks, "Path", lambda path: limit)
        assert checks.memory_bytes() == wanted or (wanted is None and checks.memory_bytes() > 0)
    assert np.iinfo(np.int64).max > checks.memory_bytes()
