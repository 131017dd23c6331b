"""The run format: nothing logged twice, nothing damaged believed."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

import gym_rated
from gym_rated.runs import RunWriter, is_finished, read_metrics, read_result
from gym_rated.runs.reading import read_config
from gym_rated.runs.writer import plain


def write_run(folder, steps=(10, 20, 30), **options):
    with RunWriter(folder, {"seed": 1}, **{"tensorboard": False, **options}) as run:
        for step in steps:
            run.log(step, {"charts/episodic_return": step / 10})
    return folder


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_come_back_by_tag_in_order(tmp_path):
    with RunWriter(tmp_path, {}, tensorboard=False) as run:
        run.log(10, {"a": 1.5})
        run.log(10, {"a": 2.5, "b": 7})
        run.log(20, {"b": 8})
    metrics = read_metrics(tmp_path)
    steps, values = metrics["a"]
    assert (steps.tolist(), values.tolist()) == ([10, 10], [1.5, 2.5])
    assert (steps.dtype, values.dtype) == (np.int64, np.float64)
    assert metrics["b"][0].tolist() == [10, 20]
    assert len(metrics["time_s"][0]) == 3


def test_a_row_is_on_disk_when_log_returns(tmp_path):
    run = RunWriter(tmp_path, {}, tensorboard=False)
    run.log(1, {"a": 1})
    assert rows_of(tmp_path)[0]["a"] == 1
    run.close()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_json_number_is_null_in_the_file_and_nan_when_read(tmp_path, value):
    with RunWriter(tmp_path, {}, tensorboard=False) as run:
        run.log(1, {"a": value})
    assert '"a": null' in (tmp_path / "metrics.jsonl").read_text()
    assert math.isnan(read_metrics(tmp_path)["a"][1][0])


@pytest.mark.parametrize(
    ("value", "written"),
    [(np.float32(0.5), 0.5), (np.int64(3), 3), (torch.tensor(0.25), 0.25), (True, 1)],
)
def test_numbers_of_every_library_are_logged(tmp_path, value, written):
    with RunWriter(tmp_path, {}, tensorboard=False) as run:
        run.log(1, {"a": value})
    assert rows_of(tmp_path)[0]["a"] == written


def test_a_value_that_is_no_number_is_refused(tmp_path):
    with (
        RunWriter(tmp_path, {}, tensorboard=False) as run,
        pytest.raises(TypeError, match=r"`values\['a'\]` must be a number, got 'x'"),
    ):
        run.log(1, {"a": "x"})


@pytest.mark.parametrize("tag", ["step", "time_s"])
def test_the_tags_of_the_row_itself_are_refused(tmp_path, tag):
    with (
        RunWriter(tmp_path, {}, tensorboard=False) as run,
        pytest.raises(ValueError, match=rf"must not use the tags .*'{tag}'"),
    ):
        run.log(1, {tag: 1})


def test_config_holds_arguments_and_what_it_ran_on(tmp_path):
    args = {"lead": math.inf, "dir": Path("a/b"), "tasks": ("x",)}
    RunWriter(tmp_path, args, tensorboard=False).close()
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["args"] == {"lead": "inf", "dir": "a/b", "tasks": ["x"]}
    assert config["versions"]["python"] == sys.version.split()[0]
    assert config["versions"]["numpy"] == np.__version__
    assert {"gymnasium", "torch"} <= set(config["versions"])
    assert set(config) == {"format", "args", "versions", "commit", "cpu"}
    assert set(config["cpu"]) == {"model", "flags_sha256"}


def test_config_that_is_no_plain_data_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match=r"`config\.env` must be plain data, got object"):
        RunWriter(tmp_path / "run", {"env": object()})
    assert not (tmp_path / "run").exists()


def test_plain_turns_numpy_numbers_into_python_ones():
    assert plain({"a": np.float64(0.5), 1: [np.int8(2), np.bool_(True)]}, "x") == {
        "a": 0.5,
        "1": [2, True],
    }


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "result.json"])
def test_a_folder_with_a_run_is_refused(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(FileExistsError, match=r"got .*; resume it, or choose another"):
        RunWriter(tmp_path, {})
    assert (tmp_path / name).read_text() == "{}"


def test_a_resumed_run_logs_no_step_twice(tmp_path):
    write_run(tmp_path, steps=(10, 20, 20, 30, 40))
    write_run(tmp_path, steps=(30, 40, 50), resume=True, resume_step=20)
    steps, values = read_metrics(tmp_path)["charts/episodic_return"]
    assert steps.tolist() == [10, 20, 20, 30, 40, 50]
    assert values.tolist() == [1, 2, 2, 3, 4, 5]


def test_rows_that_the_checkpoint_does_not_know_are_dropped_even_at_its_own_step(tmp_path):
    with RunWriter(tmp_path, {}, tensorboard=False) as run:
        run.log(10, {"a": 1})
        run.log(20, {"a": 2})
        stamp = run.stamp({"x": 1})["stamp"]
        run.log(20, {"a": 3})
        run.log(30, {"a": 4})
    assert stamp["num_rows"] == 2
    options = {"tensorboard": False, "resume": True, "resume_step": 20, "stamp": stamp}
    with RunWriter(tmp_path, {}, **options) as run:
        run.log(20, {"a": 3})
        assert run.stamp({})["stamp"]["num_rows"] == 3
    assert [(row["step"], row["a"]) for row in rows_of(tmp_path)] == [(10, 1), (20, 2), (20, 3)]


def test_a_stamp_says_what_wrote_it_and_leaves_the_state_alone(tmp_path):
    with RunWriter(tmp_path, {}, script="mine", tensorboard=False) as run:
        stamped = run.stamp({"x": 1})
    version = gym_rated.__version__
    made_by = {"format": 2, "gym_rated": version, "script": "mine", "num_rows": 0}
    assert stamped == {"x": 1, "stamp": made_by}


@pytest.mark.parametrize("content", [b"", b'{"step": 10, "time_s": 0.5, "a": 1}\n'])
def test_rows_that_the_checkpoint_knows_and_nobody_has_are_said(tmp_path, content):
    with RunWriter(tmp_path, {}, tensorboard=False) as run:
        run.log(10, {"a": 1})
        run.log(20, {"a": 2})
        stamp = run.stamp({})["stamp"]
    (tmp_path / "metrics.jsonl").write_bytes(content)
    said = rf"has only {content.count(bytes([10]))} of the 2 rows that were there at the checkpoint"
    with pytest.warns(UserWarning, match=said):
        write_run(tmp_path, steps=(), resume=True, resume_step=20, stamp=stamp)


@pytest.mark.parametrize("tensorboard", [False, True])
def test_a_row_that_does_not_fit_leaves_whole_rows_and_a_sentence(
    tmp_path, monkeypatch, tensorboard
):
    with RunWriter(tmp_path, {}, tensorboard=tensorboard) as run:
        run.log(10, {"a": 1})
        file = run._sinks[0]._file if tensorboard else run._metrics
        write, room = os.write, [5]

        def half(descriptor, data):
            if descriptor != file._descriptor:
                return write(descriptor, data)
            if room:
                return write(descriptor, data[: room.pop()])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            name = "events.out" if tensorboard else r"metrics\.jsonl"
            with pytest.raises(OSError, match=rf"{name}.*could not be written: No space left"):
                run.log(20, {"a": 2})
        run.log(30, {"a": 3})
    steps = [10, 20, 30] if tensorboard else [10, 30]
    assert read_metrics(tmp_path)["a"][0].tolist() == steps
    if tensorboard:
        events = EventAccumulator(str(tmp_path))
        events.Reload()
        assert [e.step for e in events.Scalars("a")] == [10, 30]


def test_time_goes_on_where_the_resumed_step_was(tmp_path):
    write_run(tmp_path)
    rows = rows_of(tmp_path)
    rows[1]["time_s"] = 100.0
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_run(tmp_path, steps=(30,), resume=True, resume_step=20)
    assert 100 <= rows_of(tmp_path)[-1]["time_s"] < 110


def test_a_resumption_is_noted_and_the_first_start_kept(tmp_path):
    write_run(tmp_path)
    before = json.loads((tmp_path / "config.json").read_text())
    write_run(tmp_path, steps=(), resume=True, resume_step=20)
    config = json.loads((tmp_path / "config.json").read_text())
    (resumed,) = config.pop("resumed")
    assert config == before
    assert resumed["step"] == 20
    assert resumed["versions"] == before["versions"]


def test_resuming_takes_back_the_result(tmp_path):
    with RunWriter(tmp_path, {}, tensorboard=False) as run:
        run.log(10, {"a": 1})
        run.write_result({"score": 1.0})
    write_run(tmp_path, steps=(20,), resume=True, resume_step=10)
    with pytest.raises(FileNotFoundError, match=r"without result\.json; resume the run"):
        read_result(tmp_path)


def test_resuming_nothing_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"hold the run to resume, got .*config\.json"):
        RunWriter(tmp_path, {}, resume=True, resume_step=5)


@pytest.mark.parametrize("options", [{"resume": True}, {"resume_step": 5}])
def test_resume_and_its_step_go_together(tmp_path, options):
    with pytest.raises(ValueError, match="`resume_step` must be given with `resume=True`"):
        RunWriter(tmp_path, {}, **options)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_left_out(tmp_path, cut):
    write_run(tmp_path)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[: -1 - cut])
    assert read_metrics(tmp_path)["charts/episodic_return"][0].tolist() == [10, 20]
    write_run(tmp_path, steps=(30,), resume=True, resume_step=20)
    assert [row["step"] for row in rows_of(tmp_path)] == [10, 20, 30]


def test_a_whole_last_line_without_its_line_break_counts(tmp_path):
    write_run(tmp_path)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert read_metrics(tmp_path)["charts/episodic_return"][0].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    "line", ["", "{", "[1]", '{"a": 1}', '{"step": "1", "time_s": 0}', '{"step": 1, "time_s": "x"}']
)
def test_a_damaged_line_in_the_middle_is_refused_with_its_number(tmp_path, line):
    write_run(tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    lines[1] = line
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"undamaged metrics, got line 2 of .*metrics\.jsonl"):
        read_metrics(tmp_path)


def test_a_folder_without_metrics_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must hold a run, got .* without metrics\.jsonl"):
        read_metrics(tmp_path)


def finished_run(folder):
    with RunWriter(folder, {}) as run:
        run.log(1, {"a": 1})
        (folder / "ratings").mkdir()
        (folder / "ratings" / "ratings.npz").write_bytes(b"x")
        (folder / "checkpoint").mkdir()
        (folder / "checkpoint" / "manifest.json").write_text("{}")
        (folder / "log.txt").write_text("still written by the shell")
        run.write_result({"score": np.float32(0.5), "steps": 10})
    return folder


def test_a_run_is_finished_once_it_has_its_result(tmp_path):
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as run:
        assert not is_finished(tmp_path / "run")
        run.write_result({"score": 1.0})
    assert is_finished(tmp_path / "run")
    assert not is_finished(tmp_path / "none")


def test_a_result_seals_the_run(tmp_path):
    result = read_result(finished_run(tmp_path))
    assert (result["score"], result["steps"]) == (0.5, 10)
    assert sorted(result["sha256"]) == ["config.json", "metrics.jsonl", "ratings/ratings.npz"]
    # sha256 of the byte "x"
    assert result["sha256"]["ratings/ratings.npz"].startswith("2d711642b726b044")


@pytest.mark.parametrize("name", ["metrics.jsonl", "ratings/ratings.npz"])
@pytest.mark.parametrize("remove", [True, False])
def test_a_result_whose_files_changed_is_refused(tmp_path, name, remove):
    path = finished_run(tmp_path) / name
    if remove:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=rf"got .*{name} changed or missing"):
        read_result(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"score": 1}'])
def test_a_damaged_result_is_refused(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ValueError, match=r"undamaged result\.json"):
        read_result(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"args": []}'])
def test_a_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"must hold an undamaged config\.json, got .*restore it"):
        read_config(tmp_path)
    with pytest.raises(ValueError, match=r"must hold an undamaged config\.json"):
        RunWriter(tmp_path, {}, resume=True, resume_step=0, tensorboard=False)
    assert (tmp_path / "config.json").read_text() == content


def test_a_run_of_a_newer_format_is_refused(tmp_path):
    RunWriter(tmp_path, {}, tensorboard=False).close()
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"format": 3, "versions": {"gym_rated": "7.5"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"format 2 or older, got .* of format 3, .* 7\.5; update"):
        read_config(tmp_path)


def test_a_result_with_our_key_is_refused(tmp_path):
    with (
        RunWriter(tmp_path, {}, tensorboard=False) as run,
        pytest.raises(ValueError, match='must not have the key "sha256"'),
    ):
        run.write_result({"sha256": 1})


def scalars(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(e.step, e.value) for e in events.Scalars("charts/episodic_return")]


def test_tensorboard_shows_the_same_rows_also_after_a_resumption(tmp_path):
    write_run(tmp_path, steps=(10, 20, 30), tensorboard=True)
    assert scalars(tmp_path) == [(10, 1.0), (20, 2.0), (30, 3.0)]
    write_run(tmp_path, steps=(25,), tensorboard=True, resume=True, resume_step=20)
    assert scalars(tmp_path) == [(10, 1.0), (20, 2.0), (25, 2.5)]


def test_tensorboard_forgets_what_the_checkpoint_does_not_know_of_its_own_step(tmp_path):
    with RunWriter(tmp_path, {}) as run:
        run.log(10, {"charts/episodic_return": 1})
        run.log(20, {"charts/episodic_return": 2})
        stamp = run.stamp({})["stamp"]
        run.log(20, {"charts/episodic_return": 9})
    with RunWriter(tmp_path, {}, resume=True, resume_step=20, stamp=stamp) as run:
        run.log(20, {"charts/episodic_return": 3})
    assert scalars(tmp_path) == [(10, 1.0), (20, 2.0), (20, 3.0)]


def test_a_killed_writer_leaves_readable_metrics(tmp_path):
    code = (
        "import itertools, sys; from gym_rated.runs import RunWriter\n"
        "run = RunWriter(sys.argv[1], {}, tensorboard=False)\n"
        "for step in itertools.count():\n"
        "    run.log(step, {'a': step})\n"
        "    if step == 1000: print(flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    steps, values = read_metrics(tmp_path)["a"]
    assert len(steps) > 1000
    assert np.array_equal(steps, np.arange(len(steps)))
    assert np.array_equal(values, steps)


def test_a_writer_starts_without_torch_and_tensorflow(tmp_path):
    code = (
        "import sys; from gym_rated.runs import RunWriter\n"
        "with RunWriter(sys.argv[1], {}) as run: run.log(1, {'a': 1})\n"
        "print({'torch', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def hparams_of(folder: Path) -> dict[str, object]:
    """Return what TensorBoard's page HPARAMS is told of a run."""
    events = EventAccumulator(str(folder)).Reload()
    start = events.PluginTagToContent("hparams")[metadata.SESSION_START_INFO_TAG]
    info = metadata.parse_session_start_info_plugin_data(start)
    values = {name: getattr(v, v.WhichOneof("kind")) for name, v in info.hparams.items()}
    return {"name": info.group_name, **values}


def test_tensorboard_is_told_the_flags_and_at_the_end_the_score(tmp_path: Path) -> None:
    flags = {"seed": 3, "rate": 0.5, "anneal": True, "env_id": "A-v0", "tasks": ["a", "b"]}
    flags |= {"env_kwargs": {"g": 1}, "offset": None, "run_dir": "x", "resume": None}
    with RunWriter(tmp_path / "mine", flags) as run:
        run.log(5, {"charts/x": 1.0})
        assert "score" not in EventAccumulator(str(tmp_path / "mine")).Reload().Tags()["scalars"]
        run.write_result({"score": -2.5, "global_step": 7})
    shown = {"seed": 3.0, "rate": 0.5, "anneal": True, "env_id": "A-v0", "tasks": "a b"}
    assert hparams_of(tmp_path / "mine") == {"name": "mine", **shown, "env_kwargs": '{"g": 1}'}
    (score,) = EventAccumulator(str(tmp_path / "mine")).Reload().Scalars("score")
    assert (score.step, score.value) == (7, -2.5)


@pytest.mark.parametrize("result", [{"score": None}, {"score": "nan"}, {"score": "-inf"}])
def test_a_result_without_a_score_is_written_all_the_same(tmp_path: Path, result) -> None:
    with RunWriter(tmp_path / "mine", {"seed": 1}) as run:
        run.write_result(result)
    assert read_result(tmp_path / "mine").items() >= result.items()
    assert EventAccumulator(str(tmp_path / "mine")).Reload().Tags()["scalars"] == []
