"""benchmarks/ablations.toml changes one part of `ours` in each arm, and shares the others' runs."""

from dataclasses import asdict
from pathlib import Path

import pytest
from ppo_continuous_action import Args

from gym_rated.assembly.arguments import parse_args
from gym_rated.bench import read_grid
from gym_rated.bench.unit import units_of

FOLDER = Path(__file__).parents[2] / "benchmarks"
GRID, TEN_TASKS = (read_grid(FOLDER / f"{name}.toml") for name in ("ablations", "ten_tasks"))
UNITS = {unit.cell: unit for unit in units_of(GRID)}
SHARED = ("random", "true", "ours", "people")
DIFFERS = {
    "people": {"tasks"},
    "steps-50": {"segment_length"},
    "no-decay": {"weight_decay"},
    "no-squares": {"squared_actions"},
    "no-bonus": {"explore"},
    "bonus-until-fit": {"explore_until"},
    "one-network": {"num_members"},
    "five-networks": {"num_members"},
    "disagreement": {"select"},
    "classes-3": {"num_classes"},
    "classes-7": {"num_classes"},
    "none-wrong": {"mistake_rate", "slip_rate"},
    "two-fifths-wrong": {"mistake_rate", "slip_rate"},
}


def test_arms_that_the_ten_tasks_have_are_the_same_runs():
    theirs = {unit.cell: unit.setup for unit in units_of(TEN_TASKS)}
    shared = [unit for unit in UNITS.values() if unit.arm in SHARED]
    assert len(shared) == 4 * 4 * len(GRID.seeds)
    assert all(theirs[unit.cell] == unit.setup for unit in shared)
    assert set(GRID.arms) == {"true", "ours", *DIFFERS}


@pytest.mark.parametrize("arm", DIFFERS)
def test_an_arm_differs_from_ours_in_what_it_is_called_after(arm):
    units = [UNITS["pendulum", name, "headline", GRID.seeds[0]] for name in ("ours", arm)]
    ours, other = (asdict(parse_args(Args, [*unit.words, "--run-dir", "x"])) for unit in units)
    assert {name for name in ours if ours[name] != other[name]} == DIFFERS[arm]
