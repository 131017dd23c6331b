"""Damaged and hostile files of a grid: rows, tables to compare with, and the grid itself."""

import csv
import hashlib
import json
from io import StringIO
from math import isfinite

import numpy as np
import pytest
from grids import SMALL, TINY, make_grid, unit_of
from mutations import HOSTILE, damaged_bytes, damaged_value

from gym_rated.bench import read_grid
from gym_rated.bench.rows import Row, read_row, write_row
from gym_rated.bench.table import Entry, read_compared, write_table
from gym_rated.bench.unit import units_of

pytestmark = pytest.mark.hostile


def check_row(found):
    _, row = found
    assert type(row.score) in (int, float)
    assert isfinite(row.score)
    assert type(row.steps) is int
    assert row.steps >= 0
    assert len(row.curve) in (0, 25)
    assert all(point is None or isfinite(point) for point in row.curve)


def check_entries(entries):
    for entry in entries:
        assert (entry.task, entry.setting) == ("walk", "default")
        assert entry.arm not in ("true", "ours", "random")
        assert isfinite(entry.score)
        assert entry.seed >= 0
        assert all(point is None or isfinite(point) for point in entry.curve)
    assert len({entry.cell for entry in entries}) == len(entries)


def check_grid(grid):
    assert len(set(grid.seeds)) == len(grid.seeds) >= 1
    for unit in units_of(grid):
        assert unit.words[0] == "--env-id"
        assert all(isinstance(word, str) for word in unit.words)
        assert "--run-dir" not in unit.words


def test_rows(attempt, tmp_path):
    rng, path = np.random.default_rng(1), tmp_path / "row.json"
    unit = unit_of(make_grid(tmp_path / "grid"), "walk/ours/default/1")
    write_row(path, unit, Row(1.5, 100, 40, 7.5, None, tuple([0.5] * 25), "0.1.0", "abc", "a cpu"))
    data = path.read_bytes()
    content = json.loads(data)
    for i in range(1_500):
        path.write_bytes(damaged_bytes(rng, data))
        attempt("row of a grid, damaged", lambda: read_row(path, unit.config), check_row, f"{i}")
    for i in range(1_500):
        rest = damaged_value(rng, {k: v for k, v in content.items() if k != "sha256"})
        try:
            text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
            sealed = {**rest, "sha256": hashlib.sha256(text.encode()).hexdigest()}
            path.write_text(json.dumps(sealed))
        except (TypeError, ValueError):  # it could not be written
            continue
        attempt("row of a grid, resealed", lambda: read_row(path), check_row, f"{i}: {text}")


def test_tables_to_compare_with(attempt, tmp_path):
    rng, path = np.random.default_rng(2), tmp_path / "mine.csv"
    grid = make_grid(tmp_path / "grid")
    entries = [Entry("walk", "mine", "default", k, 1.5 * k, 100, 40, 7.5) for k in range(4)]
    write_table(path, entries)
    data = path.read_bytes()
    lines = list(csv.reader(StringIO(data.decode())))
    for i in range(1_500):
        path.write_bytes(damaged_bytes(rng, data))
        attempt("table of runs, damaged", lambda: read_compared(path, grid), check_entries, f"{i}")
    for _ in range(1_500):
        changed = [list(line) for line in lines]
        at, column = rng.integers(len(changed)), rng.integers(len(changed[0]))
        value = str(HOSTILE[rng.integers(len(HOSTILE) - 1)])
        changed[at][column] = value
        out = StringIO()
        csv.writer(out).writerows(changed)
        path.write_text(out.getvalue(), errors="surrogatepass")
        attempt(
            "table of runs, a cell", lambda: read_compared(path, grid), check_entries, value[:9]
        )


def test_grids(attempt, tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "small.toml"
    (tmp_path / "tiny.py").write_text(TINY)
    data = SMALL.replace("random = 0.0", "env_kwargs = { g = 1 }").encode()
    for i in range(1_500):
        path.write_bytes(damaged_bytes(rng, data))
        attempt("grid, damaged", lambda: read_grid(path), check_grid, f"{i}")
