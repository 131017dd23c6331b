"""Rows in files that only grow: what a checkpoint names is found again, whatever came after."""

from pathlib import Path

import numpy as np
import pytest

from gym_rated.checkpoint.rows import RowFiles


def table(first: int, last: int) -> np.ndarray:
    """Rows (i, -i) for i from `first` to before `last`."""
    numbers = np.arange(first, last, dtype=np.float32)
    return np.stack([numbers, -numbers], axis=1)


def small(folder: Path) -> RowFiles:
    return RowFiles(folder, width=2, keep=5, rows_per_file=4)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_rows_come_back_over_several_files(tmp_path: Path) -> None:
    files = small(tmp_path)
    files.append(table(0, 3))
    files.append(table(3, 10))
    again = small(tmp_path)
    rows = again.load_state_dict(files.state_dict())
    assert rows.tolist() == table(5, 10).tolist()
    assert again.num_rows == 10


def test_rows_after_the_last_state_are_forgotten_and_overwritten(tmp_path: Path) -> None:
    files = small(tmp_path)
    files.append(table(0, 2))
    state = files.state_dict()
    files.append(table(90, 99))  # a kill loses these
    again = small(tmp_path)
    assert again.load_state_dict(state).tolist() == table(0, 2).tolist()
    again.append(table(2, 3))
    third = small(tmp_path)
    assert third.load_state_dict(again.state_dict()).tolist() == table(0, 3).tolist()


def test_run_that_begins_anew_overwrites_what_it_finds(tmp_path: Path) -> None:
    small(tmp_path).append(table(50, 54))
    files = small(tmp_path)
    files.append(table(0, 1))
    assert (tmp_path / "rows-000000.f32").stat().st_size == 2 * 4


def test_old_files_go_once_no_checkpoint_can_need_them(tmp_path: Path) -> None:
    files = small(tmp_path)
    files.append(table(0, 4))
    states = [files.state_dict()]
    files.append(table(4, 10))  # of the last 5 rows none is in the first file
    states.append(files.state_dict())
    assert names(tmp_path) == ["rows-000000.f32", "rows-000001.f32", "rows-000002.f32"]
    assert small(tmp_path).load_state_dict(states[0]).tolist() == table(0, 4).tolist()
    files.state_dict()
    assert names(tmp_path) == ["rows-000001.f32", "rows-000002.f32"]
    assert small(tmp_path).load_state_dict(states[1]).tolist() == table(5, 10).tolist()


def test_append_writes_no_more_than_what_is_new(tmp_path: Path) -> None:
    files = RowFiles(tmp_path, width=2, keep=100, rows_per_file=4)
    files.append(table(0, 4))
    first = tmp_path / "rows-000000.f32"
    before = first.stat().st_mtime_ns
    files.append(table(4, 6))
    assert first.stat().st_mtime_ns == before


def test_damaged_row_is_refused(tmp_path: Path) -> None:
    files = small(tmp_path)
    files.append(table(0, 3))
    path = tmp_path / "rows-000000.f32"
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="another SHA-256 than its checkpoint says"):
        small(tmp_path).load_state_dict(files.state_dict())


def test_missing_file_is_named(tmp_path: Path) -> None:
    files = small(tmp_path)
    files.append(table(0, 3))
    (tmp_path / "rows-000000.f32").unlink()
    with pytest.raises(FileNotFoundError, match=r"without rows-000000\.f32"):
        small(tmp_path).load_state_dict(files.state_dict())


def test_rows_of_another_width_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`rows` must have shape \(K, 2\), got \(1, 3\)"):
        small(tmp_path).append(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize(
    "change",
    [
        *({"num_rows": -1}, {"num_rows": "9"}, {"num_rows": 10**12}, {"rows_per_file": 0}),
        *({"rows_per_file": 10**9}, {"sha256": {}}, {"sha256": []}),
    ],
)
def test_a_state_of_other_files_is_refused(tmp_path, change):
    files = RowFiles(tmp_path, width=2, keep=5, rows_per_file=4)
    files.append(np.ones((10, 2), np.float32))
    state = files.state_dict()
    with pytest.raises((TypeError, ValueError), match="`"):
        RowFiles(tmp_path, width=2, keep=5).load_state_dict(state | change)


def test_rows_that_are_not_finite_are_refused(tmp_path):
    files = RowFiles(tmp_path, width=2, keep=5, rows_per_file=4)
    files.append(np.full((3, 2), np.nan, np.float32))
    with pytest.raises(ValueError, match="`folder` must hold finite numbers"):
        RowFiles(tmp_path, width=2, keep=5).load_state_dict(files.state_dict())
