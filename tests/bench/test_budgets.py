"""What more ratings bring, read off settings that differ in nothing else."""

from grids import SMALL, make_grid

from gym_rated.bench import write_report
from gym_rated.bench.budgets import budgets_of, scores_by_budget
from gym_rated.bench.judging import judge
from gym_rated.bench.table import Entry, write_table

SETTINGS = """
[settings.many]
flags = ["--num-ratings", "500", "--mistake-rate", "0.2"]
[settings.few]
flags = ["--mistake-rate", "0.2", "--num-ratings=50"]
[settings.clean]
flags = ["--num-ratings", "50"]
[settings.same]
flags = ["--num-ratings", "9", "--num-ratings", "50", "--mistake-rate", "0.2"]
"""
TEXT = SMALL.replace('"10"]', '"10"]\nrated = false') + (
    '[tasks.swim]\nenv_id = "Acrobot-v1"\nscript = "tiny.py"\nrandom = 0.0\n'
    '[arms.own]\nflags = ["--num-ratings", "7"]\n[arms.base]\nflags = []\n'
)


def entries(task, arm, **settings):
    return [
        Entry(task, arm, setting, seed, float(score), 100)
        for setting, scores in settings.items()
        for seed, score in enumerate(scores, start=1)
    ]


def test_settings_that_differ_in_their_number_alone_are_a_family_in_its_order(tmp_path):
    assert budgets_of(make_grid(tmp_path, TEXT + SETTINGS)) == [{"few": 50, "many": 500}]
    assert budgets_of(make_grid(tmp_path, TEXT)) == []


def test_an_arm_counts_on_the_tasks_that_it_has_with_every_number(tmp_path):
    grid = make_grid(tmp_path, TEXT + SETTINGS)
    ends = {"few": [10, 10], "many": [10, 10]}
    rows = [*entries("walk", "true", **ends), *entries("swim", "true", **ends)]
    rows += entries("walk", "ours", few=[1, 3], many=[5, 5])
    rows += entries("swim", "ours", few=[9])
    rows += entries("walk", "own", few=[1], many=[1])
    rows += entries("walk", "base", few=[1]) + entries("swim", "base", many=[1])
    judged = {setting: judge(grid, setting, rows) for setting in grid.settings}
    (budget,) = budgets_of(grid)
    found = scores_by_budget(grid, judged, budget)
    assert list(found) == ["ours"]
    tasks, (few, many) = found["ours"]
    assert tasks == ["walk"]
    assert (few.low, few.estimate, few.high) == (0.1, 0.2, 0.3)
    assert many.estimate == 0.5


def test_the_report_has_a_table_and_a_picture_of_it(tmp_path):
    grid = make_grid(tmp_path, TEXT + SETTINGS)
    rows = entries("walk", "true", few=[10, 10], many=[10, 10])
    rows += entries("walk", "ours", few=[1, 3], many=[5])
    table = tmp_path / "rows.csv"
    write_table(table, rows)
    write_report(grid, tmp_path / "none", tmp_path / "out", rows=table)
    page = (tmp_path / "out" / "report.md").read_text()
    assert "## Score by number of ratings: settings few, many" in page
    assert "| arm | tasks | 50 ratings | 500 ratings |" in page
    assert "| ours | walk | 0.20 (0.10 to 0.30) | 0.50 |" in page
    assert (tmp_path / "out" / "ratings-few-many.png").stat().st_size > 10_000


def test_where_nothing_was_run_with_every_number_nothing_is_said(tmp_path):
    grid = make_grid(tmp_path, TEXT + SETTINGS)
    write_table(tmp_path / "rows.csv", entries("walk", "ours", few=[1, 3]))
    write_report(grid, tmp_path / "none", tmp_path / "out", rows=tmp_path / "rows.csv")
    assert "Score by number" not in (tmp_path / "out" / "report.md").read_text()
