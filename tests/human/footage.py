"""Segments recorded as a training run records them, with what replays them."""

import warnings
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from gym_rated import SeededEpisodes
from gym_rated.environments.seeded import episode_seed
from gym_rated.raters import CallableRater
from gym_rated.vector import RatingFeedbackWrapper


class Footage(NamedTuple):
    """What a render worker gets of one segment."""

    recipe: dict[str, Any]
    raw_actions: np.ndarray
    obs: np.ndarray


def record(
    env_id: str,
    *,
    num_segments: int = 3,
    length: int = 20,
    steps: int = 300,
    num_envs: int = 2,
    seed: int = 7,
    env_kwargs: dict[str, Any] | None = None,
    features: Any = None,
) -> list[Footage]:
    """Let a random policy run in the stack of the scripts, and cut segments at random."""
    kwargs = env_kwargs or {}
    thunks = [
        lambda i=i: SeededEpisodes(gym.make(env_id, **kwargs), seed, i) for i in range(num_envs)
    ]
    asked: list[Any] = []
    rater = CallableRater(lambda segment: asked.append(segment) or 0, 2)
    envs = RatingFeedbackWrapper(
        gym.vector.SyncVectorEnv(thunks),
        rater,
        segment_length=length,
        record_replay=True,
        capacity=num_envs * max(steps, length),
        features=features,
    )
    envs.action_space.seed(seed)
    envs.reset()
    for _ in range(steps):
        envs.step(envs.action_space.sample())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a query with ratings of one class
        envs.query(num_segments)
    footage = []
    for segment in asked:
        origin = segment.origin
        recipe = {
            "env_id": env_id,
            "env_kwargs": kwargs,
            "episode_seed": episode_seed(seed, origin.env_index, origin.episode),
            "first_step": origin.first_step,
            "length": len(segment),
            "env_index": origin.env_index,
            "episode": origin.episode,
        }
        footage.append(Footage(recipe, envs.replay(segment), segment.obs))
    envs.close()
    return footage
