"""The page of a grid says what there is, what is missing, and the numbers worked by hand."""

import re

import pytest
from grids import SMALL, make_grid, write_rows

from gym_rated.bench import write_report
from gym_rated.bench.cells import p_value
from gym_rated.bench.table import Entry, write_table

TEXT = SMALL.replace("[1, 2]", '[1, 2]\nbaseline = "base"') + (
    '[arms.base]\nflags = ["--level", "1"]\n'
    '[tasks.swim]\nenv_id = "Acrobot-v1"\nscript = "tiny.py"\nrandom = 0\n'
)
SETTINGS = "[settings.few]\nflags = []\n" + '[settings.many]\nflags = ["--checkpoints"]\n'
SCORES = {
    ("walk", "true"): [8, 12],
    ("walk", "ours"): [3, 4],
    ("walk", "base"): [1, 2],
    ("swim", "true"): [100, 100],
    ("swim", "ours"): [30, 40],
    ("swim", "base"): [10, 20],
}


def report(tmp_path, scores=SCORES, text=TEXT, **options):
    grid = make_grid(tmp_path / "grid", text)
    rows = {
        (*cell, setting, seed): float(score)
        for cell, found in scores.items()
        for setting in grid.settings
        for seed, score in zip(grid.seeds, found, strict=False)
    }
    write_rows(grid, tmp_path / "runs", rows)
    write_report(grid, tmp_path / "runs", tmp_path / "out", **options)
    return (tmp_path / "out" / "report.md").read_text()


def test_a_complete_grid_has_every_number(tmp_path):
    page = report(tmp_path)
    assert "Complete: all 12 runs are done." in page
    assert "made by gym_rated 0.1.0, commit abc." in page
    assert "Missing runs" not in page
    # walk from 0 to 10, swim from 0 to 100: 0.3, 0.4, 0.3, 0.4
    assert "| ours | 2 of 2 | 0.35 (" in page
    # all pairs are won on both tasks: 2 of 36 ways; one comparison, so that Holm changes nothing
    assert "| ours | 2 of 2 | 1.00 (1.00 to 1.00) | 0.0556 | 0.0556 |" in page
    assert "all comparisons of this page, of which there are 1." in page
    # 8, 12: 10 ± sqrt(8) / sqrt(2)
    # and as the curves are level, so much in all of training
    assert "| true | 2 | 10.00 ± 2.00 | 10.00 ± 2.00 | 1.00 (0.80 to 1.20) | 8.00 (seed 1)" in page
    assert "| random | given | 0.0 |  | 0 |  |  |" in page
    assert "| ours | 2 | 35.00 ± 5.00 | 35.00 ± 5.00 | 0.35 (0.30 to 0.40) | 30.00 (seed 1)" in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("rows.csv", "report.md", "report.html", "default-profile.png"),
        *("default-walk.png", "default-swim.png"),
    }
    assert len((tmp_path / "out" / "rows.csv").read_text().splitlines()) == 13


def test_pictures_are_written_in_further_formats_beside_the_page(tmp_path):
    page = report(tmp_path, formats=("svg",))
    names = {path.name for path in (tmp_path / "out").glob("default-*.svg")}
    assert names == {"default-profile.svg", "default-walk.svg", "default-swim.svg"}
    assert ".svg" not in page


def test_comparisons_of_all_settings_are_one_family(tmp_path):
    walk = {cell: scores for cell, scores in SCORES.items() if cell[0] == "walk"}
    page = report(tmp_path, walk, TEXT.partition("[tasks.swim]")[0] + SETTINGS)
    assert "of which there are 2." in page
    # 2 of 6 ways in both settings, which Holm makes twice the smaller, and no less for the other
    assert page.count("| 0.3333 | 0.6667 |") == 2


def test_an_incomplete_grid_says_what_is_missing(tmp_path):
    scores = SCORES | {("walk", "ours"): [3], ("swim", "base"): []}
    page = report(tmp_path, scores)
    assert "Incomplete: 9 of 12 runs are done." in page
    assert "| walk | ours | default | 2 |" in page
    assert "| swim | base | default | 1, 2 |" in page
    # the mean of 0.3 and 0.35, and that of 0.3, 0.3 and 0.4, without an interval, as walk has a
    # single run
    assert "| ours | 2 of 2 | 0.32 | 0.33 |" in page
    assert "| base | 1 of 2 (not swim) | 0.15 (" in page
    assert "Arms with fewer tasks are aggregated over those on which they have runs" in page
    assert "No arm has a task on which both it and base have two runs or more." in page
    assert "| ours | 1 | 3.00 | 3.00 | 0.30 | 3.00 (seed 1) | 2 |" in page
    assert "| base | 0 |  |  |  |  | 1, 2 |" in page


def test_a_task_that_the_true_reward_does_not_learn_is_listed_as_dropped(tmp_path):
    page = report(tmp_path, SCORES | {("swim", "true"): [0, -1]})
    assert (
        "Dropped from the aggregate: swim, as its arm 'true', -0.5, does not lie above random "
        "actions, 0."
    ) in page
    assert "| ours | 1 of 1 | 0.35 (" in page
    assert "| ours | 2 | 35.00 ± 5.00 | 35.00 ± 5.00 |  | 30.00 (seed 1) |  |" in page


def test_without_the_true_arm_nothing_is_aggregated(tmp_path):
    page = report(tmp_path, {("walk", "ours"): [3, 4]})
    assert "There is nothing to aggregate." in page
    assert "| ours | 2 | 3.50 ± 0.50 | 3.50 ± 0.50 |  | 3.00 (seed 1) |  |" in page


def test_rows_of_others_are_set_beside_those_of_the_grid(tmp_path):
    mine = [Entry("walk", "mine", "default", seed, score) for seed, score in ((7, 9.0), (8, 11.0))]
    write_table(tmp_path / "mine.csv", mine)
    page = report(tmp_path, compare=tmp_path / "mine.csv")
    assert "Not of the grid, but set beside it: mine (2 runs)." in page
    assert "| mine | 1 of 2 (not swim) | 1.00 (" in page
    assert "| mine | 2 | 10.00 ± 1.00 |  | 1.00 (" in page
    # of six ways of changing sides 9, 11 and 1, 2 are one, and turned round another: 2 / 6
    assert "| mine | 1 of 2 | 1.00 (1.00 to 1.00) | 0.3333 | 0.3333 |" in page
    assert "| ours | 2 of 2 | 1.00 (1.00 to 1.00) | 0.0556 | 0.1111 |" in page
    assert "walk,mine,default,7,9.0" in (tmp_path / "out" / "rows.csv").read_text()


def test_the_rows_of_a_report_make_the_same_report(tmp_path):
    page = report(tmp_path)
    rows, grid = tmp_path / "out" / "rows.csv", make_grid(tmp_path / "grid", TEXT)
    write_report(grid, tmp_path / "none", tmp_path / "again", rows=rows)
    for name in ("report.md", "report.html", "rows.csv"):
        written = (tmp_path / "again" / name).read_bytes()
        assert written == (tmp_path / "out" / name).read_bytes()
    write_report(grid.only(seeds=[1]), tmp_path / "none", tmp_path / "part", rows=rows)
    part = (tmp_path / "part" / "report.md").read_text()
    assert "Complete: all 6 runs are done." in part
    assert re.search(r"Left out, as of no run of this grid: 6 lines of .*rows.csv\.", part)
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:-1]))
    write_report(grid, tmp_path / "none", tmp_path / "again", rows=rows)
    assert "Incomplete: 11 of 12 runs are done." in (tmp_path / "again" / "report.md").read_text()
    assert "Complete" in page


def test_a_part_of_a_grid_is_reported_by_itself(tmp_path):
    grid = make_grid(tmp_path / "grid", TEXT).only(tasks=["walk"], arms=["true", "ours"])
    scores = {("walk", arm, "default", seed): 5.0 + seed for arm in grid.arms for seed in (1, 2)}
    write_rows(grid, tmp_path / "runs", scores)
    write_report(grid, tmp_path / "runs", tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text()
    assert "Complete: all 4 runs are done." in page
    assert "Compared with" not in page


def test_another_arm_can_be_what_others_are_compared_with(tmp_path):
    page = report(tmp_path, baseline="ours")
    assert "### Compared with ours" in page
    assert "| base | 2 of 2 | 0.00 (0.00 to 0.00) | 0.0556 | 0.0556 |" in page


def test_what_cannot_be_reported_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`dir` must hold runs of .*small.toml, got none in"):
        report(tmp_path, {})
    with pytest.raises(ValueError, match=r"`baseline` must be one of .* base, got 'x'"):
        report(tmp_path, baseline="x")
    assert not (tmp_path / "out").exists()


def test_a_report_of_seeds_for_tuning_says_so(tmp_path):
    text = TEXT.replace("[1, 2]", "[1]\ntuning_seeds = [2]")
    grid = make_grid(tmp_path / "tuned", text).only(seeds=[1, 2])
    write_rows(grid, tmp_path / "tuned", {("walk", "ours", "default", 2): 5.0})
    write_report(grid, tmp_path / "tuned", tmp_path / "of-tuned")
    assert "may have been tuned on" in (tmp_path / "of-tuned" / "report.md").read_text()
    assert "may have been tuned on" not in report(tmp_path)


def test_a_p_value_is_never_written_as_zero():
    assert p_value(0.0123, 3) == "0.012"
    assert p_value(0.0005, 3) == "0.001"
    assert p_value(0.00049, 3) == "< 0.001"
    assert p_value(0.00002, 4) == "< 0.0001"
