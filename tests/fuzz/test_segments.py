"""Random episodes, resets, queries and resumptions against a second implementation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from account import try_run
from tally import Tally

from gym_rated.segments import SegmentBuffer, buffer
from gym_rated.wrappers.endings import Endings

NUM_SEGMENTS = 60_000
pytestmark = [
    pytest.mark.fuzz,
    # short episodes and few segments are the subject here
    pytest.mark.filterwarnings("ignore:round", "ignore:a query for"),
]


def test_no_segment_differs_from_what_the_environment_did(tally: Tally) -> None:
    found = seed = 0
    while found < NUM_SEGMENTS:
        try:
            num = try_run(seed)
        except AssertionError as error:
            tally.record("segment cut from a random run", "lost", f"seed {seed}: {error}")
            num = 1
        for _ in range(num):
            tally.record("segment cut from a random run", "kept")
        found += num
        seed += 1
    assert not tally.lost


def _oldest_is_one_too_old(patch: pytest.MonkeyPatch) -> None:
    oldest = property(lambda self: max(0, self._row - self._rows_kept - 1))
    patch.setattr(SegmentBuffer, "_oldest", oldest)


def _a_fall_counts_as_truncation(patch: pytest.MonkeyPatch) -> None:
    end = SegmentBuffer._end_episode
    patch.setattr(SegmentBuffer, "_end_episode", lambda self, i, terminated: end(self, i, False))


def _truncation_counts_as_a_fall(patch: pytest.MonkeyPatch) -> None:
    record = SegmentBuffer.record

    def spoilt(self: Any, actions: Any, rewards: Any, _: Any, done: Any, *rest: Any) -> None:
        record(self, actions, rewards, done, done, *rest)

    patch.setattr(SegmentBuffer, "record", spoilt)


def _a_reset_does_not_end_an_episode(patch: pytest.MonkeyPatch) -> None:
    begin = SegmentBuffer.begin

    def spoilt(self: Any, obs: Any, which: Any = None) -> None:
        before = [list(episodes) for episodes in self._episodes]
        begin(self, obs, which)
        for episodes, old in zip(self._episodes, before, strict=True):
            if old and episodes[-1] is not old[-1] and old[-1].stop == self._row:
                old[-1].stop = self._row + 1

    patch.setattr(SegmentBuffer, "begin", spoilt)


def _reset_rows_are_steps(patch: pytest.MonkeyPatch) -> None:
    advance = Endings.advance
    patch.setattr(
        Endings, "advance", lambda self, done: (np.zeros_like(done), advance(self, done)[1])
    )


def _the_last_row_is_asked_about_again(patch: pytest.MonkeyPatch) -> None:
    def spoilt(self: Any) -> None:
        self._first_unasked = max(0, self._row - 1)

    patch.setattr(SegmentBuffer, "mark_asked", spoilt)


def _actions_come_a_row_late(patch: pytest.MonkeyPatch) -> None:
    record = SegmentBuffer.record

    def spoilt(self: Any, actions: Any, *rest: Any) -> None:
        late = getattr(self, "late", np.zeros_like(actions))
        self.late = np.array(actions)
        record(self, late, *rest)

    patch.setattr(SegmentBuffer, "record", spoilt)


def _a_replay_lacks_its_last_action(patch: pytest.MonkeyPatch) -> None:
    replay = SegmentBuffer.replay
    patch.setattr(SegmentBuffer, "replay", lambda self, segment: replay(self, segment)[:-1])


def _a_resumption_forgets_what_was_asked(patch: pytest.MonkeyPatch) -> None:
    load = SegmentBuffer.load_state_dict

    def spoilt(self: Any, state: Any) -> None:
        load(self, state)
        self._first_unasked = 0

    patch.setattr(SegmentBuffer, "load_state_dict", spoilt)


def _windows_overlap(patch: pytest.MonkeyPatch) -> None:
    window = buffer._Window

    def spoilt(env_index: int, episode: Any, first_row: int, length: int) -> Any:
        return window(env_index, episode, max(episode.first_row, first_row - 1), length)

    patch.setattr(buffer, "_Window", spoilt)


DEFECTS = (
    _oldest_is_one_too_old,
    _a_fall_counts_as_truncation,
    _truncation_counts_as_a_fall,
    _a_reset_does_not_end_an_episode,
    _reset_rows_are_steps,
    _the_last_row_is_asked_about_again,
    _actions_come_a_row_late,
    _a_replay_lacks_its_last_action,
    _a_resumption_forgets_what_was_asked,
    _windows_overlap,
)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__.strip("_"))
def test_a_seeded_defect_is_found(
    defect: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    defect(monkeypatch)
    found = any(_fails(seed) for seed in range(100))
    tally.record("seeded defect", "kept" if found else "lost", defect.__name__)
    assert found


def _fails(seed: int) -> bool:
    try:
        try_run(seed)
    except (AssertionError, IndexError, ValueError):  # ours refuses ids that come twice
        return True
    return False
