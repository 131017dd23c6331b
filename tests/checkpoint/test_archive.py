"""Arrays in an `.npz`: what is written comes back, by any numpy, and nothing else is read."""

import zipfile
from io import BytesIO

import numpy as np
import pytest

from gym_rated.checkpoint import archive as module
from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays

ARRAYS = {"obs": np.arange(6, dtype=np.float32).reshape(2, 3), "meta": np.array("text")}


def rewritten(change):
    """Return the bytes of a zip whose entries, name -> content, were changed."""
    with zipfile.ZipFile(BytesIO(pack_arrays(ARRAYS))) as found:
        entries = {name: found.read(name) for name in found.namelist()}
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as written:
        for name, content in change(entries).items():
            written.writestr(name, content)
    return out.getvalue()


def test_arrays_come_back_and_numpy_reads_them():
    data = pack_arrays(ARRAYS)
    found = unpack_arrays(data, ("obs", "meta"))
    assert found["obs"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["obs"].dtype == np.float32
    assert str(found["meta"]) == "text"
    with np.load(BytesIO(data), allow_pickle=False) as file:
        assert sorted(file.files) == ["meta", "obs"]


def test_no_name_of_an_array_is_an_argument_of_numpy():
    arrays = {"allow_pickle": np.ones(1), "file": np.ones(2)}
    assert unpack_arrays(pack_arrays(arrays), ("file",)).keys() == {"file"}


def test_what_an_older_numpy_wrote_beside_is_ignored():
    data = pack_arrays({**ARRAYS, "allow_pickle": np.array(False)})
    assert unpack_arrays(data, ("obs", "meta")).keys() == {"obs", "meta"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda e: {"obs.npy": e["obs.npy"]}, "has no array 'meta'"),
        (lambda e: e | {"more.npy": e["obs.npy"]}, "unknown array 'more'"),
        (lambda e: e | {"obs.npy": e["obs.npy"] + b"0"}, "is not what it holds"),
        (lambda e: e | {"obs.npy": e["obs.npy"][:-1]}, "is not what it holds"),
        (lambda e: e | {"obs.npy": b""}, "EOF"),
        (lambda e: e | {"obs.npy": e["obs.npy"].replace(b"(2, 3)", b"(9**9,)")}, "."),
        (lambda e: e | {"obs.npy": e["obs.npy"].replace(b"<f4", b"|O ")}, "."),
    ],
)
def test_another_content_is_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        unpack_arrays(rewritten(change), ("obs", "meta"))


def test_what_compresses_too_well_is_stored_so_that_it_can_be_read(monkeypatch):
    monkeypatch.setattr(module, "_FREE_BYTES", 2**20)
    arrays = {"obs": np.zeros(2**21, np.uint8)}  # deflate makes 2 kB of it
    data = pack_arrays(arrays)
    assert len(data) > 2**21
    assert not unpack_arrays(data, ("obs",))["obs"].any()
    packed = module._zipped(arrays, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="more than 200 times its own size"):
        unpack_arrays(packed, ("obs",))


def test_objects_are_not_written():
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        pack_arrays({"a": np.array([None])})
