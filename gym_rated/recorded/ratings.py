"""Rated segments as a Minari dataset, and back: observations, actions and ratings.

A true reward is never written: a `RatingDataset` does not know it.
"""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.vector.utils import concatenate, create_empty_array
from numpy.typing import NDArray

from gym_rated.imports import named_extras
from gym_rated.ratings import RatingDataset
from gym_rated.recorded.episodes import create_recorded, encode_episode_obs
from gym_rated.segments.encoding import action_dim, encode_actions
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards

if TYPE_CHECKING:
    from gym_rated.recorded.episodes import MinariDataset

_KEY = "gym_rated"  # of the dataset's metadata: the ratings as JSON


def write_minari(
    ratings: RatingDataset,
    dataset_id: str,
    *,
    env_id: str | None = None,
    reward_fn: RewardFn | None = None,
) -> "MinariDataset":
    """Write rated segments as a Minari dataset on this machine: one episode a segment.

    A segment does not hold the observation after its last step: the last one stands there twice.
    Every episode ends as truncated. Answers are in the metadata: of the whole dataset, where
    `read_minari_ratings` finds them, and of each episode as `segment_id`, `round` and `ratings`
    (JSON: rater -> class).

    Args:
        ratings: The segments and their ratings.
        dataset_id: Name of the new dataset, such as "cheetah/rated-v0".
        env_id: Environment whose spaces to use; by default that of the ratings. Where it is not
            known, or observations went through `features`, vectors are written.
        reward_fn: Writes the rewards that a learned model gives; NaN without, because a rated
            segment has no reward, and a zero would be one.

    Returns:
        The new dataset.

    Raises:
        ValueError: If there is such a dataset, or no segment.
        ImportError: If Minari is not installed.
    """
    if not ratings.num_segments:
        raise ValueError("`ratings` must hold at least one segment, got none")
    env_id = env_id or ratings.env_id
    obs_space, action_space = _spaces(env_id, ratings)
    episodes, metadata = [], []
    given = _answers_by_segment(ratings)
    for segment in ratings.segments():
        obs, actions, length = segment.obs, segment.actions, len(segment)
        nothing = np.full(length, np.nan)
        last = np.arange(length) == length - 1
        episodes.append(
            {
                "observations": _decoded(obs_space, [*obs, obs[-1]]),
                "actions": _decoded(action_space, list(actions)),
                "rewards": list(
                    nothing if reward_fn is None else predict_rewards(reward_fn, obs, actions)
                ),
                "terminations": [False] * length,
                "truncations": list(last),
            }
        )
        answers = json.dumps(given.get(segment.id, {}))
        metadata.append({"segment_id": segment.id, "round": segment.round, "ratings": answers})
    dataset = create_recorded(dataset_id, episodes, env_id, obs_space, action_space)
    dataset.storage.update_metadata({_KEY: json.dumps(ratings.state_dict()["meta"])})
    dataset.storage.update_episode_metadata(metadata)
    return dataset


def read_minari_ratings(recorded: "MinariDataset") -> RatingDataset:
    """Read the ratings back that `write_minari` wrote.

    Raises:
        ValueError: If the dataset holds no ratings.
    """
    text = recorded.storage.metadata.get(_KEY)
    if text is None:
        raise ValueError(
            f"`recorded` must hold ratings, got {recorded.spec.dataset_id} without; rate its "
            "episodes with rate_recorded"
        )
    meta = json.loads(text)
    episodes = list(recorded.iterate_episodes(range(len(meta["segments"]))))
    ratings = RatingDataset(meta["obs_dim"], meta["action_dim"], meta["num_classes"])
    obs = [encode_episode_obs(episode, recorded)[:-1] for episode in episodes]
    actions = [encode_actions(recorded.action_space, episode.actions) for episode in episodes]
    ratings.load_state_dict(
        {"meta": meta, "obs": np.concatenate(obs), "actions": np.concatenate(actions)}
    )
    return ratings


def _spaces(env_id: str | None, ratings: RatingDataset) -> tuple[Space[Any], Space[Any]]:
    """Return the spaces to write: those of the environment where they fit, or of vectors."""
    obs_vectors = spaces.Box(-np.inf, np.inf, (ratings.obs_dim,), np.float32)
    action_vectors = spaces.Box(-np.inf, np.inf, (ratings.action_dim,), np.float32)
    if env_id is None:
        return obs_vectors, action_vectors
    import gymnasium as gym

    with named_extras():
        env = gym.make(env_id)
    env.close()
    if action_dim(env.action_space) != ratings.action_dim:
        raise ValueError(
            f"`env_id` must be the environment that was rated, with {ratings.action_dim} numbers "
            f"in an action, got {env_id} with {action_dim(env.action_space)}"
        )
    fits = env.observation_space.is_np_flattenable
    fits = fits and spaces.flatdim(env.observation_space) == ratings.obs_dim
    return (env.observation_space if fits else obs_vectors), env.action_space


def _decoded(space: Space[Any], vectors: list[NDArray[Any]]) -> Any:
    """Turn encoded vectors back into what `space` holds, stacked."""
    items = [spaces.unflatten(space, vector) for vector in vectors]
    return concatenate(space, items, create_empty_array(space, len(items)))  # type: ignore[arg-type]  # gymnasium's own pair


def _answers_by_segment(ratings: RatingDataset) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for rating in ratings.ratings:
        found.setdefault(rating.segment_id, {})[rating.rater] = rating.rating
    return found
