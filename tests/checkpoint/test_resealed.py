"""A checkpoint whose content was changed and whose checksums were made anew is refused."""

import json

import numpy as np
import pytest
import torch

from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint import state as module
from gym_rated.checkpoint.finite import check_tensors
from gym_rated.checkpoint.restoring import restoring


@pytest.fixture
def folder(tmp_path):
    save_state(tmp_path, {"a": np.arange(6.0).reshape(2, 3), "t": torch.ones(2), "x": [1, (2,)]})
    return tmp_path


def reseal(folder, skeleton=None, manifest=None):
    """Write another skeleton or manifest, with the checksums that belong to it."""
    path = folder / "skeleton-1.json"
    if skeleton is not None:
        path.write_text(skeleton if isinstance(skeleton, str) else json.dumps(skeleton))
    content = json.loads((folder / "manifest.json").read_bytes())
    del content["sha256"]
    content["files"]["skeleton"] |= module._fingerprint(path)
    content = content if manifest is None else manifest(content)
    (folder / "manifest.json").write_bytes(module._sealed(content))


ARRAY = {"array": "state.a", "dtype": "<f8", "shape": [2, 3]}
TENSOR = {"tensor": "state.t", "dtype": "float32", "shape": [2]}


def whole(array=ARRAY, tensor=TENSOR, more=()):
    return {"dict": [["a", array], ["t", tensor], *more]}


def test_the_sound_skeleton_is_read(folder):
    reseal(folder, whole())
    assert load_state(folder)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("skeleton", "reason"),
    [
        ("[" * 5_000, "nested too deeply"),
        ('{"dict": [], "dict": []}', "has the key 'dict' twice"),
        ("[NaN]", "has NaN"),
        ([], "name every array"),
        (whole(array=1), "'state.a' is left over"),
        (whole(array=ARRAY | {"array": "state.b"}), "'state.b' is not there"),
        (whole(array=ARRAY | {"array": ["state.a"]}), "is not there"),
        (whole(more=[["b", ARRAY]]), "name each array once"),
        (whole(array=ARRAY | {"shape": [6, 10**9]}), "48 bytes"),
        (whole(array=ARRAY | {"shape": [-2, -3]}), "give shapes"),
        (whole(array=ARRAY | {"shape": [True, 6]}), "give shapes"),
        (whole(array=ARRAY | {"shape": [1] * 60 + [6]}), "give shapes"),
        (whole(array=ARRAY | {"dtype": "O"}), "no dtype 'O'"),
        (whole(array=ARRAY | {"dtype": "<i8"}), "of float64, not int64"),
        (whole(array=ARRAY | {"dtype": "<c16"}), "of float64, not complex128"),
        (whole(array=ARRAY | {"more": 1}), "known objects"),
        (whole(tensor=TENSOR | {"dtype": "load"}), "no dtype 'load'"),
        (whole(tensor=TENSOR | {"dtype": "bfloat16"}), "of float32, not uint8"),
        (whole(tensor={"tensor": "state.t"}), "known objects"),
        (whole(more=[["b", {"float": "1e5"}]]), "known objects"),
        (whole(more=[["a", 1]]), "a new key"),
        (whole(more=[[None, 1]]), "a new key"),
        (whole(more=[["b"]]), "a new key"),
        (whole(more=[["b", {"tuple": 1}]]), "known objects"),
    ],
)
def test_another_skeleton_is_refused(folder, skeleton, reason):
    reseal(folder, skeleton)
    with pytest.raises(ValueError, match=f"(?s)`folder` must hold an undamaged.*{reason}"):
        load_state(folder)


def test_a_state_that_is_no_mapping_is_refused(tmp_path):
    save_state(tmp_path, {})
    reseal(tmp_path, [])
    with pytest.raises(ValueError, match="must hold a mapping, got list"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m | {"version": "1"},
        lambda m: m | {"version": 0},
        lambda m: m | {"files": []},
        lambda m: m | {"files": {"skeleton": m["files"]["skeleton"]}},
        lambda m: m | {"files": m["files"] | {"tensors": "tensors-1.safetensors"}},
        lambda m: m | {"files": m["files"] | {"tensors": {"name": 3, "bytes": 1, "sha256": ""}}},
        lambda m: m | {"files": m["files"] | {"more": {}}},
    ],
)
def test_another_manifest_is_refused(folder, change):
    reseal(folder, manifest=change)
    with pytest.raises(ValueError, match="`folder` must hold an undamaged checkpoint"):
        load_state(folder)


@pytest.mark.parametrize("error", [KeyError("a"), TypeError("b"), RuntimeError("c"), IndexError()])
def test_foreign_errors_are_said_in_our_own_words(error):
    with pytest.raises(ValueError, match="`resume` must hold what was saved there, got here"):
        with restoring("resume", "here"):
            raise error


def test_our_own_errors_pass_as_they_are():
    with pytest.raises(RuntimeError, match=r"^`x` is wrong$"), restoring("resume", "here"):
        raise RuntimeError("`x` is wrong")


def test_a_tensor_that_is_not_finite_is_named():
    check_tensors({"a": [torch.ones(1), float("nan"), np.array([np.nan])]})  # nothing to say yet
    with pytest.raises(ValueError, match=r"`state\.b\.1\.c` must be finite"):
        check_tensors({"b": [0, {"c": torch.tensor([1.0, torch.inf])}]})
