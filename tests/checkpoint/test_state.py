"""Checkpoints: what goes in comes out, and nothing damaged ever does."""

import json
import math
import os
import subprocess
import sys
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint import state as checkpoint

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
PLAIN = {
    "none": None,
    "flag": True,
    "count": 3,
    "big": 2**200 + 1,
    "negative": -(2**70),
    "minus_zero": -0.0,
    "tenth": 0.1,
    "text": "Grüße\n\ud800",
    "empty": {},
    "list": [1, [2.5, "x"], (), []],
    "tuple": (1, (2,), {"a": (3,)}),
    5: {-1: "int keys stay ints", "1": "and text stays text", 1: "even beside it"},
}


def round_trip(folder, state):
    save_state(folder, state)
    return load_state(folder)


def bits(tensor):
    return bytes(tensor.clone(memory_format=torch.contiguous_format).untyped_storage())


def assert_same(a, b):
    """Compare two nested states with every type, dtype and bit."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        assert [type(k) for k in a] == [type(k) for k in b]
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert bits(a) == bits(b)
    else:
        assert a == b or (math.isnan(a) and math.isnan(b))


def test_plain_values_come_back_with_their_types(tmp_path):
    state = {**PLAIN, "nan": math.nan, "inf": math.inf, "minus_inf": -math.inf}
    loaded = round_trip(tmp_path, state)
    assert_same(loaded, state)
    assert math.copysign(1.0, loaded["minus_zero"]) == -1.0


@pytest.mark.parametrize("dtype", [*DTYPES.split(), "complex64", "complex128", ">f4", ">i8"])
def test_arrays_and_scalars_of_every_dtype_come_back(tmp_path, dtype):
    numbers = np.arange(6).reshape(2, 3).astype(dtype)
    state = {
        "array": numbers,
        "transposed": numbers.T,
        "empty": numbers[:, :0],
        "zero_dimensional": numbers[1, 1:2].reshape(()),
        "scalar": numbers[1, 2],
    }
    loaded = round_trip(tmp_path, state)
    assert_same(loaded, state)
    loaded["array"][0, 0] = 1  # writable, as an optimiser needs it


@pytest.mark.parametrize(
    "dtype",
    [*DTYPES.split(), "complex64", "complex128", "bfloat16"],
)
def test_tensors_of_every_dtype_come_back(tmp_path, dtype):
    numbers = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    state = {"matrix": numbers, "transposed": numbers.T, "empty": numbers[:, :0]}
    state["zero_dimensional"] = torch.tensor(1).to(numbers.dtype)
    assert_same(round_trip(tmp_path, state), state)


def test_a_conjugated_view_and_a_parameter_come_back_as_plain_tensors(tmp_path):
    z = torch.tensor([1 + 2j, 3 - 1j])
    loaded = round_trip(tmp_path, {"conj": z.conj(), "weight": torch.nn.Parameter(z.real.clone())})
    assert torch.equal(loaded["conj"], torch.tensor([1 - 2j, 3 + 1j]))
    assert type(loaded["weight"]) is torch.Tensor
    assert not loaded["weight"].requires_grad


def test_an_adam_optimiser_continues_bit_for_bit(tmp_path):
    def steps(model, optimiser, num_steps):
        for i in range(num_steps):
            optimiser.zero_grad()
            model(torch.full((2, 3), float(i))).square().sum().backward()
            optimiser.step()

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimiser = torch.optim.Adam(model.parameters())
    steps(model, optimiser, 3)
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
    save_state(tmp_path, state)
    steps(model, optimiser, 3)

    other = torch.nn.Linear(3, 1)
    other_optimiser = torch.optim.Adam(other.parameters())
    loaded = load_state(tmp_path)
    assert sorted(loaded["optimiser"]["state"]) == [0, 1]
    other.load_state_dict(loaded["model"])
    other_optimiser.load_state_dict(loaded["optimiser"])
    steps(other, other_optimiser, 3)
    assert torch.equal(other.weight, model.weight)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_a_random_generator_continues_where_it_was(tmp_path, bits):
    rng = np.random.Generator(bits(3))
    rng.standard_normal(7)
    loaded = round_trip(tmp_path, {"rng": rng.bit_generator.state})
    other = np.random.Generator(bits(0))
    other.bit_generator.state = loaded["rng"]
    assert np.array_equal(other.standard_normal(5), rng.standard_normal(5))


def test_the_tensors_are_readable_by_any_safetensors_reader(tmp_path):
    save_state(tmp_path, {"model": {"weight": np.eye(2, dtype=np.float32)}})
    (file,) = tmp_path.glob("*.safetensors")
    assert np.array_equal(safetensors.numpy.load_file(file)["state.model.weight"], np.eye(2))


def test_keys_that_give_the_same_path_do_not_meet(tmp_path):
    state = {"a": {"b": np.array(1)}, "a.b": np.array(2), "__metadata__": np.array(3)}
    state.update({1: np.array(4), "1": np.array(5)})
    assert_same(round_trip(tmp_path, state), state)


def test_an_ordered_dict_comes_back_as_dict(tmp_path):
    loaded = round_trip(tmp_path, OrderedDict(b=1, a=OrderedDict(c=2)))
    assert_same(loaded, {"b": 1, "a": {"c": 2}})


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (object(), "object"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (Point(1, 2), "Point"),
        (Path("x"), "Path"),
        (np.array(["text"]), "<U4"),
        (np.array([None]), "object"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (np.zeros(1, [("x", "i4")]), "'x'"),
        (np.ma.masked_array([1, 2], [True, False]), "MaskedArray"),
        (np.str_("text"), "str_"),
        (torch.eye(2).to_sparse(), "torch.sparse_coo"),
        ({(1, 2): 3}, r"\(1, 2\)"),
        ({True: 3}, "True"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_path(tmp_path, value, found):
    with pytest.raises(TypeError, match=rf"`state\.outer\.0.*got .*{found}"):
        save_state(tmp_path / "new", {"outer": [value]})
    assert not (tmp_path / "new").exists()


def test_a_state_that_is_no_mapping_is_refused(tmp_path):
    with pytest.raises(TypeError, match="`state` must be a mapping, got list"):
        save_state(tmp_path, [1])


def test_a_save_replaces_the_last_one_and_leaves_no_rubbish(tmp_path):
    for step in range(3):
        save_state(tmp_path, {"step": step})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["manifest.json", "skeleton-3.json", "tensors-3.safetensors"]
    assert load_state(tmp_path) == {"step": 2}


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    save_state(tmp_path, {"step": 1})
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("folder", ["missing", "empty", "a_file"])
def test_a_folder_without_a_checkpoint_is_not_found(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a_file").write_text("")
    with pytest.raises(FileNotFoundError, match=rf"complete checkpoint, got .*{folder}.*; check"):
        load_state(tmp_path / folder)


@pytest.mark.parametrize("name", ["skeleton-1.json", "tensors-1.safetensors"])
def test_a_missing_file_is_named(tmp_path, name):
    save_state(tmp_path, {"x": np.ones(3)})
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"without {name}; restore it"):
        load_state(tmp_path)


def test_every_flipped_byte_is_refused(tmp_path):
    save_state(tmp_path, {"x": np.ones(3), "n": math.nan, "t": (1, 2)})
    for path in sorted(tmp_path.iterdir()):
        data = path.read_bytes()
        for i in range(len(data)):
            for mask in (0x01, 0x20, 0xFF):
                path.write_bytes(data[:i] + bytes([data[i] ^ mask]) + data[i + 1 :])
                with pytest.raises((ValueError, FileNotFoundError), match="`folder` must hold"):
                    load_state(tmp_path)
        path.write_bytes(data)
    assert load_state(tmp_path)["t"] == (1, 2)


def test_every_truncation_is_refused(tmp_path):
    save_state(tmp_path, {"x": np.ones(3)})
    for path in sorted(tmp_path.iterdir()):
        data = path.read_bytes()
        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises(ValueError, match="`folder` must hold"):
                load_state(tmp_path)
        path.write_bytes(data)


def test_a_newer_format_asks_for_an_update(tmp_path):
    newer = {"format": checkpoint.FORMAT, "version": 2, "files": {}}
    (tmp_path / "manifest.json").write_bytes(checkpoint._sealed(newer))
    with pytest.raises(ValueError, match=r"format 1 or older, got .* of format 2; update"):
        load_state(tmp_path)


def test_a_manifest_of_another_program_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(ValueError, match="another program; check the path"):
        load_state(tmp_path)


def test_a_manifest_cannot_name_a_file_outside_its_folder(tmp_path):
    save_state(tmp_path / "in", {"x": 1})
    path = tmp_path / "in" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["sha256"]
    manifest["files"]["skeleton"]["name"] = "../skeleton-1.json"
    path.write_bytes(checkpoint._sealed(manifest))
    with pytest.raises(ValueError, match=r"must name a skeleton file in its folder, got '\.\./"):
        load_state(tmp_path / "in")


def test_a_failure_at_any_step_of_a_save_leaves_the_old_or_the_new_state(tmp_path, monkeypatch):
    steps = {
        (os, "fsync"): os.fsync,
        (os, "replace"): os.replace,
        (Path, "unlink"): Path.unlink,
        (Path, "write_bytes"): Path.write_bytes,
        (safetensors.numpy, "save_file"): safetensors.numpy.save_file,
    }
    for old in range(40):
        save_state(tmp_path, {"step": old, "x": np.full(5, old)})
        budget = [old]  # the save fails at its call number `old`

        def failing(real, budget=budget):
            def call(*args, **kwargs):
                if budget[0] == 0:
                    raise OSError("disk full")
                budget[0] -= 1
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for (owner, name), real in steps.items():
                patch.setattr(owner, name, failing(real))
            try:
                save_state(tmp_path, {"step": old + 1, "x": np.full(5, old + 1)})
                complete = True
            except OSError:
                complete = False
        loaded = load_state(tmp_path)
        assert loaded["step"] in ((old + 1,) if complete else (old, old + 1))
        assert np.array_equal(loaded["x"], np.full(5, loaded["step"]))
        if complete:
            assert old > 8  # so every one of its steps has failed once
            return
    pytest.fail("a save never got through in 40 calls")


KILL_A_WRITER = """
import os, random, signal, sys, time
import numpy as np
from gym_rated.checkpoint import load_state, save_state

folder = sys.argv[1]
rng = random.Random(0)
save_state(folder, {"step": 0, "parts": [np.zeros(50_000)] * 2})
start = time.monotonic()
save_state(folder, {"step": 0, "parts": [np.zeros(50_000)] * 2})
duration_s = time.monotonic() - start
kills, last, moved, unfinished = 0, 0, 0, 0
while kills < 40 or moved < 20 or unfinished < 10:  # until writers did write, and were interrupted
    pid = os.fork()
    if pid == 0:
        step = last
        while True:
            step += 1
            save_state(folder, {"step": step, "parts": [np.full(50_000, step * 1.0)] * 2})
    time.sleep(rng.uniform(0, 5 * duration_s) * (1 + kills / 40))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    kills += 1
    state = load_state(folder)
    assert state["step"] >= last
    assert all((part == state["step"]).all() for part in state["parts"])
    moved += state["step"] > last
    unfinished += len(os.listdir(folder)) != 3
    last = state["step"]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_writer_killed_at_random_instants_always_leaves_a_whole_checkpoint(tmp_path):
    command = [sys.executable, "-c", KILL_A_WRITER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_a_reader_beside_a_writer_never_sees_a_gap(tmp_path, monkeypatch):
    save_state(tmp_path, {"step": 1})
    read = checkpoint._read_verified

    def overtaken(folder, manifest, role):
        monkeypatch.setattr(checkpoint, "_read_verified", read)
        save_state(tmp_path, {"step": 2})
        return read(folder, manifest, role)

    monkeypatch.setattr(checkpoint, "_read_verified", overtaken)
    assert load_state(tmp_path) == {"step": 2}


def test_numpy_states_need_no_torch(tmp_path):
    code = (
        "import sys, numpy as np; from gym_rated.checkpoint import load_state, save_state;"
        f"save_state({str(tmp_path)!r}, {{'x': np.ones(2)}}); load_state({str(tmp_path)!r});"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
