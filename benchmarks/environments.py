"""Run every environment that installs here in the wrappers, single and vector, with a fit.

    python -m benchmarks.environments

The latest version of each of Gymnasium's ids, and one task of each domain of dm_control's suite
(`--every-task`: all of them). Ratings are arbitrary here, by the segment's id: what is checked is
that spaces, resets, segments, ratings, fit and reward go together, not that anything is learned.
Written to benchmarks/results/environments.json; the table is in docs/environments.md.
"""

import json
import time
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium.envs.registration import registry
from tqdm import tqdm

import gym_rated
import gym_rated.vector
from gym_rated.checkpoint.files import replace_file
from gym_rated.environments.registration import SUITE_TASKS, suite_id
from gym_rated.reward_model.images import ConvRewardEnsemble
from gym_rated.runs.provenance import provenance
from gym_rated.segments.encoding import PIXELS, action_dim, obs_dim

RESULTS = Path(__file__).parent / "results"
NUM_ENVS = 2
SEGMENT_LENGTH = 10
IMAGES = "CarRacing-v3"


@dataclass
class Args:
    """What to run."""

    steps: int = 1_000
    """wrapped steps of each environment, half before the fit and half after"""
    num_ratings: int = 30
    """segments to ask about"""
    every_task: bool = False
    """run every task of dm_control's suite, not one of each domain"""
    only: tuple[str, ...] = ()
    """ids to run, in the place of all"""
    out: Path = RESULTS / "environments.json"
    """file of the results"""


def gymnasium_ids() -> list[str]:
    """Return the latest version of each of Gymnasium's own ids."""
    latest: dict[tuple[str | None, str], Any] = {}
    for spec in registry.values():
        ours = spec.namespace in (None, "phys2d", "tabular") and not spec.name.startswith("GymV2")
        key = (spec.namespace, spec.name)
        if ours and (key not in latest or spec.version > latest[key].version):
            latest[key] = spec
    return sorted(spec.id for spec in latest.values())


def suite_ids(every_task: bool) -> list[str]:
    """Return ids of dm_control's suite: one task of each domain, or all."""
    tasks = {domain: names.split() for domain, names in SUITE_TASKS.items()}
    return [suite_id(d, t) for d, ts in tasks.items() for t in (ts if every_task else ts[-1:])]


def make(env_id: str) -> gym.Env:
    """Make an environment; images are shrunk to 48 x 48 and one channel, below the wrappers."""
    env = gym.make(env_id)
    if env_id != IMAGES:
        return env
    space = gym.spaces.Box(0, 255, (48, 48, 1), np.uint8)
    return gym.wrappers.TransformObservation(env, lambda image: image[::2, ::2, 1:2], space)


def by_id(segment: gym_rated.Segment) -> int:
    """Rate by nothing that matters, so that each class occurs whatever the reward is."""
    return zlib.crc32(segment.id.encode()) % 3


def run(env_id: str, args: Args, vector: bool) -> dict[str, Any]:
    """Step, rate, fit, step; returns what happened and the CPU time of a step in microseconds."""
    rater = gym_rated.CallableRater(by_id, num_classes=3)
    wrappers: Any = gym_rated.vector if vector else gym_rated
    thunks = [lambda: make(env_id)] * NUM_ENVS
    env: Any = gym.vector.SyncVectorEnv(thunks) if vector else make(env_id)
    spaces = (env.single_observation_space, env.single_action_space) if vector else ()
    spaces = spaces or (env.observation_space, env.action_space)
    features = PIXELS if env_id == IMAGES else None
    env = feedback = wrappers.RatingFeedbackWrapper(
        env, rater, segment_length=SEGMENT_LENGTH, features=features, capacity=10_000
    )
    model = make_model(spaces, features)
    env = wrappers.LearnedRewardWrapper(env, model.predict, features=features)

    env.action_space.seed(0)
    env.reset(seed=0)
    before = step(env, args.steps // 2)
    feedback.query(args.num_ratings)
    report = learner(model).fit(feedback.ratings)
    after = step(env, args.steps - args.steps // 2)
    if not report.ready or np.any(before.rewards) or not np.any(after.rewards):
        raise RuntimeError(f"no reward was learned: {report}")
    env.close()
    steps = args.steps * (NUM_ENVS if vector else 1)
    return {
        "spaces": [short(space) for space in spaces],
        "steps": steps,
        "segments": feedback.ratings.num_segments,
        "ratings": len(feedback.ratings),
        "episodes": before.episodes + after.episodes,
        "us_per_step": round(1e6 * (before.seconds + after.seconds) / steps, 1),
    }


def short(space: gym.Space) -> str:
    """Return a space in few words, without its bounds."""
    if isinstance(space, gym.spaces.Box):
        return f"Box{space.shape} {space.dtype}"
    return str(space)


def make_model(spaces: Any, features: str | None) -> Any:
    """Return a fresh reward model for the spaces."""
    if features == PIXELS:
        return ConvRewardEnsemble.for_spaces(*spaces, num_members=2, channels=(8, 16))
    return gym_rated.RewardEnsemble(obs_dim(spaces[0]), action_dim(spaces[1]), num_members=2)


def learner(model: Any) -> gym_rated.RewardLearner:
    """Return a learner of few and small steps."""
    loss = gym_rated.MultitaskLoss(num_classes=3, num_members=2, segment_length=SEGMENT_LENGTH)
    return gym_rated.RewardLearner(model, loss, first_steps=10, batch_size=16, progress_bar=False)


@dataclass
class Stretch:
    """What some steps gave."""

    rewards: list[Any]
    episodes: int
    seconds: float


def step(env: Any, num_steps: int) -> Stretch:
    """Take random steps; a reward that is not finite, or an info with anything in it, fails."""
    rewards, episodes, start = [], 0, time.process_time()
    for _ in range(num_steps):
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        if not np.isfinite(reward).all() or info:
            raise RuntimeError(f"reward {reward} and info {info} came through the wrappers")
        rewards.append(reward)
        done = np.sum(np.logical_or(terminated, truncated))
        episodes += int(done)
        if np.ndim(terminated) == 0 and done:
            env.reset()
    return Stretch(rewards, episodes, time.process_time() - start)


def row(env_id: str, args: Args) -> dict[str, Any]:
    """Run one id both ways; what fails is a row with its reason."""
    found: dict[str, Any] = {"env_id": env_id}
    for kind, vector in (("single", False), ("vector", True)):
        try:
            found[kind] = run(env_id, args, vector)
        except Exception as error:  # whatever goes wrong is the result
            reason = str(error).strip().splitlines() or [""]
            found[kind] = {"failed": f"{type(error).__name__}: {reason[0]}"}
    return found


def main(args: Args) -> None:
    """Run all ids and write their rows."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    ids = args.only or (*gymnasium_ids(), *suite_ids(args.every_task))
    rows = [row(env_id, args) for env_id in tqdm(ids, unit="id")]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"made_on": provenance(), "steps": args.steps, "rows": rows}
    replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())
    failed = [r for r in rows if any("failed" in r[kind] for kind in ("single", "vector"))]
    print(f"{len(rows) - len(failed)} of {len(rows)} ids ran, single and vector")
    for r in failed:
        print(r["env_id"], r["single"].get("failed"), r["vector"].get("failed"))


if __name__ == "__main__":
    main(tyro.cli(Args))
