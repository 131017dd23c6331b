"""The table is read as it was written, and rows of others are taken where they fit the grid."""

import csv
from dataclasses import replace

import pytest
from grids import SMALL, make_grid, unit_of, write_rows

from gym_rated.bench.table import COLUMNS, Entry, entries_of, read_compared, read_table, write_table

MINE = Entry(
    *("walk", "mine", "default", 7, -1.25, 4096, 40, 200.0, "said, with a comma", "0.1.0", "abc"),
    "0123456789abcdef",
    (None, 1.5, -2000.25),
    "fedcba9876543210",
)
HEADER = ",".join(COLUMNS)


def test_entries_are_the_runs_of_a_grid_in_its_order(tmp_path):
    grid = make_grid(tmp_path / "grid")
    scores = {("walk", "ours", "default", 2): 5.0, ("walk", "true", "default", 1): 9.0}
    write_rows(grid, tmp_path / "runs", scores)
    entries, missing = entries_of(grid, tmp_path / "runs")
    assert {entry.cell: entry.score for entry in entries} == scores
    assert missing == [("walk", "ours", "default", 1), ("walk", "true", "default", 2)]
    assert [(e.steps, e.gym_rated, e.commit, len(e.unit)) for e in entries] == [
        (100, "0.1.0", "abc", 16)
    ] * 2


def test_a_damaged_row_is_a_missing_run(tmp_path):
    grid = make_grid(tmp_path / "grid")
    write_rows(grid, tmp_path / "runs", {("walk", "ours", "default", 2): 5.0})
    next((tmp_path / "runs").rglob("row.json")).write_text("{}")
    entries, missing = entries_of(grid, tmp_path / "runs")
    assert (entries, len(missing)) == ([], 4)


def test_a_table_is_read_as_it_was_written(tmp_path):
    bare = Entry("walk", "mine", "default", 8, 0.1 + 0.2)
    write_table(tmp_path / "rows.csv", [MINE, bare])
    text = (tmp_path / "rows.csv").read_text()
    # 1.5 where nothing was known: the area is (1.5 + 1.5 - 2000.25) / 3
    assert text.splitlines() == [
        HEADER,
        'walk,mine,default,7,-1.25,4096,40,200.0,"said, with a comma",0.1.0,abc,'
        "0123456789abcdef,- 1.5 -2000.25,fedcba9876543210,-665.75",
        "walk,mine,default,8,0.30000000000000004,,,,,,,,,,",
    ]
    assert read_compared(tmp_path / "rows.csv", make_grid(tmp_path)) == [MINE, bare]


@pytest.mark.parametrize("lacking", [("area",), ("setup", "area"), ("setup",)], ids="-".join)
def test_a_table_of_before_there_were_all_columns_is_read(tmp_path, lacking):
    write_table(tmp_path / "rows.csv", [MINE])
    lines = list(csv.reader((tmp_path / "rows.csv").read_text().splitlines()))
    kept = [i for i, name in enumerate(lines[0]) if name not in lacking]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([line[i] for i in kept] for line in lines)
    (entry,) = read_compared(tmp_path / "rows.csv", make_grid(tmp_path))
    assert (entry, entry.area) == (replace(MINE, setup=entry.setup), -665.75)
    assert entry.setup == ("" if "setup" in lacking else MINE.setup)


def line(**change):
    values = dict.fromkeys(COLUMNS, "") | {"task": "walk", "arm": "mine", "setting": "default"}
    return ",".join((values | {"seed": "1", "score": "2"} | change).values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`compare` must have the columns task, arm, .* got none in"),
        ("task,arm\n", "`compare` must have the columns task, .* got task, arm in"),
        (
            f"{HEADER}\n{line(task='run')}",
            "`compare` must be of the tasks .* walk, got 'run'",
        ),
        (f"{HEADER}\n{line(setting='x')}", "`compare` must be of the settings .* default, got 'x'"),
        (f"{HEADER}\n{line(arm='ours')}", "`compare` must have arms of its own, got 'ours'"),
        (f"{HEADER}\n{line(arm='random')}", "`compare` must have arms of its own, got 'random'"),
        (f"{HEADER}\n{line()}\n{line()}", "`compare` must have one line a run, got two of"),
        (f"{HEADER}\n{line(score='inf')}", "got line 2 of .*: 'inf' is no finite number"),
        (f"{HEADER}\n{line(score='')}", "got line 2 of .*: could not convert"),
        (
            f"{HEADER}\n{line(seed='1.5')}",
            "got line 2 of .*: '1.5' is no whole number",
        ),
        (
            f"{HEADER}\n{line(steps='-3')}",
            "got line 2 of .*: '-3' is no whole number",
        ),
        (f"{HEADER}\nwalk,mine", "got line 2 of .*: it has 2 columns"),
        (f'{HEADER}\n"walk', "`compare` must be a CSV file, got"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, text, said):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_compared(tmp_path / "mine.csv", make_grid(tmp_path, SMALL))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEADER}\n{line(arm='ours')}\n{line(arm='ours')}", "`rows` must have one line a run"),
        (f"{HEADER}\n{line(arm='ours', score='x')}", "`rows` must have a run in each line, got"),
        ("task,arm\n", "`rows` must have the columns task, .* got task, arm in"),
    ],
)
def test_a_table_of_a_grid_that_is_none_is_refused(tmp_path, text, said):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_table(tmp_path / "rows.csv", make_grid(tmp_path, SMALL))


def test_lines_of_other_cells_and_of_other_flags_do_not_count(tmp_path):
    grid = make_grid(tmp_path, SMALL)
    true = unit_of(grid, "walk/true/default/2")
    lines = [line(arm="ours"), line(arm="ours", seed="3"), line()]
    lines += [line(arm="true", setup="0" * 16), line(arm="true", seed="2", setup=true.setup)]
    (tmp_path / "rows.csv").write_text("\n".join([HEADER, *lines]))
    entries, num_others = read_table(tmp_path / "rows.csv", grid)
    assert list(entries) == [("walk", "ours", "default", 1), true.cell]
    assert num_others == 3


def test_a_line_of_an_arm_that_no_setting_is_for_is_of_all_settings(tmp_path):
    settings = "[settings.few]\nflags = []\n[settings.many]\nflags = []\n"
    text = SMALL.replace('"10"]', '"10"]\nrated = false')
    grid = make_grid(tmp_path, text + settings)
    setup = unit_of(grid, "walk/true/few/1").setup
    ours = unit_of(grid, "walk/ours/few/1").setup
    lines = [
        line(arm="true", setting="few", setup=setup),
        line(arm="ours", setting="few", setup=ours),
    ]
    (tmp_path / "rows.csv").write_text("\n".join([HEADER, *lines]))
    entries, num_others = read_table(tmp_path / "rows.csv", grid)
    cells = [("walk", "true", "few", 1), ("walk", "ours", "few", 1), ("walk", "true", "many", 1)]
    assert list(entries) == cells
    assert [entry.cell for entry in entries.values()] == cells
    assert num_others == 0
