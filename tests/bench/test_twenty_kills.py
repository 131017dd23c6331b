"""A real grid whose runs and drivers are killed twenty times ends as one that was left alone."""

import json
import os
import signal
import time

import numpy as np
import pytest
from grids import TRAININGS, is_alive, make_grid, start_driver, wait_until
from killed_runs import rows

from gym_rated.bench import LocalProcesses, run_grid
from gym_rated.bench.unit import units_of
from gym_rated.checkpoint import load_state
from gym_rated.runs import read_metrics

pytestmark = pytest.mark.slow

KILLS, SEED = 20, 7
ROLLOUT = 4 * 128  # steps between two checkpoints
TEXT = TRAININGS.replace('"4096"', '"12288"')


def going_on(runs, before):
    """Return the run that is being trained and has come further than it was, with its process."""
    for run in runs:
        if last_step(run) > before[run]:
            pid = json.loads((run / "run.lock.json").read_text())["pid"]
            if is_alive(pid):
                return run, pid
    return None


def last_step(run):
    """Return the last step that a run has logged after a rollout."""
    if not (run / "metrics.jsonl").exists():
        return 0
    steps, _ = read_metrics(run).get("charts/SPS", ([], []))
    return int(max(steps, default=0))


def saved_step(run):
    """Return the step that a run would go on at."""
    saved = (run / "checkpoint" / "manifest.json").exists()
    return int(load_state(run / "checkpoint")["counters"][1]) if saved else 0


def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path):
    grid, folder = make_grid(tmp_path / "grid", TEXT), tmp_path / "killed"
    units = units_of(grid)
    runs = [folder / unit.key / "run" for unit in units]
    rng = np.random.default_rng(SEED)
    repeated, driver = [], None
    for victim in rng.permutation(["run", "driver"] * (KILLS // 2)):
        before = {run: last_step(run) for run in runs}
        while (found := going_on(runs, before)) is None:
            if driver is None or driver.poll() is not None:
                if driver is not None:
                    driver.communicate()
                assert sum((run / "result.json").exists() for run in runs) < len(runs)
                driver = start_driver(grid, folder)
            time.sleep(0.01)
        run, pid = found
        time.sleep(rng.uniform(0, 0.2))
        os.kill(pid if victim == "run" else driver.pid, signal.SIGKILL)
        wait_until(lambda pid=pid: not is_alive(pid))
        repeated.append(last_step(run) - saved_step(run))
    driver.kill()
    driver.communicate()
    assert max(repeated) <= ROLLOUT
    assert min(repeated) >= 0

    assert run_grid(grid, folder, LocalProcesses()).done == 4
    alone = tmp_path / "alone"
    assert run_grid(grid, alone, LocalProcesses()).done == 4
    begun = 0
    for unit in units:
        found, left = folder / unit.key, alone / unit.key
        assert (found / "row.json").read_bytes() == (left / "row.json").read_bytes()
        assert rows(found / "run") == rows(left / "run")
        begun += (found / "log.txt").read_text().count("$ python")
    assert len(list(folder.iterdir())) == len(list(alone.iterdir()))
    assert 4 < begun <= 4 + KILLS
