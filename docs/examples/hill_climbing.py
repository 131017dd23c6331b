"""An agent of one's own for a grid: a linear policy, changed at random, kept where it is better."""

from dataclasses import asdict, dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import tyro

from gym_rated.runs import RunWriter
from gym_rated.runs.names import EPISODE_LENGTH, TRUE_RETURN
from gym_rated.runs.products import score_of


@dataclass
class Args:
    """Climb the hill of the true return; actions must be Discrete."""

    run_dir: Path
    """folder of the run"""
    env_id: str = "CartPole-v1"
    """the id of the environment"""
    seed: int = 1
    """seed of everything"""
    total_timesteps: int = 20_000
    """steps of training"""
    noise: float = 0.5
    """standard deviation of a change"""


def train(args):
    """Train as the flags say, in the run format; returns the result."""
    env = gym.make(args.env_id)
    rng = np.random.default_rng(args.seed)
    best, best_return = np.zeros((env.action_space.n, env.observation_space.shape[0])), -np.inf
    step, returns = 0, []
    with RunWriter(args.run_dir, asdict(args), script="hill_climbing", tensorboard=False) as writer:
        while step < args.total_timesteps:
            policy = best + args.noise * rng.standard_normal(best.shape)
            obs, _ = env.reset(seed=int(rng.integers(2**31)))
            total, length, done = 0.0, 0, False
            while not done:
                obs, reward, terminated, truncated, _ = env.step(int(np.argmax(policy @ obs)))
                total, length, done = total + reward, length + 1, terminated or truncated
            if total >= best_return:
                best, best_return = policy, total
            step += length
            returns.append(total)
            writer.log(step, {TRUE_RETURN: total, EPISODE_LENGTH: length})
        result = {"env_id": args.env_id, "seed": args.seed, "global_step": step}
        result["score"] = score_of(returns)  # the mean of the last 50 episodes, as everywhere
        writer.write_result(result)
    return result


if __name__ == "__main__":
    train(tyro.cli(Args))
