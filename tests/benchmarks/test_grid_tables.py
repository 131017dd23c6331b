"""Tables of the grid of ten tasks, worked by hand."""

from grids import SMALL, make_grid

from benchmarks.grid_tables import (
    arms_table,
    budget_table,
    pilot_table,
    places_by_arm,
    tasks_table,
)
from gym_rated.bench.judging import judge
from gym_rated.bench.table import Entry

TEXT = SMALL.replace("random = 0.0\n", "") + (
    '[tasks.swim]\nenv_id = "Acrobot-v1"\nscript = "tiny.py"\n[arms.base]\nflags = []\n'
)


def entries(task, arm, *scores):
    setting = "" if arm == "random" else "default"
    return [Entry(task, arm, setting, seed, float(score)) for seed, score in enumerate(scores)]


def test_a_task_is_kept_if_the_true_reward_is_five_standard_errors_above_random():
    rows = [*entries("walk", "random", 0, 2), *entries("walk", "true", 10, 12)]
    rows += [*entries("swim", "random", 0, 2), *entries("swim", "true", 8, 10)]
    table = pilot_table(rows)
    # standard errors are 1 and 1: 10 / sqrt(2) and 8 / sqrt(2)
    assert table.splitlines()[2:] == [
        "| walk | 1.0 ± 1.0 | 11.0 ± 1.0 | 7.1 | yes |",
        "| swim | 1.0 ± 1.0 | 9.0 ± 1.0 | 5.7 | yes |",
    ]
    rows[-1:] = entries("swim", "true", 5)
    assert "| swim | 1.0 ± 1.0 | 6.5 ± 1.5 | 3.1 | no |" in pilot_table(rows)


def test_arms_are_placed_and_compared_and_what_is_not_known_is_empty(tmp_path):
    grid = make_grid(tmp_path, TEXT)
    rows = [*entries("walk", "random", 0, 0), *entries("walk", "true", 10, 10)]
    rows += [*entries("walk", "ours", 5, 5), *entries("walk", "base", 2, 2)]
    rows += [*entries("swim", "random", 0), *entries("swim", "true", 10, 10)]
    rows += entries("swim", "ours", 1)
    here = judge(grid, "default", rows)
    lines = arms_table(grid, here, "base").splitlines()[2:]
    assert lines[1] == (
        "| `ours` | 3 | 2 of 2 | 0.30 | 0.37 | 0.10 (swim) | 1.00 (1.00 to 1.00) | 0.333 |"
    )
    assert lines[2].startswith("| `base` | 2 | 1 of 2 | 0.20 (0.20 to 0.20) |")
    assert lines[2].endswith("| 0.20 (walk) |  |  |")
    assert places_by_arm(here).splitlines() == [
        "| arm | walk | swim |",
        "|---|---|---|",
        "| `ours` | 0.50 (0.50 to 0.50) | 0.10 (1 run) |",
        "| `base` | 0.20 (0.20 to 0.20) |  |",
    ]
    assert tasks_table(here).splitlines()[2:] == [
        "| walk | 0.50 (0.50 to 0.50) | 0.20 (0.20 to 0.20) |",
        "| swim | 0.10 (1 run) |  |",
    ]


def test_scores_by_number_of_ratings_are_listed_by_task_below_their_mean(tmp_path):
    settings = "[settings.few]\nflags = ['--num-ratings', '50']\n"
    settings += "[settings.many]\nflags = ['--num-ratings', '200']\n"
    grid = make_grid(tmp_path, SMALL + settings)
    scores = {"true": ([10, 10], [10, 10]), "ours": ([2, 4], [8])}
    rows = [
        Entry("walk", arm, setting, seed, float(score))
        for arm, both in scores.items()
        for setting, found in zip(("few", "many"), both, strict=True)
        for seed, score in enumerate(found)
    ]
    judged = {setting: judge(grid, setting, rows) for setting in grid.settings}
    table = budget_table(grid, judged, {"few": 50, "many": 200})
    lines = table.splitlines()
    assert lines[0] == "| task | arm | 50 ratings | 200 ratings |"
    assert lines[3] == "| mean of 1 | `ours` | 0.30 (0.20 to 0.40) | 0.80 |"
    assert lines[5] == "| walk | `ours` | 0.30 (0.20 to 0.40) | 0.80 |"
