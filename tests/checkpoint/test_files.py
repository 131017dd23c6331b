"""Files are replaced whole or grow by whole records, whatever fails, and no link is followed."""

import errno
import os
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint.files import GrowingFile, read_file, remove_leftovers, replace_file
from gym_rated.checkpoint.rows import RowFiles
from gym_rated.ratings import RatingDataset


def full_disk(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_link_where_a_temporary_file_could_be_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("precious")
    (tmp_path / "result.json.tmp").symlink_to(target)
    replace_file(tmp_path / "result.json", b"new")
    assert target.read_text() == "precious"
    assert (tmp_path / "result.json").read_bytes() == b"new"


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("precious")
    (tmp_path / "result.json").symlink_to(target)
    replace_file(tmp_path / "result.json", b"new")
    assert target.read_text() == "precious"
    assert not (tmp_path / "result.json").is_symlink()


def test_files_that_grow_are_no_links(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("precious")
    for name in ("metrics.jsonl", "rows-000000.f32"):
        (tmp_path / name).symlink_to(target)
    with pytest.raises(OSError, match=r"metrics\.jsonl` could not be written: .*is a link, which"):
        GrowingFile(tmp_path / "metrics.jsonl")
    with pytest.raises(OSError, match=r"rows-000000\.f32` could not be written: .*is a link, wh"):
        RowFiles(tmp_path, width=2, keep=9).append(np.ones((1, 2), np.float32))
    assert target.read_text() == "precious"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_permissions_of_a_replaced_file_are_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    replace_file(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_that_the_user_gives_new_files(tmp_path: Path) -> None:
    (tmp_path / "by_open").write_text("")
    replace_file(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "by_open").stat().st_mode


@pytest.mark.parametrize(
    ("owner", "name"),
    [(os, "open"), (os, "replace"), (os, "fsync"), (Path, "write_bytes"), (os, "chmod")],
)
def test_a_failure_leaves_the_old_file_and_no_other_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full_disk)
        with pytest.raises(OSError, match="file` could not be written: No space left") as caught:
            replace_file(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert "free some space" in str(caught.value)
    assert (names(tmp_path), path.read_text()) == (["file"], "old")


def test_what_a_kill_left_is_removed_and_what_others_may_write_is_not(tmp_path: Path) -> None:
    old, young = (tmp_path / f".gym_rated-{name}.tmp" for name in ("aa", "bb"))
    for path in (old, young, tmp_path / "mine.tmp"):
        path.write_text("half")
    os.utime(old, (time.time() - 7_200,) * 2)
    replace_file(tmp_path / "file", b"")
    assert names(tmp_path) == [young.name, "file", "mine.tmp"]
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["file", "mine.tmp"]


def test_a_record_that_does_not_fit_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write, budget = GrowingFile(tmp_path / "rows"), os.write, [9]

    def almost_full(descriptor: int, data: memoryview) -> int:
        if not budget[0]:
            full_disk()
        done = write(descriptor, data[: budget[0]])
        budget[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", almost_full)
        file.add(b"first\n")
        with pytest.raises(OSError, match=r"rows` could not be written: No space left.*free some"):
            file.add(b"second\n")
    assert (tmp_path / "rows").read_bytes() == b"first\n"
    file.add(b"third\n")
    file.close()
    file.close()
    assert (tmp_path / "rows").read_bytes() == b"first\nthird\n"
    with pytest.raises(ValueError, match="must be open to be written, got it closed"):
        file.add(b"fourth\n")


def tensors_full(arrays: Any, path: Path) -> None:
    raise safetensors.SafetensorError(
        "Error while serializing: I/O error: No space left on device (os error 28)"
    )


@pytest.mark.parametrize(
    ("owner", "name", "failure", "file"),
    [
        (Path, "write_bytes", full_disk, "skeleton-2.json"),
        (safetensors.numpy, "save_file", tensors_full, "tensors-2.safetensors"),
        (os, "replace", full_disk, "manifest.json"),
    ],
)
def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    failure: Callable[..., Any],
    file: str,
) -> None:
    save_state(tmp_path, {"step": 1, "x": np.ones(3)})
    before = names(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failure)
        said = rf"{re.escape(file)}` could not be written: No space left on device; .*free some"
        with pytest.raises(OSError, match=said):
            save_state(tmp_path, {"step": 2, "x": np.zeros(3)})
    assert names(tmp_path) == before
    assert load_state(tmp_path)["step"] == 1
    save_state(tmp_path, {"step": 2, "x": np.zeros(3)})
    assert load_state(tmp_path)["step"] == 2


def test_a_checkpoint_that_is_in_force_stays_whatever_fails_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(tmp_path, {"step": 1})
    replace, fsync = os.replace, os.fsync

    def replace_then_fail(old: Any, new: Any) -> None:
        replace(old, new)
        monkeypatch.setattr(os, "fsync", full_disk)

    monkeypatch.setattr(os, "replace", replace_then_fail)
    with pytest.raises(OSError, match=r"manifest\.json` could not be written"):
        save_state(tmp_path, {"step": 2})
    monkeypatch.setattr(os, "fsync", fsync)
    assert load_state(tmp_path)["step"] == 2


def no_file(path: Path, kind: str) -> None:
    """Put something in the place of a file that cannot be read to its end."""
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


NO_FILES = ["a pipe", "a device", "a folder"]


@pytest.mark.skipif(os.name == "nt", reason="without pipes and devices")
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ratings.npz"
    no_file(path, kind)
    for read in (read_file, RatingDataset.load):
        with pytest.raises(
            ValueError, match=f"`{re.escape(str(path))}` must be a file, got {kind}"
        ):
            read(path)


@pytest.mark.skipif(os.name == "nt", reason="without pipes and devices")
@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", ["manifest.json", "skeleton-1.json", "tensors-1.safetensors"])
def test_no_file_of_a_checkpoint_is_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    save_state(tmp_path, {"a": np.zeros(3)})
    no_file(tmp_path / name, kind)
    with pytest.raises(ValueError, match=f"must be a file, got {kind}"):
        load_state(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="without pipes")
@pytest.mark.parametrize("kind", NO_FILES)
def test_no_rows_of_a_replay_memory_are_waited_for(tmp_path: Path, kind: str) -> None:
    files = RowFiles(tmp_path, width=2, keep=10)
    files.append(np.ones((3, 2), np.float32))
    no_file(next(tmp_path.glob("rows-*")), kind)
    with pytest.raises(ValueError, match=f"must be a file, got {kind}"):
        RowFiles(tmp_path, width=2, keep=10).load_state_dict(files.state_dict())


@pytest.mark.skipif(os.name == "nt", reason="without pipes")
def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="must be a file to replace, got a pipe"):
        replace_file(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (read_file, RatingDataset.load):
        with pytest.raises(FileNotFoundError, match="npz` must be a file, got nothing there"):
            read(tmp_path / "none.npz")
