"""What a run's folder says of its environment, and a step of its policy there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from gym_rated.agents.policy import Policy
from gym_rated.imports import check_imports_nothing, names_of_modules
from gym_rated.runs.names import CONFIG
from gym_rated.runs.reading import read_config

Env = gym.Env[Any, Any]


def environment_of(
    run: Path, env_id: str | None = None, env_kwargs: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return id and arguments of a run's environment, which a file alone must not import.

    Args:
        run: The run's folder.
        env_id: What a user typed in the place of the run's own.
        env_kwargs: Likewise.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If the run names no environment, or one whose module would have to be imported.
    """
    flags = read_config(run)["args"]
    found = env_id or flags.get("env_id")
    if found is None:
        raise ValueError(
            f"`env_id` must be given, because {run / CONFIG} names no environment, got None"
        )
    kwargs = env_kwargs or flags.get("env_kwargs") or {}
    typed = [*names_of_modules(env_id), *names_of_modules(env_kwargs)]
    for name, value in (("env_id", found), ("env_kwargs", kwargs)):
        remedy = f"if you trust it, pass --env-id {found}"
        check_imports_nothing(name, value, run / CONFIG, remedy, typed=typed)
    return str(found), dict(kwargs)


def images_of(run: Path) -> dict[str, Any]:
    """Return how a run changed the images that its policy sees; earlier ones had no such flags."""
    flags = read_config(run)["args"]
    return {name: flags[name] for name in ("image_size", "gray", "frame_stack") if name in flags}


def choose_action(
    env: Env, policy: Policy | None, obs: Any, rng: np.random.Generator | None
) -> Any:
    """Return what a policy does; without one, a random action."""
    if policy is None:
        return env.action_space.sample()
    vector = np.asarray(gym.spaces.flatten(env.observation_space, obs))
    return policy.act(vector, env.action_space, rng)
