"""Real training in a grid: killed, alone or beside others, it is the same to the bit."""

import os
import signal

import pytest
from grids import TRAININGS, is_alive, make_grid, process_of, start_driver, wait_until
from killed_runs import rows

from gym_rated.bench import LocalProcesses, read_grid, run_grid, write_report
from gym_rated.bench.rows import read_row
from gym_rated.bench.unit import units_of
from gym_rated.runs import read_metrics

pytestmark = pytest.mark.slow


def bits(grid, folder):
    """Return all of a grid's runs that does not depend on the clock."""
    found = {}
    for unit in units_of(grid):
        run = folder / unit.key / "run"
        policy = (run / "policy.safetensors").read_bytes()
        found[str(unit)] = (read_row(folder / unit.key / "row.json")[1], rows(run), policy)
    return found


def has_logged(grid, folder, step):
    """Return whether the first run of a grid has come so far."""
    run = folder / units_of(grid)[0].key / "run"
    if not (run / "metrics.jsonl").exists():
        return False
    return any(at >= step for at in read_metrics(run).get("charts/SPS", ([],))[0])


def test_trainings_are_the_same_killed_alone_and_beside_others(tmp_path):
    grid = make_grid(tmp_path / "grid", TRAININGS)
    alone = tmp_path / "alone"
    assert run_grid(grid, alone, LocalProcesses()).done == 4

    (tmp_path / "turned.toml").write_text(TRAININGS.replace("[1, 2]", "[2, 1]"))
    beside = tmp_path / "beside"
    assert run_grid(read_grid(tmp_path / "turned.toml"), beside, LocalProcesses(3)).done == 4
    assert bits(grid, beside) == bits(grid, alone)

    # first the run is killed, then the driver of the next attempt, then all goes to its end
    part, killed = grid.only(arms=["ours"], seeds=[1]), tmp_path / "killed"
    words = ("--arms", "ours", "--seeds", "1")
    driver = start_driver(grid, killed, *words)
    wait_until(lambda: has_logged(part, killed, 1_024))
    os.kill(process_of(part, killed), signal.SIGKILL)
    driver.communicate(timeout=60)
    assert driver.returncode == 1
    driver = start_driver(grid, killed, *words)
    wait_until(lambda: has_logged(part, killed, 2_048))
    pid = process_of(part, killed)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    wait_until(lambda: not is_alive(pid))
    assert run_grid(part, killed, LocalProcesses()).done == 1
    log = (killed / units_of(part)[0].key / "log.txt").read_text()
    assert [" --resume " in line for line in log.splitlines() if line.startswith("$ ")] == [
        *(False, True, True)
    ]
    assert bits(part, killed) == bits(part, alone)

    write_report(grid, alone, tmp_path / "report")
    assert "Complete: all 4 runs are done." in (tmp_path / "report" / "report.md").read_text()
