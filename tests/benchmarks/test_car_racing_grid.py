"""benchmarks/car_racing.toml is taken by its script, and what it says of its arms is so."""

from pathlib import Path

import pytest
from ppo import Args

from gym_rated.assembly.arguments import parse_args
from gym_rated.bench import read_grid
from gym_rated.bench.unit import units_of

GRID = read_grid(Path(__file__).parents[2] / "benchmarks" / "car_racing.toml")
UNITS = {unit.arm: unit for unit in units_of(GRID.only(seeds=GRID.seeds[:1]))}


@pytest.mark.parametrize("arm", ["true", "rated", "shuffled", "constant"])
def test_arms_differ_in_what_is_paid_and_in_nothing_that_the_agent_sees(arm: str) -> None:
    args = parse_args(Args, [*UNITS[arm].words, "--run-dir", "runs/none"])
    assert (args.image_size, args.gray, args.frame_stack) == (32, True, 2)
    assert args.env_kwargs == {"continuous": False, "max_episode_steps": 250}
    assert args.reward == (arm if arm in ("true", "constant") else "rated")
    assert args.shuffle_ratings is (arm == "shuffled")
    if args.reward == "rated":
        assert args.features == "pixels"
        assert args.num_ratings == 200
