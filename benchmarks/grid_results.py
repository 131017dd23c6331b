"""What the committed rows of grids say, as tables and figures of the docs."""

from pathlib import Path

from benchmarks.grid_tables import (
    arms_table,
    budget_table,
    pilot_table,
    places_by_arm,
    tasks_table,
)
from gym_rated.bench import Grid, read_grid
from gym_rated.bench.budgets import budgets_of, scores_by_budget
from gym_rated.bench.judging import Judged, judge
from gym_rated.bench.table import read_lines, read_table
from gym_rated.plots import plot_budgets, plot_profiles

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
TEN_TASKS = FOLDER / "ten_tasks.toml"
BUDGETS = FOLDER / "budgets.toml"
ABLATIONS = FOLDER / "ablations.toml"


def grid_blocks() -> dict[str, str]:
    """Return name -> table, of the grids as far as they have been run."""
    blocks = {}
    pilot = RESULTS / "ten_tasks_pilot.csv"
    if pilot.exists():
        blocks["ten_tasks_pilot"] = pilot_table(list(read_lines(pilot)))
    grid = read_grid(TEN_TASKS)
    for setting, here in judged_settings(grid).items():
        blocks[f"ten_tasks_{setting}"] = arms_table(grid, here, "wu2025")
        blocks[f"ten_tasks_{setting}_places"] = tasks_table(here)
    grid = read_grid(BUDGETS)
    if judged := judged_settings(grid):
        (budget,) = budgets_of(grid)
        blocks["budgets"] = budget_table(grid, judged, budget)
    grid = read_grid(ABLATIONS)
    for here in judged_settings(grid).values():
        blocks["ablations"] = arms_table(grid, here, "ours")
        blocks["ablations_places"] = places_by_arm(here)
    return blocks


def draw_grids(folder: Path) -> None:
    """Draw the profiles of the ten tasks, and the scores by number of ratings."""
    for setting, here in judged_settings(read_grid(TEN_TASKS)).items():
        if profiles := here.profiles():
            title = f"Ten tasks, {setting}: performance profile"
            plot_profiles(profiles, folder / f"ten_tasks_{setting}.png", title=title)
    grid = read_grid(BUDGETS)
    if judged := judged_settings(grid):
        (budget,) = budgets_of(grid)
        found = scores_by_budget(grid, judged, budget)
        means = {arm: of_arm for arm, (_, of_arm) in found.items()}
        title = "Normalised score by number of ratings, a fifth of them wrong"
        plot_budgets(means, list(budget.values()), folder / "budgets.png", title=title)


def judged_settings(grid: Grid) -> dict[str, Judged]:
    """Return setting -> what its runs say, of those settings of a grid that have been run."""
    table = RESULTS / f"{grid.path.stem}.csv"
    if not table.exists():
        return {}
    entries, _ = read_table(table, grid)
    judged = {setting: judge(grid, setting, entries.values()) for setting in grid.settings}
    rated = [arm for arm in grid.arms if grid.arms[arm].rated]
    return {name: here for name, here in judged.items() if any(map(here.tasks_of, rated))}
