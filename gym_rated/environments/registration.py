"""The ids that `import gym_rated` registers with Gymnasium.

Entry points are text, so that registering imports nothing and every spec can be written down.

* `gym_rated/dm-DOMAIN-TASK-v0`: the tasks of dm_control's suite, under its own names, underscores
  and all (`gym_rated/dm-ball_in_cup-catch-v0`); see `gym_rated.environments.dm_suite`.
* `gym_rated/Rated-v0`: any environment with its reward learned from ratings; see
  `gym_rated.assembly.rated`.
"""

from gymnasium.envs.registration import register, registry

SUITE_TIME_LIMIT = 1_000
"""Steps of an episode of every suite task; `lqr`, which has no limit of its own, gets it too."""

SUITE_TASKS = {
    "acrobot": "swingup swingup_sparse",
    "ball_in_cup": "catch",
    "cartpole": "balance balance_sparse swingup swingup_sparse three_poles two_poles",
    "cheetah": "run",
    "dog": "fetch run stand trot walk",
    "finger": "spin turn_easy turn_hard",
    "fish": "swim upright",
    "hopper": "hop stand",
    "humanoid": "run run_pure_state stand walk",
    "humanoid_CMU": "run stand walk",
    "lqr": "lqr_2_1 lqr_6_2",
    "manipulator": "bring_ball bring_peg insert_ball insert_peg",
    "pendulum": "swingup",
    "point_mass": "easy hard",
    "quadruped": "escape fetch run walk",
    "reacher": "easy hard",
    "stacker": "stack_2 stack_4",
    "swimmer": "swimmer15 swimmer6",
    "walker": "run stand walk",
}
"""Domain of dm_control's suite -> its tasks."""


def suite_id(domain: str, task: str) -> str:
    """Return the id of a task of dm_control's suite."""
    return f"gym_rated/dm-{domain}-{task}-v0"


def register_ids() -> None:
    """Register all ids that are not yet registered."""
    for domain, tasks in SUITE_TASKS.items():
        for task in tasks.split():
            _register(
                suite_id(domain, task),
                entry_point="gym_rated.environments.dm_suite:SuiteEnv",
                max_episode_steps=SUITE_TIME_LIMIT,
                kwargs={"domain": domain, "task": task},
            )
    _register(
        "gym_rated/Rated-v0",
        entry_point="gym_rated.assembly.rated:RatedEnv",
        vector_entry_point="gym_rated.assembly.rated:make_rated_vec",
        order_enforce=False,
        disable_env_checker=True,
    )


def _register(env_id: str, **arguments: object) -> None:
    if env_id not in registry:
        register(env_id, **arguments)  # type: ignore[arg-type]  # each is what `register` takes
