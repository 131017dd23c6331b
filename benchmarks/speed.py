"""What the wrappers and the reward model cost, in microseconds of CPU time per environment step.

    python -m benchmarks.speed

Variants are timed in turn, many times over, and compared within each turn: machines are noisy. The
medians are committed as benchmarks/results/speed.json.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from tqdm import trange

import gym_rated
import gym_rated.vector
from gym_rated.checkpoint.files import replace_file
from gym_rated.runs.provenance import provenance

RESULTS = Path(__file__).parent / "results"
NUM_ENVS = 16


@dataclass
class Args:
    """How long to measure."""

    env_id: str = "HalfCheetah-v5"
    """task whose steps are timed"""
    steps: int = 4_000
    """environment steps of one timing"""
    turns: int = 15
    """timings of each variant"""
    out: Path = RESULTS / "speed.json"
    """file of the medians"""


def ready_model(env: Any) -> gym_rated.RewardEnsemble:
    """Return a small reward model (3 members, 2 x 64) that was fitted to 20 ratings."""
    space = env.unwrapped.observation_space
    model = gym_rated.RewardEnsemble.for_spaces(space, env.unwrapped.action_space)
    rated = gym_rated.RatingFeedbackWrapper(env, gym_rated.SyntheticRater())
    rated.reset(seed=0)
    rated.action_space.seed(0)
    for _ in range(2_000):
        rated.step(rated.action_space.sample())
    rated.query(20)
    gym_rated.fit(rated.ratings, model=model, progress_bar=False)
    return model


def seconds_per_step(env: Any, actions: Any, steps: int) -> float:
    """Return the CPU time of one step, resets included."""
    env.reset(seed=0)
    start = time.process_time()
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(actions)
        if terminated is True or truncated is True:
            env.reset()
    return (time.process_time() - start) / steps


def vector_env(env_id: str, wrap: Callable[[Any], Any]) -> Any:
    """Return NUM_ENVS environments in one process, wrapped."""
    return wrap(gym.vector.SyncVectorEnv([lambda: gym.make(env_id)] * NUM_ENVS))


def main(args: Args) -> None:
    """Time all variants in turn and write the medians of the differences."""
    torch.set_num_threads(1)
    rater, vector = gym_rated.SyntheticRater, gym_rated.vector
    model = ready_model(gym.make(args.env_id))
    single: dict[str, Callable[[Any], Any]] = {
        "bare": lambda env: env,
        "hide_and_record": lambda env: gym_rated.RatingFeedbackWrapper(env, rater()),
        "learned_reward": lambda env: gym_rated.LearnedRewardWrapper(env, model.predict),
    }
    batched: dict[str, Callable[[Any], Any]] = {
        "vector_bare": lambda envs: envs,
        "vector_hide_and_record": lambda envs: vector.RatingFeedbackWrapper(envs, rater()),
        "vector_learned_reward": lambda envs: vector.LearnedRewardWrapper(envs, model.predict),
    }
    times: dict[str, list[float]] = {name: [] for name in (*single, *batched)}
    for _ in trange(args.turns, unit="turn"):
        for name, wrap in single.items():
            env = wrap(gym.make(args.env_id))
            action = np.zeros(env.action_space.shape, np.float32)
            times[name].append(seconds_per_step(env, action, args.steps))
        for name, wrap in batched.items():
            envs = vector_env(args.env_id, wrap)
            actions = np.zeros(envs.action_space.shape, np.float32)
            seconds = seconds_per_step(envs, actions, args.steps // NUM_ENVS)
            times[name].append(seconds / NUM_ENVS)
    content = {"made_on": provenance(), "env_id": args.env_id, "microseconds": summary(times)}
    content["prediction"] = prediction_times(model, args.turns)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())
    print(json.dumps(content["microseconds"] | content["prediction"], indent=1))


def summary(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return median and quartiles: of a bare step, and of what each wrapper adds to it."""
    found = {}
    for name, values in times.items():
        bare = times["vector_bare" if name.startswith("vector") else "bare"]
        added = np.array(values) - (0 if name.endswith("bare") else np.array(bare))
        low, median, high = np.percentile(added * 1e6, [25, 50, 75]).round(2).tolist()
        found[name] = {"median": median, "low": low, "high": high}
    return found


def prediction_times(model: gym_rated.RewardEnsemble, turns: int) -> dict[str, float]:
    """Return the median microseconds of one call of `predict` for 1, 16 and 2,048 steps."""
    found = {}
    rng = np.random.default_rng(0)
    for num in (1, NUM_ENVS, 2_048):
        obs = rng.normal(size=(num, model.obs_dim)).astype(np.float32)
        actions = rng.normal(size=(num, model.action_dim)).astype(np.float32)
        calls, timings = max(10, 4_000 // num), []
        for _ in range(turns):
            start = time.process_time()
            for _ in range(calls):
                model.predict(obs, actions)
            timings.append((time.process_time() - start) / calls * 1e6)
        found[f"predict_{num}"] = round(float(np.median(timings)), 2)
    return found


if __name__ == "__main__":
    main(tyro.cli(Args))
