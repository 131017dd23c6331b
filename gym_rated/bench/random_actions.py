"""What uniformly random actions score: a script like others, in the run format.

    python -m gym_rated.bench.random_actions --env-id Pendulum-v1 --seed 101 --run-dir runs/random

The score is the mean return of all its episodes: no policy changes in the course of them.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro

from gym_rated.assembly.words import EnvKwargs
from gym_rated.checks import whole_number
from gym_rated.edge import run_command
from gym_rated.environments.making import make_env
from gym_rated.runs import RunWriter
from gym_rated.runs.names import EPISODE_LENGTH, TRUE_RETURN


@dataclass
class Args:
    """Act uniformly at random, and learn nothing."""

    env_id: str
    """the id of the environment"""
    run_dir: Path
    """folder of the run"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values"""
    seed: int = 1
    """seed of environment and actions"""
    episodes: int = 100
    """how many episodes"""


def act(args: Args) -> float:
    """Write the run of some arguments; returns its score, a mean return in reward units.

    Raises:
        ValueError: If `episodes` is below 1, or there is no such environment.
    """
    whole_number("episodes", args.episodes)
    env = make_env(args.env_id, args.env_kwargs)
    step, returns = 0, []
    with RunWriter(
        args.run_dir, asdict(args), script="random_actions", tensorboard=False
    ) as writer:
        for total, length in random_episodes(env, args.seed, args.episodes):
            step += length
            returns.append(total)
            writer.log(step, {TRUE_RETURN: total, EPISODE_LENGTH: length})
        score = float(np.mean(returns))
        result = {"env_id": args.env_id, "seed": args.seed, "global_step": step, "score": score}
        writer.write_result(result)
    env.close()
    return score


def random_episodes(
    env: gym.Env[Any, Any], seed: int, episodes: int
) -> Iterator[tuple[float, int]]:
    """Yield return and length of each of so many episodes of uniformly random actions."""
    env.action_space.seed(seed)
    for episode in range(episodes):
        env.reset(seed=seed if episode == 0 else None)
        total, length, done = 0.0, 0, False
        while not done:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            total, length, done = total + float(reward), length + 1, terminated or truncated
        yield total, length


if __name__ == "__main__":
    sys.exit(run_command("random_actions", lambda: print(act(tyro.cli(Args)))))
