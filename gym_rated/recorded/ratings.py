"""Rated segments as a Minari dataset, and back: observations, actions and ratings.

A true reward is never written: a `RatingDataset` does not know it.
"""

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from gym_rated.checkpoint.documents import parse_json
from gym_rated.checkpoint.restoring import restoring
from gym_rated.imports import check_imports_nothing, named_extras
from gym_rated.ratings import RatingDataset
from gym_rated.ratings.digest import digest_of
from gym_rated.recorded.datasets import create_recorded, damage_said, read_episodes
from gym_rated.recorded.episodes import encode_episode_obs
from gym_rated.segments.encoding import action_dim, encode_actions
from gym_rated.segments.structure import unflattened
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards

if TYPE_CHECKING:
    from gym_rated.recorded.datasets import MinariDataset

_KEY = "gym_rated"  # of the dataset's metadata: the ratings as JSON
_DIGESTS = "gym_rated_digests"  # and what says that the episodes are those that were rated

Steps = tuple[NDArray[Any], NDArray[np.float32]]
"""Observations and actions of a segment, shape (T, D) and (T, A)."""


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
    if env_id is None:
        env_id = ratings.env_id
        remedy = f"if you trust it, pass `env_id` (--env-id) {env_id} yourself"
        check_imports_nothing("env_id", env_id, "ratings", remedy)
    obs_space, action_space = _spaces(env_id, ratings)
    episodes, metadata = [], []
    given = _answers_by_segment(ratings)
    for segment in ratings.segments():
        obs, actions, length = segment.obs, segment.actions, len(segment)
        nothing = np.full(length, np.nan)
        last = np.arange(length) == length - 1
        episodes.append(
            {
                "observations": unflattened(obs_space, np.concatenate([obs, obs[-1:]])),
                "actions": unflattened(action_space, actions),
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
    dataset.storage.update_metadata({_DIGESTS: json.dumps(_seal(ratings))})
    dataset.storage.update_episode_metadata(metadata)
    return dataset


def _seal(ratings: RatingDataset) -> dict[str, Any]:
    """Return a digest of each segment's steps, as they are when read: uint8 as float32."""
    segments = list(ratings.segments())
    digests = [digest_of(s.obs.astype(np.float32), s.actions) for s in segments]
    return {"obs_dtype": segments[0].obs.dtype.name, "sha256": digests}


def read_minari_ratings(recorded: "MinariDataset") -> RatingDataset:
    """Read the ratings back that `write_minari` wrote.

    Every episode is compared with the digest that was written with it. Datasets from before there
    were digests are read with a warning.

    Raises:
        ValueError: If the dataset holds no ratings, is damaged, or an episode is not the one that
            was rated.
    """
    with damage_said(recorded.id):
        text = recorded.storage.metadata.get(_KEY)
    if text is None:
        raise ValueError(
            f"`recorded` must hold ratings, got {recorded.id} without; rate its "
            "episodes with rate_recorded"
        )
    with damage_said(recorded.id), restoring("recorded", recorded.id):
        meta = parse_json(text)
        ratings = RatingDataset(meta["obs_dim"], meta["action_dim"], meta["num_classes"])
        steps = _checked_steps(recorded, [name for name, _, _ in meta["segments"]])
        obs, actions = map(np.concatenate, zip(*steps, strict=True))
        ratings.load_state_dict({"meta": meta, "obs": obs, "actions": actions})
    return ratings


def _checked_steps(recorded: "MinariDataset", names: list[str]) -> list[Steps]:
    """Return observations and actions of the segments, if each episode is the one written for it.

    Raises:
        ValueError: If there are more or fewer episodes than segments, or one of other steps.
    """
    if recorded.total_episodes != len(names):
        raise ValueError(f"it has {recorded.total_episodes} episodes for {len(names)} segments")
    metadata = recorded.storage.get_episode_metadata(range(len(names)))
    written = [str(each.get("segment_id")) for each in metadata]
    if written != names:
        wrong = next(i for i, name in enumerate(names) if name != written[i])
        raise ValueError(f"episode {wrong} is of segment {written[wrong]!r}, not {names[wrong]!r}")
    steps: list[Steps] = []
    for episode in read_episodes(recorded, range(len(names))):
        obs = encode_episode_obs(episode, recorded)[:-1]
        steps.append((obs, encode_actions(recorded.action_space, episode.actions)))
    text = recorded.storage.metadata.get(_DIGESTS)
    if text is None:
        warnings.warn(
            f"{recorded.id} has no digests of its episodes: whether they are those "
            "that were rated cannot be checked; write it anew to have them",
            stacklevel=4,
        )
        return steps
    seal = parse_json(text)
    if seal["sha256"] != [digest_of(*each) for each in steps]:
        raise ValueError("its episodes are not those that were written, by their digests")
    dtype = np.dtype({"uint8": "uint8", "float32": "float32"}[seal["obs_dtype"]])
    return [(obs.astype(dtype), actions) for obs, actions in steps]


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
    rows = (row for segment in ratings.segments() for row in segment.obs)
    fits = fits and all(_survives(env.observation_space, row) for row in rows)
    return (env.observation_space if fits else obs_vectors), env.action_space


def _survives(space: Space[Any], vector: NDArray[Any]) -> bool:
    """Return whether a vector is of a space, and not of features that are as many by chance."""
    try:
        again = spaces.flatten(space, spaces.unflatten(space, vector))
    except (IndexError, ValueError):
        return False
    return np.array_equal(np.asarray(again, np.float32), np.asarray(vector, np.float32))


def _answers_by_segment(ratings: RatingDataset) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for rating in ratings.ratings:
        found.setdefault(rating.segment_id, {})[rating.rater] = rating.rating
    return found
