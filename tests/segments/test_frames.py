import numpy as np
import pytest

from gym_rated.segments.frames import FRAME, frames_of


def test_the_picture_of_a_single_step_is_that_of_its_info() -> None:
    assert frames_of({FRAME: b"a"}, is_single=True) == [b"a"]


def test_the_last_picture_of_an_episode_is_in_the_final_info() -> None:
    final = {FRAME: np.array([None, b"last"], object), f"_{FRAME}": np.array([False, True])}
    info = {FRAME: np.array([b"a", b"first of the next"], object), "final_info": final}
    assert frames_of(info, is_single=False) == [b"a", b"last"]


def test_a_step_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="`record_frames` needs"):
        frames_of({"other": 1}, is_single=True)
