"""`gym-rated bench` on the command line: its exit codes, and what it says."""

import pytest
from grids import SMALL, make_grid, write_rows

from gym_rated.cli import main


def run(grid, folder, *words):
    return main(["bench", str(grid.path), "--dir", str(folder), *words])


def test_a_grid_is_run_in_parts_and_reported(tmp_path, capsys):
    grid, runs = make_grid(tmp_path / "grid"), tmp_path / "runs"
    assert run(grid, runs, "--arms", "true", "--seeds", "2") == 0
    assert run(grid, runs, "--report") == 0
    said = capsys.readouterr().out
    assert "1 of 1 runs are done" in said
    assert said.endswith(f"{runs / 'report-small' / 'report.html'}\n")
    page = (runs / "report-small" / "report.md").read_text()
    assert "Incomplete: 1 of 4 runs are done." in page


def test_a_failed_run_is_an_exit_code(tmp_path, capsys):
    grid = make_grid(tmp_path / "grid", SMALL.replace('"5"', '"5", "--fails"'))
    assert run(grid, tmp_path / "runs", "--seeds", "1") == 1
    assert "  | the simulator is out of fuel" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tasks", "run"], "`tasks` must be of the grid, which has walk, got 'run'"),
        (["--arms", "their"], "`arms` must be of the grid, which has true, ours, got 'their'"),
        (["--workers", "0"], "`workers` must be at least 1, got 0"),
        (["--compare", "mine.csv"], "`compare` must be given with `--report` only, got it without"),
        (["--format", "pdf"], "`format` must be given with `--report` only, got it without"),
        (["--engine", "ray"], "`ray_address` must be given with `--engine ray`, and only then"),
        (["--ray-address", "a:1"], "`ray_address` must be given with `--engine ray`, and only"),
        (["--report", "--compare", "mine.csv"], "`mine.csv` must be a file, got nothing there"),
        (["--report", "--baseline", "x"], "`baseline` must be one of the arms true, ours, got 'x'"),
    ],
)
def test_what_cannot_be_run_or_reported_is_refused(tmp_path, words, said, capsys):
    grid = make_grid(tmp_path / "grid")
    write_rows(grid, tmp_path / "runs", {("walk", "ours", "default", 1): 1.0})
    assert run(grid, tmp_path / "runs", *words) == 2
    assert capsys.readouterr().err.startswith(f"gym-rated bench: {said}")


def test_a_bad_grid_is_refused(tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text(SMALL.replace("seeds", "sedes"))
    assert main(["bench", str(path), "--dir", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.startswith("gym-rated bench: `[grid]` must have the key 'seeds'")
    assert not (tmp_path / "runs").exists()
