"""benchmarks/few.toml is what the suites of few ratings are."""

from pathlib import Path

from benchmarks.training import ARMS, SUITES
from gym_rated.bench import read_grid
from gym_rated.bench.unit import units_of

GRID = Path(__file__).parents[2] / "benchmarks" / "few.toml"


def test_the_grid_runs_what_the_suites_of_few_ratings_run():
    expected = {}
    for name, suite in SUITES.items():
        if name.startswith("few-"):
            for arm in suite.arms:
                flags = ["--total-timesteps", str(suite.steps), "--no-tensorboard"]
                config = (suite.script, suite.env_id, dict(suite.env_kwargs))
                cell = (name.removeprefix("few-"), arm)
                expected[cell] = (*config, [*flags, *suite.flags, *ARMS[arm]])
    units = units_of(read_grid(GRID))
    found = {
        (unit.task, unit.arm): tuple(
            unit.config[name] for name in ("script", "env_id", "env_kwargs", "flags")
        )
        for unit in units
        if unit.arm != "random"
    }
    assert found == expected
    assert len(found) == 8 * 12
    assert {unit.seed for unit in units} == {101, 102, 103, 104, 105}
    assert len(units) == 5 * (8 * 12 + 8)


def test_random_actions_of_a_grid_are_those_of_the_suites():
    """The same procedure, so that the numbers are the same."""
    from benchmarks.training import random_return
    from gym_rated.bench.random_actions import random_episodes
    from gym_rated.environments.making import make_env

    env = make_env("Pendulum-v1")
    returns = [total for total, _ in random_episodes(env, 101, 3)]
    assert sum(returns) / 3 == random_return(SUITES["few-pendulum"], 101, episodes=3)
