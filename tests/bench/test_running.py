"""Grids as their users run them: real processes that end, fail, are killed, and go on."""

import json
import os
import signal
import subprocess
import sys

import pytest
from grids import (
    SMALL,
    TINY,
    is_alive,
    make_grid,
    process_of,
    start_driver,
    unit_of,
    wait_until,
)

import gym_rated
from gym_rated.bench import Ended, LocalProcesses, run_grid, write_report
from gym_rated.bench.rows import read_row
from gym_rated.bench.unit import units_of
from gym_rated.runs import read_metrics

ONE = SMALL.replace("[1, 2]", "[1]").replace('[arms.ours]\nflags = ["--level", "5"]', "")
"""A grid of one run."""
WAITS = ONE.replace('"--level", "10"', '"--level", "10", "--wait-for", "GO"')
"""The same, which waits for a file after two of four steps."""


def waiting(tmp_path, flags=""):
    go = tmp_path / "go"
    words = f'"{go}"{flags}'
    return make_grid(tmp_path / "grid", WAITS.replace('"GO"', words)), go


def rows_of(grid, folder):
    return {str(unit): read_row(folder / unit.key / "row.json")[1].score for unit in units_of(grid)}


def log_of(grid, folder):
    return folder / units_of(grid)[0].key / "log.txt"


def has_logged(grid, folder, times=1):
    """Return whether the one run of a grid has logged its second step so many times."""
    log = log_of(grid, folder)
    return log.exists() and log.read_text().count("step 2 of") >= times


def test_what_is_done_is_not_run_again(tmp_path, capsys):
    grid = make_grid(tmp_path / "grid")
    tally = run_grid(grid, tmp_path / "runs", LocalProcesses())
    assert (tally.total, tally.done, tally.failed) == (4, 4, [])
    expected = {"walk/true/default/1": 11, "walk/ours/default/1": 6}
    expected |= {"walk/true/default/2": 12, "walk/ours/default/2": 7}
    assert rows_of(grid, tmp_path / "runs") == expected
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("row.json")}
    assert run_grid(grid, tmp_path / "runs", LocalProcesses()).done == 4
    assert written == {path: path.stat().st_mtime_ns for path in written}
    said = capsys.readouterr().out
    assert "4 of 4 runs are done\n4 of 4 runs are done\n" in said
    # no terminal, no bar: a line a run
    lines = [line for line in said.splitlines() if " done, about " in line]
    assert [line.split()[:3] for line in lines] == [[str(k), "of", "4"] for k in (1, 2, 3, 4)]
    assert lines[-1].endswith("done, about 00:00 left: walk/ours/default/2")


def test_a_damaged_row_runs_again_and_is_said(tmp_path, capsys):
    grid, runs = make_grid(tmp_path / "grid", ONE), tmp_path / "runs"
    run_grid(grid, runs, LocalProcesses())
    home = runs / units_of(grid)[0].key
    whole = (home / "row.json").read_bytes()
    (home / "row.json").write_bytes(whole[:-9])
    assert run_grid(grid, runs, LocalProcesses()).done == 1
    assert "walk/true/default/1 runs again: its row `" in capsys.readouterr().out
    assert (home / "row.json").read_bytes() == whole  # of the run, which was whole
    (home / "row.json").unlink()
    (home / "run" / "metrics.jsonl").write_text('{"step": 1, "time_s": 0}\n')
    assert run_grid(grid, runs, LocalProcesses()).done == 1
    said = capsys.readouterr().out
    assert f"walk/true/default/1 begins anew, and what it had is in {home / 'damaged-1'}" in said
    assert (home / "damaged-1" / "metrics.jsonl").exists()
    assert read_row(home / "row.json")[1].curve == read_row_of(whole, tmp_path).curve
    assert log_of(grid, runs).read_text().count("step 4") == 2


def read_row_of(data, tmp_path):
    (tmp_path / "row.json").write_bytes(data)
    return read_row(tmp_path / "row.json")[1]


def test_runs_of_an_edited_script_are_said_and_left_alone(tmp_path, capsys):
    grid, runs = make_grid(tmp_path / "grid", ONE), tmp_path / "runs"
    run_grid(grid, runs, LocalProcesses())
    old = units_of(grid)[0].key
    (tmp_path / "grid" / "tiny.py").write_text(TINY.replace("args.level +", "1 + args.level +"))
    run_grid(grid, runs, LocalProcesses())
    assert f"or of a script there are rows in {runs}, 1 in all" in capsys.readouterr().out
    assert read_row(runs / old / "row.json")[1].score == 11
    assert rows_of(grid, runs) == {"walk/true/default/1": 12}


def test_a_run_that_fails_is_told_with_its_log_and_does_not_stop_the_others(tmp_path, capsys):
    grid = make_grid(tmp_path / "grid", SMALL.replace('"10"', '"10", "--fails"'))
    tally = run_grid(grid, tmp_path / "runs", LocalProcesses())
    assert tally.failed == ["walk/true/default/1", "walk/true/default/2"]
    assert tally.done == 2
    said = capsys.readouterr().out
    log = tmp_path / "runs" / unit_of(grid, "walk/true/default/1").key / "log.txt"
    assert "FAILED walk/true/default/1: it ended with code 1 and without a result" in said
    assert f"The end of {log}:" in said
    assert "  | the simulator is out of fuel" in said
    assert "2 of 4 runs are done, 2 failed: walk/true/default/1, walk/true/default/2" in said


def test_a_killed_run_goes_on_at_its_checkpoint(tmp_path, capsys):
    grid, go = waiting(tmp_path, ', "--checkpoints"')
    runs = tmp_path / "runs"
    driver = start_driver(grid, runs)
    wait_until(lambda: has_logged(grid, runs))
    os.kill(process_of(grid, runs), signal.SIGKILL)
    out, _ = driver.communicate(timeout=60)
    assert driver.returncode == 1
    assert "FAILED walk/true/default/1: it ended with code -9" in out
    go.touch()
    assert run_grid(grid, runs, LocalProcesses()).done == 1
    log = log_of(grid, runs).read_text()
    assert [log.count(f"step {step} of") for step in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert " --resume " in log
    returns = read_metrics(runs / units_of(grid)[0].key / "run")["charts/episodic_return"]
    assert returns[0].tolist() == [1, 2, 3, 4]


@pytest.mark.long
@pytest.mark.parametrize("flags", ["", ', "--checkpoints"'])
def test_a_killed_driver_leaves_nothing_half_and_takes_its_runs_with_it(tmp_path, flags):
    grid, go = waiting(tmp_path, flags)
    runs = tmp_path / "runs"
    driver = start_driver(grid, runs)
    wait_until(lambda: has_logged(grid, runs))
    pid = process_of(grid, runs)
    assert is_alive(pid)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    wait_until(lambda: not is_alive(pid))
    assert not list(runs.rglob("row.json"))
    for path in runs.rglob("*.json"):
        json.loads(path.read_text())
    go.touch()
    assert run_grid(grid, runs, LocalProcesses()).done == 1
    log = log_of(grid, runs).read_text()
    # without a checkpoint it began anew, with one it went on
    assert log.count("step 1 of") == (1 if flags else 2)
    whole = tmp_path / "whole"
    run_grid(grid, whole, LocalProcesses())
    rows = [next(folder.rglob("row.json")).read_bytes() for folder in (runs, whole)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_driver_that_is_told_to_stop_stops_its_runs_and_can_go_on(tmp_path, number):
    grid, go = waiting(tmp_path, ', "--checkpoints"')
    runs = tmp_path / "runs"
    driver = start_driver(grid, runs)
    wait_until(lambda: has_logged(grid, runs))
    pid = process_of(grid, runs)
    driver.send_signal(number)
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert not is_alive(pid)
    assert "interrupted: 0 of 1 runs are done; run it again to go on" in out
    assert "gym-rated bench: interrupted" in err
    go.touch()
    assert run_grid(grid, runs, LocalProcesses()).done == 1


def test_a_second_driver_in_the_same_folder_is_refused(tmp_path, capsys):
    grid, go = waiting(tmp_path)
    runs = tmp_path / "runs"
    driver = start_driver(grid, runs)
    wait_until(lambda: has_logged(grid, runs))
    said = rf"`dir` must not be in use, got .*, which process {driver.pid} on"
    with pytest.raises(RuntimeError, match=said):
        run_grid(grid, runs, LocalProcesses())
    go.touch()
    driver.communicate(timeout=60)
    assert driver.returncode == 0
    assert log_of(grid, runs).read_text().count("step 4 of") == 1


def test_a_run_without_a_score_fails_and_is_not_trained_again(tmp_path, capsys):
    grid, runs = make_grid(tmp_path / "grid", ONE.replace('"10"', '"nan"')), tmp_path / "runs"
    for _ in range(2):
        assert run_grid(grid, runs, LocalProcesses()).failed == ["walk/true/default/1"]
        assert "`score` must be a number, got nan" in capsys.readouterr().out
    assert log_of(grid, runs).read_text().count("step 4 of") == 1


def test_nothing_is_begun_where_a_script_or_an_environment_is_refused(tmp_path):
    ours = SMALL.replace('"tiny.py"', '"ppo"').replace('"--level", "5"', '"--presett", "ours"')
    with pytest.raises(ValueError, match=r"`flags` of walk/true/default .* got --level 10, which"):
        run_grid(make_grid(tmp_path, ours), tmp_path / "runs", LocalProcesses())
    unknown = SMALL.replace("random = 0.0", "").replace("CartPole-v1", "CartPol-v1")
    with pytest.raises(ValueError, match=r"`env_id` must name an environment .* mean CartPole-v1"):
        run_grid(make_grid(tmp_path, unknown), tmp_path / "runs", LocalProcesses())
    assert not (tmp_path / "runs").exists()


def test_random_actions_are_measured_with_the_seed(tmp_path):
    text = ONE.replace("random = 0.0", "")
    grid = make_grid(tmp_path / "grid", text)
    run_grid(grid, tmp_path / "runs", LocalProcesses())
    unit = unit_of(grid, "walk/random/1")
    _, row = read_row(tmp_path / "runs" / unit.key / "row.json")
    steps, returns = read_metrics(tmp_path / "runs" / unit.key / "run")["charts/episodic_return"]
    assert len(returns) == 100
    assert row.score == returns.mean()
    assert 15 < row.score < 30  # a pole falls after some twenty steps
    assert row.steps == steps[-1] == returns.sum()


class OneByOne:
    """An engine of one's own."""

    def run(self, jobs):
        for job in jobs:
            with job.log.open("ab") as log:
                done = subprocess.run([sys.executable, *job.words], stdout=log, stderr=log)
            yield None
            yield Ended(job, done.returncode)


def test_another_engine_runs_the_same(tmp_path):
    grid = make_grid(tmp_path / "grid", ONE)
    assert run_grid(grid, tmp_path / "other", OneByOne()).done == 1
    assert run_grid(grid, tmp_path / "ours", LocalProcesses()).done == 1
    rows = [next((tmp_path / name).rglob("row.json")).read_bytes() for name in ("other", "ours")]
    assert rows[0] == rows[1]


def test_runs_import_the_package_that_drives_them(monkeypatch, tmp_path):
    text = ONE.replace('"tiny.py"', '"where.py"').replace('["--level", "10"]', "[]")
    grid = make_grid(tmp_path / "grid", text)
    (tmp_path / "grid" / "where.py").write_text("import gym_rated, os; print(gym_rated.__file__)")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    run_grid(grid, tmp_path / "runs", LocalProcesses())
    assert gym_rated.__file__ in log_of(grid, tmp_path / "runs").read_text()


def test_at_least_one_worker_is_needed():
    with pytest.raises(ValueError, match="`workers` must be at least 1, got 0"):
        LocalProcesses(0)


def test_runs_of_an_earlier_table_are_done(tmp_path, capsys):
    grid = make_grid(tmp_path / "grid")
    run_grid(grid.only(seeds=[1]), tmp_path / "first", LocalProcesses())
    write_report(grid.only(seeds=[1]), tmp_path / "first", tmp_path / "stage")
    rows = tmp_path / "stage" / "rows.csv"
    capsys.readouterr()
    tally = run_grid(grid, tmp_path / "second", LocalProcesses(), rows=rows)
    assert (tally.total, tally.done) == (4, 4)
    assert "2 of 4 runs are done" in capsys.readouterr().out
    assert len(list((tmp_path / "second").glob("*/row.json"))) == 2
    write_report(grid, tmp_path / "second", tmp_path / "both", rows=rows)
    assert "Complete: all 4 runs are done." in (tmp_path / "both" / "report.md").read_text()
    changed = make_grid(tmp_path / "grid", SMALL.replace('"5"', '"6"'))
    part = changed.only(arms=["ours"], seeds=[1])
    assert run_grid(part, tmp_path / "third", LocalProcesses(), rows=rows).done == 1
    assert "2 lines are of no run of this grid, and do not count" in capsys.readouterr().out
    assert len(list((tmp_path / "third").glob("*/row.json"))) == 1
