"""A disk that is full while a grid runs: it is said, and nothing is lost once there is room."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from disks import fill, free, small_disk
from grids import SMALL, make_grid, wait_until

from gym_rated.bench import Grid
from gym_rated.bench.rows import read_row
from gym_rated.bench.unit import units_of

pytestmark = pytest.mark.faults


def waiting_grid(folder: Path, go: Path) -> Grid:
    """Make a grid of four runs, the second of each seed waiting for a file amid its steps."""
    waits = f'"--level", "5", "--wait-for", "{go}", "--checkpoints"'
    return make_grid(folder, SMALL.replace('"--level", "5"', waits))


def bench(grid: Grid, runs: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gym_rated", "bench", str(grid.path), "--dir", str(runs)]
    return subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def scores(grid: Grid, runs: Path) -> dict[str, float]:
    found = {str(unit): runs / unit.key / "row.json" for unit in units_of(grid)}
    return {name: read_row(path)[1].score for name, path in found.items() if path.exists()}


@pytest.mark.parametrize("begun", [False, True], ids=["before the first run", "amid a run"])
def test_a_full_disk_is_said_and_costs_no_run(tmp_path: Path, begun: bool) -> None:
    go = tmp_path / "go"
    grid = waiting_grid(tmp_path, go)
    with small_disk() as disk:
        runs, before = disk / "runs", {}
        if begun:
            driver = bench(grid, runs)
            wait_until(lambda: any("step 2" in p.read_text() for p in runs.glob("*/log.txt")))
            wait_until(lambda: len(scores(grid, runs)) == 1)
            before = scores(grid, runs)
            fill(disk)
        else:
            runs.mkdir()
            fill(disk)
            driver = bench(grid, runs)
        go.touch()
        said = driver.communicate(timeout=60)[0]
        assert driver.returncode in (1, 2)
        assert re.search(r"`/\S+` could not be written: No space left.*; free some space", said)
        own = [line for line in said.splitlines() if not line.startswith("  |")]  # no log of a run
        assert not any("Traceback" in line or "[Errno" in line for line in own)
        assert scores(grid, runs) == before
        free(disk)
        again = bench(grid, runs)
        assert "4 of 4 runs are done" in again.communicate(timeout=60)[0]
        expected = {"true": 10.0, "ours": 5.0}
        assert scores(grid, runs) == {
            f"walk/{arm}/default/{seed}": level + seed
            for arm, level in expected.items()
            for seed in (1, 2)
        }


def test_a_report_on_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.touch()
    grid = waiting_grid(tmp_path, go)
    assert "4 of 4 runs are done" in bench(grid, tmp_path / "runs").communicate(timeout=60)[0]
    with small_disk() as disk:
        fill(disk)
        words = ("--report", "--out", str(disk / "report"))
        driver = bench(grid, tmp_path / "runs", *words)
        assert "rows.csv` could not be written: No space" in driver.communicate(timeout=60)[0]
        assert driver.returncode == 2
        assert not list((disk / "report").iterdir())
        free(disk)
        again = bench(grid, tmp_path / "runs", *words)
        assert "report.html" in again.communicate(timeout=60)[0]
        assert (disk / "report" / "report.html").stat().st_size > 1_000
