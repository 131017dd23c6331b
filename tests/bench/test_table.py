"""The table is read as it was written, and rows of others are taken where they fit the grid."""

import pytest
from grids import SMALL, make_grid, write_rows

from gym_rated.bench.table import COLUMNS, Entry, entries_of, read_compared, read_table, write_table

MINE = Entry(
    *("walk", "mine", "default", 7, -1.25, 4096, 40, 200.0, "said, with a comma", "0.1.0", "abc"),
    "0123456789abcdef",
    (None, 1.5, -2000.25),
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
    assert text.splitlines() == [
        HEADER,
        'walk,mine,default,7,-1.25,4096,40,200.0,"said, with a comma",0.1.0,abc,0123456789abcdef,'
        "- 1.5 -2000.25,-665.75",  # 1.5 where nothing was known, (1.5 + 1.5 - 2000.25) / 3
        "walk,mine,default,8,0.30000000000000004,,,,,,,,,",
    ]
    assert read_compared(tmp_path / "rows.csv", make_grid(tmp_path)) == [MINE, bare]


def test_a_table_of_before_there_were_areas_is_read(tmp_path):
    write_table(tmp_path / "rows.csv", [MINE])
    text = (tmp_path / "rows.csv").read_text()
    (tmp_path / "rows.csv").write_text(text.replace(",area\n", "\n").replace(",-665.75\n", "\n"))
    (entry,) = read_compared(tmp_path / "rows.csv", make_grid(tmp_path))
    assert (entry, entry.area) == (MINE, -665.75)


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


def test_lines_of_other_cells_are_left_out(tmp_path):
    text = f"{HEADER}\n{line(arm='ours')}\n{line(arm='ours', seed='3')}\n{line()}\n"
    (tmp_path / "rows.csv").write_text(text)
    entries, missing = read_table(tmp_path / "rows.csv", make_grid(tmp_path, SMALL))
    assert [entry.cell for entry in entries] == [("walk", "ours", "default", 1)]
    assert len(missing) == 3
