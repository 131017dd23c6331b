"""Train Stable-Baselines3's PPO through the adapter, to set beside our own script.

    python -m benchmarks.agents                     # every task, arm and seed: half an hour
    python -m benchmarks.agents --suites pendulum --seeds 101

The hyper-parameters are those of scripts/ppo_continuous_action.py as far as SB3 has them; ratings,
reward model and schedule are made by the same functions. One row a run goes to
benchmarks/results/agents.json; a cell that has a row is skipped. Runs go one after the other.
"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize
from tqdm import tqdm

from benchmarks.training import CURVE_POINTS, RESULTS, SUITES
from gym_rated import SeededEpisodes, vector
from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.parts import choose_lengths, make_learner, make_rater, make_schedule
from gym_rated.assembly.presets import PRESETS
from gym_rated.checkpoint.files import replace_file
from gym_rated.runs.provenance import provenance
from gym_rated.sb3 import FitCallback, SB3VecEnv

NUM_ENVS, NUM_STEPS = 8, 256  # one rollout has as many steps as the script's 16 x 128
ARMS = ("true", "wu2025")
PPO_OPTIONS: dict[str, Any] = {
    "n_steps": NUM_STEPS,
    "batch_size": 256,
    "n_epochs": 10,
    "learning_rate": lambda left: 8e-4 * left,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.25,  # the script halves the squared error
    "max_grad_norm": 0.5,
}


@dataclass
class Args:
    """Which cells to run, and where to."""

    suites: tuple[str, ...] = ("pendulum", "halfcheetah")
    """tasks"""
    arms: tuple[str, ...] = ARMS
    """what the agent is paid"""
    seeds: tuple[int, ...] = (101, 102, 103)
    """seeds; 1 and 2 were for tuning and are never reported"""
    out: Path = RESULTS / "agents.json"
    """file of the rows"""


class TrueReturns(BaseCallback):
    """Reads the true return of every episode where it is counted, below the rating wrappers."""

    def __init__(self, statistics: gym.wrappers.vector.RecordEpisodeStatistics) -> None:
        super().__init__()
        self.statistics = statistics
        self.episodes: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        new = self.statistics.episode_count - len(self.episodes)
        returns = list(self.statistics.return_queue)[-new:] if new else []
        self.episodes += [(self.num_timesteps, float(value)) for value in returns]
        return True

    def curve(self, total_steps: int) -> list[float | None]:
        """Return the mean in each of `CURVE_POINTS` equal stretches of training."""
        stretches: list[list[float]] = [[] for _ in range(CURVE_POINTS)]
        for step, value in self.episodes:
            stretches[min(step * CURVE_POINTS // total_steps, CURVE_POINTS - 1)].append(value)
        return [round(float(np.mean(values)), 2) if values else None for values in stretches]


def train(name: str, arm: str, seed: int) -> dict[str, Any]:
    """Train one agent; returns its row."""
    torch.set_num_threads(1)
    suite = SUITES[name]
    steps = suite.steps // (NUM_ENVS * NUM_STEPS) * NUM_ENVS * NUM_STEPS
    thunks = [
        lambda i=i: SeededEpisodes(gym.make(suite.env_id), seed, i)  # type: ignore[misc]
        for i in range(NUM_ENVS)
    ]
    same_step = gym.vector.AutoresetMode.SAME_STEP
    envs: Any = gym.vector.SyncVectorEnv(thunks, autoreset_mode=same_step)
    limit = envs.envs[0].spec.max_episode_steps
    envs = statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    callbacks: list[BaseCallback] = [returns := TrueReturns(statistics)]
    if arm == "wu2025":
        args = replace(RunArgs(), **PRESETS["wu2025"])
        lengths = choose_lengths(args, limit)
        envs = feedback = vector.RatingFeedbackWrapper(
            envs,
            make_rater(args, seed),
            segment_length=lengths[0],
            schedule=make_schedule(args, steps, NUM_ENVS, lengths),
            seed=seed,
        )
        learner = make_learner(args, envs, lengths, seed)
        envs = vector.LearnedRewardWrapper(envs, learner.model.predict)
        callbacks.append(FitCallback(feedback, learner))
    env = VecNormalize(VecMonitor(SB3VecEnv(envs)), gamma=PPO_OPTIONS["gamma"])
    agent = PPO("MlpPolicy", env, seed=seed, device="cpu", **PPO_OPTIONS)
    start = time.monotonic()
    agent.learn(steps, callback=callbacks)
    seconds = time.monotonic() - start
    row = {"suite": name, "env_id": suite.env_id, "arm": arm, "seed": seed}
    row["steps"] = agent.num_timesteps
    row["score"] = float(np.mean([value for _, value in returns.episodes[-50:]]))
    row |= {"steps_per_second": steps / seconds, "curve": returns.curve(steps)}
    if arm == "wu2025":
        row["num_ratings"] = len(feedback.ratings)
    return row


def main(args: Args) -> None:
    """Run what has no row yet, all arms of one seed first, and write the rows after each run."""
    found = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    rows = {(row["suite"], row["arm"], row["seed"]): row for row in found}
    cells = [(s, arm, seed) for seed in args.seeds for s in args.suites for arm in args.arms]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for cell in tqdm([cell for cell in cells if cell not in rows], unit="run"):
        rows[cell] = train(*cell)
        ordered = [rows[key] for key in sorted(rows)]
        content = {"made_on": provenance(), "rows": ordered}
        replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(tyro.cli(Args))
