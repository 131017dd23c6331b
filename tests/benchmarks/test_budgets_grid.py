"""benchmarks/budgets.toml differs from the ten tasks in nothing but how many ratings there are."""

from pathlib import Path

from ppo_continuous_action import Args

from gym_rated.assembly.arguments import parse_args
from gym_rated.bench import read_grid
from gym_rated.bench.budgets import budgets_of
from gym_rated.bench.unit import units_of

FOLDER = Path(__file__).parents[2] / "benchmarks"
GRID, TEN_TASKS = (read_grid(FOLDER / f"{name}.toml") for name in ("budgets", "ten_tasks"))


def test_its_cells_with_200_ratings_are_those_of_the_ten_tasks():
    shared = GRID.only(settings=["headline"], seeds=GRID.seeds[:1])
    theirs = {unit.cell: unit.setup for unit in units_of(TEN_TASKS)}
    units = units_of(shared)
    assert len(units) == 4 * 5
    assert all(theirs[unit.cell] == unit.setup for unit in units)


def test_its_settings_are_one_family_and_its_script_takes_them():
    (budget,) = budgets_of(GRID)
    assert set(budget) == set(GRID.settings)
    assert list(budget.values()) == [50, 100, 200, 500]
    for unit in units_of(GRID.only(tasks=["pendulum"], seeds=GRID.seeds[:1])):
        if unit.arm not in ("random", "true"):
            args = parse_args(Args, [*unit.words, "--run-dir", "runs/none"])
            assert args.num_ratings == budget[unit.setting]
            assert (args.mistake_rate, args.slip_rate, args.regrade) == (0.1, 0.1, False)
