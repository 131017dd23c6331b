"""Recorded episodes: Minari datasets to rate segments of, and rated segments as one of them.

What is cut from recorded episodes follows the rules of `gym_rated.segments`. What is written holds
observations, actions and ratings, never a true reward. Minari (extra `minari`) is imported late.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.vector.utils import concatenate, create_empty_array
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.encoding import Features, ObservationEncoder, action_dim, encode_actions, obs_dim
from gym_rated.extras import named_extras
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.reward_fn import RewardFn, predict_rewards
from gym_rated.segments import Segment, SegmentBuffer

if TYPE_CHECKING:
    from minari import EpisodeData, MinariDataset

_KEY = "gym_rated"  # of the dataset's metadata: the ratings as JSON


def load_recorded(dataset_id: str) -> "MinariDataset":
    """Open a Minari dataset of this machine.

    Raises:
        FileNotFoundError: If there is none of that name.
        ImportError: If Minari is not installed.
    """
    try:
        with named_extras():
            import minari

            return minari.load_dataset(dataset_id)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`dataset_id` must name a Minari dataset of this machine, got {dataset_id!r}; "
            "`minari download` fetches one, `minari list local` lists them"
        ) from None


def rate_recorded(
    recorded: "MinariDataset",
    rater: Rater,
    num_ratings: int,
    *,
    segment_length: int | Sequence[int] = 50,
    features: Features | None = None,
    max_steps: int = 200_000,
    seed: int = 0,
) -> RatingDataset:
    """Ask a rater about segments of recorded episodes, all in one round.

    Args:
        recorded: The dataset.
        rater: Who rates; a synthetic one reads the recorded rewards. The answers of a slow one are
            added later, by `ratings.update(rater.collect())`.
        num_ratings: How many segments to ask about.
        segment_length: Steps of a segment, or several lengths to draw from.
        features: Maps an observation to a vector, as for the wrappers.
        max_steps: Read random episodes up to that many steps, and no more.
        seed: Of the choice of episodes and segments.

    Returns:
        The segments, and the answers that there are by now.

    Raises:
        ValueError: If no segment can be cut.
    """
    segments = cut_recorded(
        recorded,
        num_ratings,
        segment_length=segment_length,
        features=features,
        max_steps=max_steps,
        seed=seed,
    )
    env_spec = recorded.spec.env_spec
    ratings = RatingDataset(
        obs_dim(recorded.observation_space, features),
        action_dim(recorded.action_space),
        rater.num_classes,
        env_id=None if env_spec is None else env_spec.id,
    )
    rater.submit(segments)
    ratings.add(segments)
    ratings.update(rater.collect())
    return ratings


def cut_recorded(
    recorded: "MinariDataset",
    num_segments: int,
    *,
    segment_length: int | Sequence[int] = 50,
    features: Features | None = None,
    max_steps: int = 200_000,
    seed: int = 0,
) -> list[Segment]:
    """Cut segments from recorded episodes; see `rate_recorded` for the arguments.

    As everywhere, a segment is shorter than `segment_length` only where its episode terminated.

    Returns:
        Segments in random order, of round 0; `true_rewards` are the recorded rewards. A warning
        says so where there are fewer than asked for.

    Raises:
        ValueError: If no segment can be cut.
    """
    num_segments = whole_number("num_segments", num_segments)
    rng = np.random.default_rng(seed)
    episodes = _choose(recorded, whole_number("max_steps", max_steps), rng)
    total = sum(len(episode) for episode in episodes)
    longest = int(np.max(segment_length))
    buffer = SegmentBuffer(
        1,
        obs_dim(recorded.observation_space, features),
        action_dim(recorded.action_space),
        segment_length=segment_length,
        capacity=max(total, longest),
    )
    for episode in episodes:
        _record(buffer, episode, recorded, features)
    cut = buffer.cut(num_segments, rng, round=0)
    if not cut:
        raise ValueError(
            f"`segment_length` must fit into an episode, got {segment_length} for "
            f"{len(episodes)} episodes of {total} steps, none of which terminated"
        )
    if len(cut) < num_segments:
        warnings.warn(
            f"{len(cut)} segments were cut instead of {num_segments}: {len(episodes)} episodes of "
            f"{total} steps hold no more",
            stacklevel=2,
        )
    return [_named(segment, recorded, episodes) for segment in cut]


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
    with named_extras():
        import minari
        from minari.data_collector import EpisodeBuffer

    state = ratings.state_dict()
    if not state["meta"]["segments"]:
        raise ValueError("`ratings` must hold at least one segment, got none")
    env_id = env_id or ratings.env_id
    obs_space, action_space = _spaces(env_id, ratings)
    buffers, metadata, end = [], [], 0
    given = _answers_by_segment(ratings)
    for segment_id, round_, length in state["meta"]["segments"]:
        start, end = end, end + length
        obs, actions = state["obs"][start:end], state["actions"][start:end]
        nothing = np.full(length, np.nan)
        last = np.arange(length) == length - 1
        buffers.append(
            EpisodeBuffer(
                observations=_decoded(obs_space, [*obs, obs[-1]]),
                actions=_decoded(action_space, list(actions)),
                rewards=list(
                    nothing if reward_fn is None else predict_rewards(reward_fn, obs, actions)
                ),
                terminations=[False] * length,
                truncations=list(last),
            )
        )
        answers = json.dumps(given.get(segment_id, {}))
        metadata.append({"segment_id": segment_id, "round": round_, "ratings": answers})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="minari")
        dataset = minari.create_dataset_from_buffers(
            dataset_id,
            buffers,
            env=env_id,
            observation_space=obs_space,
            action_space=action_space,
            algorithm_name="gym_rated",
            description="segments rated by people or programs; no true reward",
            jpeg_encoding=False,
        )
    dataset.storage.update_metadata({_KEY: json.dumps(state["meta"])})
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
    obs = [_encoded_obs(episode, recorded, None)[:-1] for episode in episodes]
    actions = [encode_actions(recorded.action_space, episode.actions) for episode in episodes]
    ratings.load_state_dict(
        {"meta": meta, "obs": np.concatenate(obs), "actions": np.concatenate(actions)}
    )
    return ratings


def _choose(
    recorded: "MinariDataset", max_steps: int, rng: np.random.Generator
) -> "list[EpisodeData]":
    """Read random episodes, as many as stay within `max_steps`; at least one."""
    chosen: list[EpisodeData] = []
    for index in rng.permutation(np.asarray(recorded.episode_indices)).tolist():
        (episode,) = recorded.iterate_episodes([index])
        if chosen and sum(map(len, chosen)) + len(episode) > max_steps:
            break
        chosen.append(episode)
    return chosen


def _record(
    buffer: SegmentBuffer,
    episode: "EpisodeData",
    recorded: "MinariDataset",
    features: Features | None,
) -> None:
    obs = _encoded_obs(episode, recorded, features)
    actions = encode_actions(recorded.action_space, episode.actions)
    buffer.begin(obs[:1])
    for t in range(len(episode)):
        last = t == len(episode) - 1
        terminated = last and bool(episode.terminations[t])
        buffer.record(actions[t : t + 1], episode.rewards[t], terminated, last, obs[t + 1 : t + 2])


def _encoded_obs(
    episode: "EpisodeData", recorded: "MinariDataset", features: Features | None
) -> NDArray[Any]:
    """Return the observations of an episode of T steps, shape (T + 1, D)."""
    num = len(episode) + 1
    return ObservationEncoder(recorded.observation_space, features, num)(episode.observations)


def _named(
    segment: Segment, recorded: "MinariDataset", episodes: "Sequence[EpisodeData]"
) -> Segment:
    """Name a segment by the episode of the dataset that it was cut from."""
    episode = int(episodes[segment.origin.episode].id)
    name = f"{recorded.spec.dataset_id}:{episode}-{segment.origin.first_step}"
    return replace(segment, id=name, origin=replace(segment.origin, episode=episode, policy_step=0))


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
